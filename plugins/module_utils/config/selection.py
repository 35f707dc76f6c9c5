"""Which servers of a large configuration are asked: those that a change can reach, and a sample of the others."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from ..textfmt import count
from .parse import Config, Directive

__all__ = ["EVERY_SERVER", "MOST_IN_FULL", "Selection", "spread"]

MOST_IN_FULL = 1_000
"""A change of ``http`` reaches every server; so many of those that it reaches are asked."""


class Selection(NamedTuple):
    """Servers by identity (``id``), of the live configuration as well: those asked ``in_full``, and the ``sampled``.

    ``reached`` are how many the change can reach, of ``total``. Where nothing ``is_partial``, every server is asked.
    """

    in_full: frozenset[int] = frozenset()
    sampled: frozenset[int] = frozenset()
    asked_in_full: int = 0
    asked_by_sample: int = 0
    reached: int = 0
    total: int = 0
    is_partial: bool = False

    def takes(self, server: Directive) -> bool:
        """Return whether a server is asked at all."""
        return not self.is_partial or id(server) in self.in_full or id(server) in self.sampled

    def is_sampled(self, server: Directive) -> bool:
        """Return whether a server is asked as one of the sample, with little."""
        return self.is_partial and id(server) in self.sampled

    def servers(self, config: Config) -> Sequence[Directive]:
        """List the servers of a configuration that are asked."""
        return [server for server in config.servers() if self.takes(server)] if self.is_partial else config.servers()

    @property
    def words(self) -> str:
        """Which servers are asked, for a person; nothing where all of them are."""
        if not self.is_partial:
            return ""
        full = f"{self.asked_in_full or 'none'} asked in full"
        if self.asked_in_full < self.reached:
            full = f"{self.asked_in_full:,} of {self.reached:,} that the change can reach asked in full"
        others = self.total - self.reached
        sampled = f" and {self.asked_by_sample:,} of {others:,} others by sample" if others else ""
        return f"of {count(self.total, 'server')}, {full}{sampled} (gates_sample)"

    def to_json(self) -> dict[str, int]:
        """The numbers as plain data, for the record; empty where every server is asked."""
        if not self.is_partial:
            return {}
        return {
            "servers": self.total,
            "reached": self.reached,
            "in_full": self.asked_in_full,
            "by_sample": self.asked_by_sample,
        }


EVERY_SERVER = Selection()
"""What small configurations have."""


def spread(found: Sequence[Directive], most: int, seed: int) -> Collection[Directive]:
    """Choose at most ``most``, evenly; which ones they are depends on ``seed``, so that many runs come to all."""
    if len(found) <= most:
        return found
    step = len(found) / most
    first = seed % max(1, int(step))
    return [found[int(number * step) + first] for number in range(most) if int(number * step) + first < len(found)]
