"""Upstreams of several members: which of them answers is chance, so they count as one place."""

from __future__ import annotations

from collections.abc import Mapping

from ..config.parse import Config, Directive
from ..contract.url import bracketed
from ..environment.model import endpoint

__all__ = ["Pools", "groups"]


def groups(config: Config) -> dict[str, list[Directive]]:
    """The members of each ``upstream`` that take part from the beginning, by its name."""
    return {
        block.args[0]: [
            member for member in block.children("server") if member.args and not {"down", "backup"} & set(member.args)
        ]
        for block in config.named("upstream")
        if block.args
    }


class Pools:
    """Writes addresses and names of upstreams so that live and candidate can be compared."""

    def __init__(self, live: Config, candidate: Config, addresses: Mapping[str, str]) -> None:
        """``addresses`` gives each name of the environment its address there."""
        self._addresses = addresses
        first, second = groups(live), groups(candidate)
        known = {name: name for name in first}
        for name in second:
            wanted = _members(second[name])
            same = (other for other in first if _members(first[other]) == wanted and other not in second)
            known.setdefault(name, name if name in first else next(same, name))
        several = {known[name] for each in (first, second) for name in each if len(each[name]) > 1}
        self._names = known
        self._of: tuple[dict[str, set[str]], ...] = ({}, {})
        for table, found in zip(self._of, (first, second), strict=True):
            for name, members in found.items():
                if known[name] in several:
                    for member in members:
                        table.setdefault(self._address(member.args[0]), set()).add(known[name])

    def _address(self, text: str) -> str:
        if text.startswith("unix:"):
            return text
        found = endpoint(text)
        return f"{bracketed(self._addresses.get(found.host, found.host))}:{found.port}"

    def place(self, address: str, candidate: bool) -> str:
        """An address that an upstream answered at; a member of a pool is as good as another."""
        pools = self._of[candidate].get(address)
        return f"a member of {' or '.join(sorted(pools))}" if pools else address

    def host(self, name: str) -> str:
        """A ``Host`` that an upstream saw; the name of a pool means the pool, whatever it is called."""
        return f"the upstream {self._names[name]}" if name in self._names else name


def _members(members: list[Directive]) -> list[str]:
    return sorted(member.args[0] for member in members)
