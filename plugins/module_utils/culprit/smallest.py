"""The smallest part of a list that still fails: a search by halves, and delta debugging (ddmin) on what that leaves.

ddmin alone asks more than twice as often where two of fifty parts are the culprits together; the search alone may keep
too much where what is between two trees does not even start. So the first does most of the work, and the second makes
it certain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeVar

__all__ = ["smallest"]

T = TypeVar("T")
Fails = Callable[[Sequence[Sequence[T]]], list[bool]]
"""Tells for each list whether it fails; they are tried side by side."""


def smallest(parts: Sequence[T], fails: Fails[T], *, at_once: int = 1, guesses: Sequence[Sequence[T]] = ()) -> list[T]:
    """Find a part of ``parts``, which fail, that fails as well, and no more when any single one is left out.

    Nothing must not fail. ``at_once`` is how many lists are tried side by side, ``guesses`` are tried first.
    """
    left = list(parts)
    if guesses and len(left) > 1:
        told = fails(guesses)
        left = min((list(each) for each, bad in zip(guesses, told, strict=True) if bad), key=len, default=left)
    return _ddmin(_by_halves(left, fails, at_once), fails, at_once)


def _by_halves(parts: list[T], fails: Fails[T], at_once: int) -> list[T]:
    """Find the shortest beginning that fails: its end is the culprit. Keep that one, and search again before it.

    With ``at_once`` tries side by side there are so many points between which it is searched on.
    """
    culprit: list[T] = []
    while parts and len(parts) + len(culprit) > 1:
        low, high = 0, len(parts)
        # parts[:high] with the culprit ones fails; parts[:low] does not, but for the first time that is to be asked.
        if culprit and fails([culprit])[0]:
            return culprit
        while high - low > 1:
            points = sorted({low + (high - low) * (n + 1) // (at_once + 1) for n in range(at_once)} - {low, high})
            points = points or [low + 1]
            told = fails([[*parts[:point], *culprit] for point in points])
            bad = next((point for point, is_bad in zip(points, told, strict=True) if is_bad), high)
            low, high = max((point for point in points if point < bad), default=low), bad
        culprit.insert(0, parts[high - 1])
        parts = parts[: high - 1]
    return parts + culprit


def _ddmin(parts: list[T], fails: Fails[T], at_once: int) -> list[T]:
    """Zeller and Hildebrandt's ddmin (2002): what is left fails, and no more without any single part of it."""
    pieces = 2
    while len(parts) > 1:
        cuts = [len(parts) * n // pieces for n in range(pieces + 1)]
        subsets = [parts[a:b] for a, b in pairwise(cuts)]
        rests = [[*parts[:a], *parts[b:]] for a, b in pairwise(cuts)] if pieces > 2 else []
        found = _first(subsets, fails, at_once)
        if found is not None:
            parts, pieces = found, 2
            continue
        found = _first(rests, fails, at_once)
        if found is not None:
            parts, pieces = found, max(pieces - 1, 2)
        elif pieces < len(parts):
            pieces = min(2 * pieces, len(parts))
        else:
            break
    return parts


def _first(lists: Sequence[list[T]], fails: Fails[T], at_once: int) -> list[T] | None:
    for start in range(0, len(lists), at_once):
        some = lists[start : start + at_once]
        for each, bad in zip(some, fails(some), strict=True):
            if bad:
                return each
    return None
