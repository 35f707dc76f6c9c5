"""What a word was meant to be: typing errors (one letter dropped, doubled, changed, or two swapped) and close matches.

Shipped to hosts: standard-library Python 3.8.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Collection, Iterable

__all__ = ["closest_match", "closest_matches", "closest_path", "closest_port", "is_typo", "shortened", "typo_of"]

# Shorter words are one letter away from too many others.
_SHORTEST = 4
_ALIKE = 0.6
_MOST_SIBLINGS = 10000


def closest_match(word: str, known: Iterable[str], alike: float = _ALIKE) -> str:
    """Return the word of ``known`` that is most like ``word``, and another one; empty when none is alike."""
    return next(iter(closest_matches(word, (each for each in known if each != word), 1, alike)), "")


def closest_matches(word: str, known: Iterable[str], most: int, alike: float = _ALIKE) -> list[str]:
    """Return the words of ``known`` that are like ``word``, best first; ``alike`` is from 0 (any) to 1 (the same)."""
    import difflib

    return difflib.get_close_matches(word, list(known), most, alike)


def closest_path(path: str) -> str:
    """Return an existing path that differs from ``path`` in the first part that does not exist, or nothing.

    Of several, the one below which the rest of ``path`` exists.
    """
    folder, parts = "/", [part for part in path.split("/") if part]
    while parts and os.path.lexists(os.path.join(folder, parts[0])):
        folder = os.path.join(folder, parts.pop(0))
    if not parts:
        return ""
    import itertools

    try:
        with os.scandir(folder) as entries:
            siblings = [entry.name for entry in itertools.islice(entries, _MOST_SIBLINGS)]
    except OSError:
        return ""
    close = closest_matches(parts[0], siblings, 5)
    whole = [os.path.join(folder, name, *parts[1:]) for name in close]
    return next((each for each in whole if os.path.exists(each)), os.path.join(folder, close[0]) if close else "")


def closest_port(port: int, listening: Iterable[int]) -> str:
    """Return the port of ``listening`` that is written most like ``port``, or nothing."""
    return closest_match(str(port), [str(each) for each in sorted(set(listening))])


def is_typo(one: str, other: str) -> bool:
    """Return whether one typing error leads from a word to another. Digits are none: ``app1`` and ``app2`` differ."""
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
    """Return a word and its forms without one letter: two words that are one typing error apart have one in common."""
    return {word, *(word[:at] + word[at + 1 :] for at in range(len(word)))}


def typo_of(word: str, known: Collection[str]) -> str:
    """Return the known word that ``word`` is a typing error of, in any case of letters; empty when there is none.

    Words that are known, or short, are none. A ``frozenset`` is looked through once, however many words are tried.
    """
    if len(word) < _SHORTEST or not known:
        return ""
    return _typo_of(word.lower(), frozenset(known))


@functools.lru_cache(maxsize=20_000)
def _typo_of(word: str, known: frozenset[str]) -> str:
    by_letters, by_form = _forms(known)
    if word in by_letters:
        return ""
    near = sorted({each for form in shortened(word) for each in by_form.get(form, ())})
    return next((by_letters[each] for each in near if is_typo(word, each)), "")


@functools.lru_cache(maxsize=64)
def _forms(known: frozenset[str]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return the words by their small letters, and these by their shortened forms."""
    by_letters = {each.lower(): each for each in known}
    by_form: dict[str, list[str]] = {}
    for each in by_letters:
        for form in shortened(each):
            by_form.setdefault(form, []).append(each)
    return by_letters, by_form
