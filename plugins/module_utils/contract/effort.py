"""How much work a regular expression may be, reckoned from Python's own parse of it."""

from __future__ import annotations

import re
from typing import Any, NamedTuple, Pattern

__all__ = ["is_quick"]

# Steps of the matcher, of which a processor does some hundred in a microsecond.
_QUICK = 2_000_000
_ENDLESS = float("inf")
_LENGTHS = tuple(4**power for power in range(3, 11))
# Patterns that are remembered.
_MOST = 2000
_REPEATS = frozenset({"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"})
_SINGLE = frozenset({"LITERAL", "NOT_LITERAL", "ANY", "IN", "AT", "CATEGORY", "FAILURE"})
_INSIDE = frozenset({"ASSERT", "ASSERT_NOT", "ATOMIC_GROUP", "SUBPATTERN"})


class _KnownPattern(NamedTuple):
    """A pattern's parse, the letters with which all that it matches begins, and the length up to which any text is
    quick.
    """

    tree: Any
    prefix: str
    length: int


_known: dict[Pattern[str], _KnownPattern] = {}


def is_quick(pattern: Pattern[str], text: str) -> bool:
    """Return whether looking for a pattern in a text takes a moment at most, whatever the text is."""
    known = _known.get(pattern)
    if known is None:
        if len(_known) >= _MOST:
            _known.clear()
        known = _known[pattern] = _read(pattern)
    length = len(text)
    if length <= known.length:
        return True
    if known.tree is None or not known.prefix:
        return False
    return _steps(known.tree, length, _starts(known.prefix, text)) <= _QUICK


def _starts(prefix: str, text: str) -> int:
    """Return at how many places a match may begin, at most: ``count`` leaves out what overlaps."""
    return text.count(prefix) * len(prefix) + 1


def _read(pattern: Pattern[str]) -> _KnownPattern:
    """Reckon for a pattern; one whose parse has an unknown form is never quick."""
    try:
        try:
            from re import _parser as parser  # type: ignore[attr-defined]
        except ImportError:
            import sre_parse as parser

        tree = list(parser.parse(pattern.pattern, pattern.flags))
        anchored = _is_anchored(tree, pattern.flags)
        length = 0
        for each in _LENGTHS:
            if _steps(tree, each, 1 if anchored else each + 1) > _QUICK:
                break
            length = each
        return _KnownPattern(tree, "" if pattern.flags & re.IGNORECASE else _prefix(tree), length)
    except Exception:
        return _KnownPattern(None, "", 0)


def _is_anchored(tree: list[Any], flags: int) -> bool:
    """``^`` that is the beginning of the text alone, or ``\\A``."""
    if not tree or str(tree[0][0]) != "AT":
        return False
    where = str(tree[0][1])
    return where == "AT_BEGINNING_STRING" or (where == "AT_BEGINNING" and not flags & re.MULTILINE)


def _prefix(tree: list[Any]) -> str:
    letters = ""
    for operation, argument in tree:
        if str(operation) != "LITERAL":
            break
        letters += chr(argument)
    return letters


def _steps(tree: list[Any], length: int, starts: int) -> float:
    return length + starts * _sequence(tree, length)[1]


def _sequence(items: Any, length: int) -> tuple[float, float]:
    """Return in how many ways items may match from one place on, and how many steps it takes to try them all."""
    ways, steps = 1.0, 1.0
    for operation, argument in items:
        more, taken = _item(str(operation), argument, length)
        steps += ways * taken
        ways *= more
    return ways, steps


def _item(name: str, argument: Any, length: int) -> tuple[float, float]:
    if name in _SINGLE:
        return 1.0, 1.0
    if name in _REPEATS:
        least, most, inside = argument
        return _repeat(least, most, inside, length)
    if name == "BRANCH":
        found = [_sequence(each, length) for each in argument[1]]
        return sum(ways for ways, _ in found), sum(steps for _, steps in found)
    if name in _INSIDE:
        # The last part is what is inside, whatever flags and numbers stand before it.
        inside = argument[-1] if isinstance(argument, tuple) else argument
        return _sequence(inside, length)
    # Back-references, conditions, and what later versions bring.
    return _ENDLESS, _ENDLESS


def _repeat(least: int, most: int, inside: Any, length: int) -> tuple[float, float]:
    ways, steps = _sequence(inside, length)
    most = min(most, length)
    least = min(least, most)
    if ways <= 1:
        return most - least + 1.0, (most + 1.0) * steps
    if most > 20:
        return _ENDLESS, _ENDLESS
    return sum(ways**count for count in range(least, most + 1)), steps * sum(ways**count for count in range(most + 1))
