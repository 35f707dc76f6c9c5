"""The capturing groups of regular expressions, and what a target makes of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..config.regexes import REPEATS, compiled, parsed
from ..config.samples import matching

__all__ = ["UNKNOWN", "examples", "filled", "groups", "nested", "numbers", "repeated"]

UNKNOWN = 9
"""As many groups as can be named: of an expression that Python does not understand, nothing is said."""

_NUMBER = re.compile(r"\$(?:\{([1-9])\}|([1-9]))")


def groups(pattern: str) -> int:
    """Return how many groups an expression captures."""
    # A map has thousands of expressions without any.
    if "(" not in pattern:
        return 0
    regex = compiled(pattern)
    return UNKNOWN if regex is None else regex.regex.groups


def numbers(text: str) -> list[int]:
    """Return the numbers of the groups that a text uses, as ``$1``."""
    return [int(one[1] or one[2]) for one in _NUMBER.finditer(text)]


def filled(text: str, match: re.Match[str]) -> str:
    """Return a text with the groups of a match in place."""
    found = {number: group or "" for number, group in enumerate(match.groups(), 1)}
    return _NUMBER.sub(lambda one: found.get(int(one[1] or one[2]), ""), text)


def examples(pattern: str, *, ignore_case: bool = False) -> list[re.Match[str]]:
    """Return matches of an expression with paths that it is for."""
    regex = compiled(pattern, ignore_case)
    paths = matching(pattern, path=True, ignore_case=ignore_case) if regex else []
    return [match for path in paths if regex is not None and (match := regex.search(path)) is not None]


def nested(pattern: str) -> list[tuple[int, int]]:
    """Return the pairs of groups of which the second lies within the first."""
    regex = compiled(pattern)
    return list(_nested(parsed(regex.regex.pattern), ())) if regex else []


def repeated(pattern: str) -> set[int]:
    """Return the groups that are repeated as a whole, as ``([a-z])*``: each keeps what it matched last."""
    if ")" not in pattern:
        return set()
    regex = compiled(pattern)
    return set(_repeated(parsed(regex.regex.pattern))) if regex else set()


def _repeated(parts: Any) -> Iterator[int]:
    for name, value in parts:
        kind = str(name)
        if kind in REPEATS:
            _, most, inner = value
            if most > 1 and len(inner) == 1 and str(inner[0][0]) == "SUBPATTERN" and inner[0][1][0]:
                yield inner[0][1][0]
            yield from _repeated(inner)
        elif kind == "SUBPATTERN":
            yield from _repeated(value[3])
        elif kind == "BRANCH":
            for each in value[1]:
                yield from _repeated(each)


def _nested(parts: Any, around: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    for name, value in parts:
        kind, inner, outer = str(name), [], around
        if kind == "SUBPATTERN":
            number, inner = value[0], [value[3]]
            if number:
                yield from ((each, number) for each in around)
                outer = (*around, number)
        elif kind == "BRANCH":
            inner = value[1]
        elif kind in REPEATS:
            inner = [value[2]]
        elif kind == "ATOMIC_GROUP":
            inner = [value]
        for each in inner:
            yield from _nested(each, outer)
