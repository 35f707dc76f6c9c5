"""Slips of the fingers: one letter dropped, doubled, changed, or two swapped."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["is_slip", "meant"]

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


def meant(word: str, known: Iterable[str]) -> str:
    """Tell the known word that ``word`` is a slip of, in any case of letters; empty when it is known, short or far."""
    if len(word) < _SHORTEST:
        return ""
    by_letters = {each.lower(): each for each in known}
    if word.lower() in by_letters:
        return ""
    return next((by_letters[each] for each in sorted(by_letters) if is_slip(word.lower(), each)), "")
