"""Regular languages as terms, and their derivatives by letters (Brzozowski): automata that are made as far as needed.

A term is a number; equal terms have equal numbers. Unlike the automata of a library they know intersection and
complement, so a look-ahead is no exception, and an alternation of a thousand words costs what is walked of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from .derivatives import Derivatives
from .letters import EVERY, refined

__all__ = ["Algebra", "TooMuch"]

_MOST_TERMS = 200_000
_MOST_REPEATS = 1000


class TooMuch(Exception):
    """The work is bounded, and this would be more."""


class _Term(NamedTuple):
    kind: str
    letters: int = 0
    one: int = 0
    other: int = 0
    parts: frozenset[int] = frozenset()


class Algebra(Derivatives):
    """The terms of one comparison. ``NOTHING`` matches no text, ``EMPTY`` the empty one and ``ANY`` each."""

    NOTHING, EMPTY, ANY = 0, 1, 2

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[_Term, int] = {}
        self._terms: list[_Term] = []
        self._empty: list[bool] = []
        self.read: dict[tuple[str, bool], int | Exception] = {}
        """What patterns have been read as; ``patterns.py`` keeps it."""
        self._make(_Term("letters"), False)
        self._make(_Term("empty"), True)
        self._make(_Term("not", one=self.NOTHING), True)

    def _make(self, term: _Term, empty: bool) -> int:
        found = self._known.get(term)
        if found is None:
            if len(self._terms) >= _MOST_TERMS:
                raise TooMuch("an automaton grows too large")
            found = self._known[term] = len(self._terms)
            self._terms.append(term)
            self._empty.append(empty)
        return found

    def matches_empty(self, term: int) -> bool:
        """Return whether the empty text is in a language."""
        return self._empty[term]

    def letters(self, letters: int) -> int:
        """Return the language of each single letter of a set."""
        return self._make(_Term("letters", letters), False)

    def text(self, text: Iterable[int]) -> int:
        """Return the language of a text, given as a set of letters for each place."""
        found = self.EMPTY
        for each in reversed(list(text)):
            found = self.then(self.letters(each), found)
        return found

    def then(self, one: int, other: int) -> int:
        """Return each text of one language with each text of another one after it."""
        if self.NOTHING in (one, other):
            return self.NOTHING
        if one == self.EMPTY:
            return other
        if other == self.EMPTY or one == other == self.ANY:
            return one
        first = self._terms[one]
        if first.kind == "then":
            return self.then(first.one, self.then(first.other, other))
        return self._make(_Term("then", one=one, other=other), self._empty[one] and self._empty[other])

    def either(self, terms: Iterable[int]) -> int:
        """Return what is in any of some languages."""
        found: set[int] = set()
        for number in terms:
            term = self._terms[number]
            found |= term.parts if term.kind == "either" else {number}
        if self.ANY in found:
            return self.ANY
        single = [number for number in found if self._terms[number].kind == "letters"]
        if single:
            found.difference_update(single)
            letters = 0
            for number in single:
                letters |= self._terms[number].letters
            if letters:
                found.add(self.letters(letters))
        if self.EMPTY in found and any(self._empty[number] for number in found - {self.EMPTY}):
            found.remove(self.EMPTY)
        if len(found) < 2:
            return found.pop() if found else self.NOTHING
        return self._make(_Term("either", parts=frozenset(found)), any(self._empty[number] for number in found))

    def both(self, terms: Iterable[int]) -> int:
        """Return what is in each of some languages."""
        found = set(terms) - {self.ANY}
        if self.NOTHING in found:
            return self.NOTHING
        if len(found) < 2:
            return found.pop() if found else self.ANY
        return self._make(_Term("both", parts=frozenset(found)), all(self._empty[number] for number in found))

    def without(self, number: int) -> int:
        """Return what is not in a language."""
        term = self._terms[number]
        if term.kind == "not":
            return term.one
        return self._make(_Term("not", one=number), not self._empty[number])

    def often(self, number: int) -> int:
        """Return any number of texts of a language, one after the other."""
        term = self._terms[number]
        if number in (self.NOTHING, self.EMPTY):
            return self.EMPTY
        if number == self.ANY or term == _Term("letters", EVERY):
            return self.ANY
        return number if term.kind == "often" else self._make(_Term("often", one=number), True)

    def repeat(self, number: int, least: int, most: int | None) -> int:
        """Return from ``least`` to ``most`` texts of a language, one after the other; None is for any number.

        Raises ``TooMuch`` for more than 1,000 of them.
        """
        if max(least, most or 0) > _MOST_REPEATS:
            raise TooMuch(f"a part is repeated more than {_MOST_REPEATS:,} times")
        found = self.often(number) if most is None else self.EMPTY
        for _ in range((least if most is None else most) - least):
            found = self.either((self.EMPTY, self.then(number, found)))
        for _ in range(least):
            found = self.then(number, found)
        return found

    def _step(self, number: int, letter: int) -> int:
        term = self._terms[number]
        if term.kind == "letters":
            return self.EMPTY if term.letters & letter else self.NOTHING
        if term.kind == "empty":
            return self.NOTHING
        if term.kind == "not":
            return number if number == self.ANY else self.without(self.step(term.one, letter))
        if term.kind == "either":
            return self.either([self.step(each, letter) for each in term.parts])
        if term.kind == "both":
            return self.both([self.step(each, letter) for each in term.parts])
        if term.kind == "often":
            return self.then(self.step(term.one, letter), number)
        first = self.then(self.step(term.one, letter), term.other)
        return self.either((first, self.step(term.other, letter))) if self._empty[term.one] else first

    def _division(self, number: int) -> tuple[int, ...]:
        term = self._terms[number]
        if term.kind == "letters":
            return tuple(each for each in (term.letters, EVERY & ~term.letters) if each)
        if term.kind == "empty" or number == self.ANY:
            return (EVERY,)
        if term.kind in ("not", "often"):
            return self.division(term.one)
        if term.kind in ("either", "both"):
            return refined(self.division(each) for each in term.parts)
        first = self.division(term.one)
        return refined((first, self.division(term.other))) if self._empty[term.one] else first
