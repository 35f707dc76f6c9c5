"""Regular expressions of a configuration, asked by Python in a bounded time.

nginx has PCRE, and here is Python's ``re``, which goes back over a text without any limit. So it is worked out first
how often an expression could go back over a text of a given length; of a text that is too long for it, as of an
expression that Python does not understand, nothing is said: nginx decides.
"""

from __future__ import annotations

import collections
import functools
import importlib
import itertools
import math
import re
import warnings
from collections.abc import Iterable
from typing import Any, NamedTuple

__all__ = ["CATEGORIES", "REPEATS", "Regex", "compiled", "parsed", "translated"]

_LONGEST = 16_384
_MOST_STEPS = 1_000_000
_MOST_EDGES = 20_000
_MOST_EMPTY = 64
# What is repeated no more often is written out, in the mind.
_WRITTEN_OUT = 8
_CODES = 128
_EVERY = (1 << (_CODES + 1)) - 1
_OTHERS = 1 << _CODES
CATEGORIES = {"CATEGORY_DIGIT": r"\d", "CATEGORY_WORD": r"\w", "CATEGORY_SPACE": r"\s"}
"""Categories of letters as Python's parser calls them, and their expressions."""
REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")
"""What Python's parser calls repetitions."""
_BEGINNINGS = ("AT_BEGINNING", "AT_BEGINNING_STRING")
_parser: Any = importlib.import_module("re._parser")

# Python says that it could mean something else one day; here it means what it means.
warnings.filterwarnings("ignore", "Possible (nested set|set \\w+)", FutureWarning)


class _TooSlow(Exception):
    """The expression can go back over a text for ever."""


class Regex(NamedTuple):
    """An expression, and the length of the longest text that it is asked about."""

    regex: re.Pattern[str]
    longest: int

    def search(self, text: str) -> re.Match[str] | None:
        """Return what is found in a text; None as well for one that is too long."""
        return self.regex.search(text) if len(text) <= self.longest else None


@functools.lru_cache(maxsize=20_000)
def compiled(pattern: str, ignore_case: bool = False) -> Regex | None:
    """Return a regex of nginx's for Python; None for what Python does not understand, or not in time."""
    if len(pattern) > _LONGEST or "[[:" in pattern:
        return None
    python = translated(pattern)
    try:
        found = re.compile(python, re.IGNORECASE if ignore_case else 0)
        longest = _longest(parsed(python), ignore_case)
    except (re.error, OverflowError, RecursionError, _TooSlow):
        return None
    return Regex(found, longest)


def translated(pattern: str) -> str:
    """Return a regex of nginx's as Python writes it."""
    return pattern.replace("(?<", "(?P<").replace("(?P<=", "(?<=").replace("(?P<!", "(?<!")


@functools.lru_cache(maxsize=1_000)
def parsed(pattern: str) -> Any:
    """Return Python's own reading of an expression that it has compiled: it is shared, so nobody writes to it."""
    return _parser.parse(pattern)


def _longest(tree: Any, ignore_case: bool) -> int:
    """Return how long a text may be for ``_MOST_STEPS``. Raises ``_TooSlow`` where no length is safe."""
    machine = _Positions(ignore_case)
    whole = machine.sequence(tree, 1)
    anchored = bool(tree) and str(tree[0][0]) == "AT" and str(tree[0][1]) in _BEGINNINGS
    turns = machine.turns() + (not anchored)
    ways = machine.ways(whole)
    return int((_MOST_STEPS * math.factorial(min(turns, 12)) / ways) ** (1 / max(turns, 1)))


class _Part(NamedTuple):
    """A part of an expression: in how many ways it can be empty, and the places that it begins and ends with.

    A place that it begins or ends with in several ways is there as often.
    """

    empty: int
    first: list[int]
    last: list[int]


_NOTHING = _Part(1, [], [])


