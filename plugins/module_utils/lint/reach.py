"""Which locations of a server no request can reach, because others take all that they are for.

nginx takes an exact location first, then the longest prefix; unless that one is ``^~``, it tries the expressions in
their order. All of these are regular languages, so what is left for a location is worked out, not tried. What is not
regular takes nothing, and nothing is said of it. Locations within locations are left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..config.parse import Directive
from ..effects.letters import bit
from ..effects.patterns import NotRegular, searched
from ..effects.terms import Algebra, TooMuch
from .scopes import location_kind

__all__ = ["Unreached", "unreached"]

# More is not worked out: steps of automata for a server, and locations of it.
_MOST_STEPS = 20_000
_MOST_LOCATIONS = 300
# Thousands of servers have the same few locations.
_MOST_KNOWN = 4_096
_Shape = tuple[tuple[str, str, bool], ...]
_KNOWN: dict[_Shape, list[tuple[int, int | None]]] = {}


class Unreached(NamedTuple):
    """A location that no request reaches, and the one that takes all of it; None where it takes several to do so."""

    location: Directive
    taker: Directive | None


class _Taking(NamedTuple):
    location: Directive
    term: int


def unreached(server: Directive) -> list[Unreached]:
    """Return the locations of a server that are dead; none where there are too many to tell."""
    locations = server.children("location")
    if not 1 < len(locations) <= _MOST_LOCATIONS:
        return []
    shape = tuple((*location_kind(each), bool(each.children("location"))) for each in locations)
    if shape not in _KNOWN:
        if len(_KNOWN) >= _MOST_KNOWN:
            _KNOWN.clear()
        _KNOWN[shape] = _numbered(locations)
    return [
        Unreached(locations[dead], None if taker is None else locations[taker])
        for dead, taker in _KNOWN.get(shape) or ()
    ]


def _numbered(locations: Sequence[Directive]) -> list[tuple[int, int | None]]:
    """Return the numbers of the dead locations, each with that of its taker."""
    try:
        found = _Reach(locations).dead()
    except (TooMuch, RecursionError):
        return []
    number = {id(each): place for place, each in enumerate(locations)}
    return [(number[id(each.location)], None if each.taker is None else number[id(each.taker)]) for each in found]


class _Reach:
    def __init__(self, locations: Sequence[Directive]) -> None:
        self._terms = Algebra()
        self._steps = 0
        self._paths = self._below("/")
        self._exact = [path for kind, path in map(location_kind, locations) if kind == "="]
        prefixes = [each for each in locations if location_kind(each)[0] in ("", "^~")]
        # A place with places in it is left alone, and a named one is no path.
        self._prefixes = [each for each in prefixes if location_kind(each)[1].startswith("/")]
        self._expressions = [
            _Taking(each, term)
            for each in locations
            if location_kind(each)[0].startswith("~")
            for term in [self._read(each)]
            if term is not None
        ]

    def dead(self) -> list[Unreached]:
        """Return what is dead, expressions first."""
        held = self._terms.either(self._longest(each) for each in self._prefixes if location_kind(each)[0] == "^~")
        left = self._without(self._paths, [held, *map(self._text, self._exact)])
        found = []
        for number, (location, term) in enumerate(self._expressions):
            found += self._judged(location, self._terms.both((left, term)), self._expressions[:number])
        for prefix in self._prefixes:
            if location_kind(prefix)[0] == "" and not prefix.children("location"):
                mine = self._without(self._longest(prefix), map(self._text, self._exact))
                found += self._judged(prefix, mine, self._expressions)
        return found

    def _judged(self, location: Directive, mine: int, others: Sequence[_Taking]) -> list[Unreached]:
        """Return the location where nothing of what is ``mine`` is left by the others. Exact places alone kill none."""
        if not others or not self._is_empty(self._without(mine, (each.term for each in others))):
            return []
        if self._is_empty(mine):
            return []
        taker = next((each.location for each in others if self._is_empty(self._without(mine, [each.term]))), None)
        return [Unreached(location, taker)]

    def _longest(self, prefix: Directive) -> int:
        """Return the paths for which a prefix is the longest."""
        path = location_kind(prefix)[1]
        longer = {other for _, other in map(location_kind, self._prefixes) if other.startswith(path) and other != path}
        return self._without(self._below(path), map(self._below, longer))

    def _read(self, location: Directive) -> int | None:
        kind, pattern = location_kind(location)
        try:
            return searched(self._terms, pattern, kind == "~*")
        except NotRegular:
            return None

    def _text(self, text: str) -> int:
        return self._terms.text(bit(ord(each)) for each in text)

    def _below(self, path: str) -> int:
        return self._terms.then(self._text(path), Algebra.ANY)

    def _without(self, term: int, others: Iterable[int]) -> int:
        return self._terms.both((term, self._terms.without(self._terms.either(others))))

    def _is_empty(self, term: int) -> bool:
        """Return whether a language has no text. Raises ``TooMuch`` where that takes too long."""
        terms, seen, waiting = self._terms, {term}, [term]
        while waiting:
            here = waiting.pop()
            if terms.matches_empty(here):
                return False
            for letters in terms.division(here):
                self._steps += 1
                if self._steps > _MOST_STEPS:
                    raise TooMuch("it takes too many steps")
                then = terms.step(here, letters & -letters)
                if then not in seen:
                    seen.add(then)
                    waiting.append(then)
        return True
