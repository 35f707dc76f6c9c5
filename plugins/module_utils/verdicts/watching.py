"""Who watches a release go through the gates."""

from __future__ import annotations

from collections.abc import Callable

from .model import Verdict

__all__ = ["UNWATCHED", "Watcher"]


class Watcher:
    """Is told of one release what happens to it, when it happens, on the thread that takes it through the gates.

    This one does nothing with it.
    """

    def waits(self, on: Callable[[], str]) -> None:
        """Take note that staging is being made; ``on`` returns what it does now, in words, or nothing."""

    def began(self, gate: str, asked: Callable[[], int]) -> None:
        """Take note that a gate runs; ``asked`` returns how many requests it has made so far."""

    def fell(self, verdict: Verdict) -> None:
        """Take note of a verdict, which is final."""

    def tried(self, gate: str, trials: int) -> None:
        """Take note of the search for the culprit: for which gate it tries edits, and how many trials there were."""

    def ended(self) -> None:
        """Take note that no more is done for the release."""


UNWATCHED = Watcher()
"""For a release that nobody watches."""
