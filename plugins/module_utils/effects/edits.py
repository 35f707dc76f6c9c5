"""Which edits are behind a pair of decisions: those of the lines that decide, then those around them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..behaviour.changes import DirectiveChange
from ..config.parse import Directive
from .comparing import Conditioned, Pair
from .sides import PASSES, variables

__all__ = ["Edits"]

_MOST = 3
_STEERING = ("location", "rewrite", "return", "if", "set", "break", "root", "alias", "try_files", "internal", *PASSES)
_ADMITTING = ("server", "server_name", "listen")
_Lines = Mapping[tuple[str, ...], tuple[Directive, ...]]
_DEFINING = ("map", "geo", "split_clients", "upstream")


class Edits:
    """The changes of a configuration, found by the directives that they are about."""

    def __init__(self, changed: Sequence[DirectiveChange]) -> None:
        self._changed = changed
        self._of: dict[int, list[DirectiveChange]] = {}
        self._in: dict[int, list[DirectiveChange]] = {}
        self._defining: dict[str, list[DirectiveChange]] = {}
        self._setting: dict[str, list[DirectiveChange]] = {}
        for change in changed:
            for whole in (change.old, change.new):
                for part in whole.walk() if whole is not None else ():
                    self._of.setdefault(id(part), []).append(change)
                    if part.name == "set" and part.args:
                        self._setting.setdefault(part.args[0], []).append(change)
            for block in change.blocks:
                if block is not None:
                    self._in.setdefault(id(block), []).append(change)
            for block in (*change.blocks, change.old, change.new):
                if block is not None and block.name in _DEFINING and block.args:
                    name = block.args[0 if block.name == "upstream" else -1].lstrip("$")
                    self._defining.setdefault(name, []).append(change)

    def behind(
        self,
        pair: Pair,
        lines: Sequence[_Lines],
        servers: Sequence[Directive | None],
    ) -> list[DirectiveChange]:
        """Return the edits behind a pair of decisions, at most three, the nearest first."""
        first = pair.cases[0]
        met = [*_behind(lines[1], first.candidate.place), *_behind(lines[0], first.live.place)]
        around = [server for server in (servers[1], servers[0]) if server is not None]
        return list(dict.fromkeys(self._near(pair, met, around)))[:_MOST]

    def _near(self, pair: Pair, met: Sequence[Directive], servers: Sequence[Directive]) -> Iterator[DirectiveChange]:
        names = _settings(pair)
        found: list[DirectiveChange] = []
        if not pair.names:
            found += self._direct([*reversed(met)])
            found += self._within(reversed(met), names, pair)
            found += [change for name in sorted(names) for change in self._setting.get(name, [])]
            found += self._definitions(met, servers)
            found += self._fallbacks(servers) if any(_falls_back(case) for case in pair.cases) else []
        if not found:
            found += self._within(servers, names, pair)
        if not found:
            found += [change for change in self._changed if change.name in names and _is_outer(change)]
        if not found:
            found += self._direct(servers)
            found += [each for server in servers for each in self._in.get(id(server), []) if each.name in _ADMITTING]
        if not found:
            found += [change for change in self._changed if change.name in _ADMITTING]
        yield from found

    def _fallbacks(self, servers: Sequence[Directive]) -> list[DirectiveChange]:
        """Return the edits of locations that requests are only handed on to."""
        named = [each for server in servers for each in server.children("location") if each.args[0].startswith("@")]
        return [change for block in named for each in block.walk() for change in self._touching(each)]

    def _touching(self, part: Directive) -> list[DirectiveChange]:
        return [*self._of.get(id(part), []), *self._in.get(id(part), [])]

    def _direct(self, lines: Iterable[Directive]) -> list[DirectiveChange]:
        return [change for line in lines for change in self._of.get(id(line), [])]

    def _within(self, blocks: Iterable[Directive], names: set[str], pair: Pair) -> list[DirectiveChange]:
        found = []
        for block in blocks:
            for change in self._in.get(id(block), []):
                if change.name in names or (change.name in _STEERING and _leads_elsewhere(pair)):
                    found.append(change)
        return found

    def _definitions(self, met: Sequence[Directive], servers: Sequence[Directive]) -> list[DirectiveChange]:
        if not self._defining:
            return []
        own = [each for block in (*met, *servers) for each in block.block or [] if each.name != "location"]
        inner = [line for each in own if each.name == "if" for line in each.walk()]
        words = " ".join(word for line in (*met, *own, *inner) for word in line.args)
        named = {*variables(words)}
        return [
            change
            for name, changes in self._defining.items()
            if name in named or f"//{name}" in words
            for change in changes
        ]


def _behind(lines: _Lines, place: tuple[str, ...]) -> tuple[Directive, ...]:
    """Return the directives behind a place; one after rewrites is made of two."""
    for number in range(len(place) + 1):
        if place[number:] in lines and (not number or place[:number] in lines):
            return (*(lines[place[:number]] if number else ()), *lines[place[number:]])
    return ()


def _settings(pair: Pair) -> set[str]:
    if pair.names:
        return {*pair.names}
    return {name for case in pair.cases for name, _ in case.live.settings ^ case.candidate.settings}


def _leads_elsewhere(pair: Pair) -> bool:
    if pair.names:
        return False
    return any(
        (case.live.what, case.live.behind) != (case.candidate.what, case.candidate.behind) for case in pair.cases
    )


def _falls_back(case: Conditioned) -> bool:
    return case.live.behind != case.candidate.behind


def _is_outer(change: DirectiveChange) -> bool:
    around = change.blocks[1] or change.blocks[0]
    return around is None or around.name == "http"
