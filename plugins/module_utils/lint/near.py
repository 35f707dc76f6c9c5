"""Slips of the fingers: one letter dropped, doubled, changed, or two swapped."""

from __future__ import annotations

import functools
from collections.abc import Collection

__all__ = ["is_slip", "meant", "shortened"]

# Shorter words are one letter away from too many others.
_SHORTEST = 4


def is_slip(one: str, other: str) -> bool:
    """Whether one slip leads from a word to another. Digits are no slip: ``app1`` beside ``app2`` is meant."""
    if one == other or abs(len(one) - len(other)) > 1:
        return False
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    end = 0
    while end < min(len(one), len(other)) - start and one[-1 - end] == other[-1 - end]:
        end += 1
    left, right = one[start : len(one) - end], other[start : len(other) - end]
    if any(not letter.isalpha() for letter in left + right):
        return False
    return max(len(left), len(right)) <= 1 or (len(left) == len(right) == 2 and left == right[::-1])


def shortened(word: str) -> set[str]:
    """Every form of a word without one of its letters: two words that are one slip apart have one in common."""
    return {word, *(word[:at] + word[at + 1 :] for at in range(len(word)))}


def meant(word: str, known: Collection[str]) -> str:
    """Tell the known word that ``word`` is a slip of, in any case of letters; empty when it is known, short or far.

    Whoever asks many words of the same ``known`` gives a ``frozenset``: it is looked through once.
    """
    if len(word) < _SHORTEST or not known:
        return ""
    return _meant(word.lower(), frozenset(known))


@functools.lru_cache(maxsize=20_000)
def _meant(word: str, known: frozenset[str]) -> str:
    by_letters, by_form = _forms(known)
    if word in by_letters:
        return ""
    near = sorted({each for form in shortened(word) for each in by_form.get(form, ())})
    return next((by_letters[each] for each in near if is_slip(word, each)), "")


@functools.lru_cache(maxsize=64)
def _forms(known: frozenset[str]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Words by their small letters, and these by their shortened forms."""
    by_letters = {each.lower(): each for each in known}
    by_form: dict[str, list[str]] = {}
    for each in by_letters:
        for form in shortened(each):
            by_form.setdefault(form, []).append(each)
    return by_letters, by_form