class _Positions:
    """The places of an expression, each with the letters that fit, and which place can come after which."""

    def __init__(self, ignore_case: bool) -> None:
        self.ignore_case = ignore_case
        self.letters: list[int] = []
        self.after: list[list[int]] = []
        self.looped: set[int] = set()
        self.loops: list[range] = []
        self.edges = 0
        self.beside = 1

    def ways(self, whole: _Part) -> int:
        """Return how many ways there are outside of loops where one letter leads on to several places."""
        found = self.around(whole) * self.beside
        for place, following in enumerate(self.after):
            if place not in self.looped:
                found = min(found * self.choices(following), _MOST_STEPS)
        return found

    def around(self, whole: _Part) -> int:
        """Return in how many ways a part can begin and end."""
        ends = collections.Counter(whole.last)
        return max(1, whole.empty, *ends.values()) * self.choices(whole.first)

    def turns(self) -> int:
        """Return how many loops there are that a letter can go on in or leave; the others count as one."""
        unsure = sum(any(self.choices(self.after[place]) > 1 for place in loop) for loop in self.loops)
        return unsure + (unsure < len(self.loops))

    def choices(self, places: list[int]) -> int:
        seen = more = 0
        for place in places:
            more += bool(seen & self.letters[place])
            seen |= self.letters[place]
        return 1 + more

    def sequence(self, parts: Iterable[tuple[Any, Any]], times: int) -> _Part:
        whole = _NOTHING
        for name, value in parts:
            whole = self.joined(whole, self.part(str(name), value, times))
        return whole

    def joined(self, one: _Part, other: _Part) -> _Part:
        self.connect(one.last, other.first)
        if one.empty * other.empty > _MOST_EMPTY:
            raise _TooSlow
        return _Part(
            one.empty * other.empty, [*one.first, *other.first * one.empty], [*one.last * other.empty, *other.last]
        )

    def connect(self, last: list[int], first: list[int]) -> None:
        self.edges += len(last) * len(first)
        if self.edges > _MOST_EDGES:
            raise _TooSlow
        for place in last:
            self.after[place] += first

    def part(self, name: str, value: Any, times: int) -> _Part:
        if name in REPEATS:
            least, most, body = value
            return self.repeat(int(least), int(most), body, times)
        if name == "SUBPATTERN":
            return self.sequence(value[3], times)
        if name == "ATOMIC_GROUP":
            return self.sequence(value, times)
        if name == "BRANCH":
            branches = [self.sequence(branch, times) for branch in value[1]]
            first, last = [[*itertools.chain(*ends)] for ends in zip(*(each[1:] for each in branches), strict=True)]
            return _Part(sum(each.empty for each in branches), first, last)
        if name in ("ASSERT", "ASSERT_NOT"):
            self.beside *= self.around(self.sequence(value[1], times))
            return _NOTHING
        if name == "AT":
            return _NOTHING
        return self.place(self.fitting(name, value))

    def repeat(self, least: int, most: int, body: Any, times: int) -> _Part:
        start = len(self.letters)
        part = self.sequence(body, times * max(most, 1))
        if most > 1:
            self.connect(part.last, part.first)
        if times * most > _WRITTEN_OUT:
            loop = range(start, len(self.letters))
            self.loops.append(loop)
            self.looped.update(loop)
            # One letter that leads on in two ways, in each turn: so many ways double with each letter.
            if part.empty or any(self.choices([to for to in self.after[place] if to >= start]) > 1 for place in loop):
                raise _TooSlow
        return _Part(part.empty + (least == 0), part.first, part.last)

    def place(self, letters: int) -> _Part:
        self.letters.append(letters)
        self.after.append([])
        at = [len(self.letters) - 1]
        return _Part(0, at, at)

    def fitting(self, name: str, value: Any) -> int:
        """Return the letters that fit a place, a bit for each."""
        if name == "LITERAL":
            return self.code(value)
        if name == "NOT_LITERAL":
            return _EVERY & ~self.code(value) | _OTHERS
        if name == "IN":
            return self.one_of(value)
        return _EVERY

    def code(self, code: int) -> int:
        if not self.ignore_case:
            return 1 << min(code, _CODES)
        letters = {*chr(code).lower(), *chr(code).upper()}
        return sum({1 << min(ord(letter), _CODES) for letter in letters})

    def one_of(self, choices: list[tuple[Any, Any]]) -> int:
        found = 0
        for kind, value in choices:
            name = str(kind)
            if name == "LITERAL":
                found |= self.code(value)
            elif name == "RANGE":
                for code in range(value[0], min(value[1], _CODES) + 1):
                    found |= self.code(code)
                found |= _OTHERS if value[1] >= _CODES else 0
            elif name == "CATEGORY":
                found |= _category(str(value))
        return (_EVERY & ~found) | _OTHERS if str(choices[0][0]) == "NEGATE" else found


@functools.cache
def _category(name: str) -> int:
    regex = re.compile(CATEGORIES[name.replace("_NOT", "")])
    found = sum(1 << code for code in range(_CODES) if regex.match(chr(code))) | _OTHERS
    return (_EVERY & ~found) | _OTHERS if "_NOT" in name else found
