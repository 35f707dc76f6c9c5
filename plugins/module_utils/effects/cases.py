"""Values that hang on conditions which only a request can finalize, as ``-f FILE``: one unknown for both sides."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

__all__ = [
    "NONE",
    "UNREAD",
    "Conditional",
    "conditions",
    "differing",
    "each",
    "each_pair",
    "finalized",
    "graft",
    "unknown",
    "unread",
]

_MOST_CONDITIONS = 8


UNREAD = " is not read: "
"""What stands between a pattern and the reason in a condition."""


class _None:
    """What stands where nothing has been decided."""

    def __repr__(self) -> str:
        return "nothing decided"


NONE = _None()


class Conditional(NamedTuple):
    """One value where a condition holds, another one where it does not."""

    condition: str
    yes: object
    no: object


def unknown(condition: str) -> Conditional:
    """Return the condition itself as a value."""
    return Conditional(condition, True, False)


def unread(pattern: str, loose: bool, why: Exception) -> Conditional:
    """Return the condition that a pattern is found, of which no automaton can be made."""
    return Conditional(f"{'~*' if loose else '~'} {pattern}{UNREAD}{why}", True, False)


def graft(value: object, change: Callable[[object], object]) -> object:
    """Return a value in which each plain value has been changed."""
    if not isinstance(value, Conditional):
        return change(value)
    yes, no = graft(value.yes, change), graft(value.no, change)
    return yes if yes == no else Conditional(value.condition, yes, no)


def each(value: object) -> Iterator[object]:
    """Yield the plain values in a value."""
    if isinstance(value, Conditional):
        yield from each(value.yes)
        yield from each(value.no)
    else:
        yield value


def conditions(*values: object) -> list[str]:
    """List the conditions that values hang on."""
    found: dict[str, None] = {}
    waiting = list(values)
    while waiting:
        value = waiting.pop()
        if isinstance(value, Conditional):
            found[value.condition] = None
            waiting += [value.no, value.yes]
    return list(found)


def finalized(value: object, holds: Mapping[str, bool]) -> object:
    """Return the plain value where it is known of each condition whether it holds."""
    while isinstance(value, Conditional):
        value = value.yes if holds[value.condition] else value.no
    return value


def differing(one: object, other: object) -> Iterator[tuple[dict[str, bool], object, object]]:
    """Yield where two values differ, each pair of plain values once, with the conditions that matter there."""
    if one != other:
        yield from (row for row in each_pair(one, other) if row[1] != row[2])


def each_pair(one: object, other: object) -> Iterator[tuple[dict[str, bool], object, object]]:
    """Yield each pair of plain values of two values once, with the conditions that matter there."""
    every = dict.fromkeys(conditions(one, other), False)
    names = list(every)[:_MOST_CONDITIONS]
    seen = set()
    for choice in itertools.product((False, True), repeat=len(names)):
        holds = {**every, **dict(zip(names, choice, strict=True))}
        pair = finalized(one, holds), finalized(other, holds)
        if pair not in seen:
            seen.add(pair)
            yield {name: held for name, held in holds.items() if _matters(name, holds, one, other)}, *pair


def _matters(name: str, holds: Mapping[str, bool], one: object, other: object) -> bool:
    turned = {**holds, name: not holds[name]}
    return finalized(one, holds) != finalized(one, turned) or finalized(other, holds) != finalized(other, turned)
