"""Values of needs that are one slip of the keyboard away from another one. Pure.

Letters that were dropped, doubled, changed or swapped are a slip. Digits tell machines and versions apart, so
``10.0.0.13``, ``php8.3`` and ``app2`` are none; a port with a digit too many or too few is one all the same.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

from ..closest_match import is_typo, typo_of

__all__ = ["Spellings", "cut_short", "digits_swapped", "of_another_environment", "port_slip", "words_of"]

_WORD = re.compile(r"[A-Za-z]+")
_RUN = re.compile(r"\d+")
# Shorter words are one letter away from too many others.
_SHORTEST = 4
# What people set up on purpose beside 80 and 443.
_USUAL_PORTS = frozenset({"80", "443", "8000", "8008", "8080", "8088", "8443", "8888", "9443"})
_ENVIRONMENTS = frozenset(
    (
        *("dev", "devel", "development", "test", "testing", "stage", "staging", "stg", "qa", "uat"),
        *("preview", "preprod", "sandbox", "demo", "lab"),
    )
)
_MOST_CUT = 2


def words_of(value: str) -> set[str]:
    """Return the words of a value, in small letters."""
    return {word.lower() for word in _WORD.findall(value)}


class Spellings:
    """Known values, to find the one of which another is a misspelling: all of it is equal but one word."""

    def __init__(self, known: Iterable[str]) -> None:
        self._known = set(known)
        self._words: dict[tuple[str, str], set[str]] = {}
        for value in self._known:
            for before, word, after in _each_word(value):
                self._words.setdefault((before, after), set()).add(word)

    def __contains__(self, value: object) -> bool:
        return value in self._known

    def misspelt(self, value: str) -> str:
        """Return the known value that was meant, or nothing. A known value is none."""
        if value in self._known:
            return ""
        for before, word, after in _each_word(value):
            there = self._words.get((before, after))
            if there:
                meant = _meant(word, there)
                if meant:
                    return f"{before}{meant}{after}"
        return ""


def _each_word(value: str) -> Iterator[tuple[str, str, str]]:
    for match in _WORD.finditer(value):
        yield value[: match.start()], match[0], value[match.end() :]


def _meant(word: str, known: Collection[str]) -> str:
    if len(word) >= _SHORTEST:
        found = typo_of(word, frozenset(known))
        if found:
            return found
    # A short word of which a longer one lost a letter, and one with a letter doubled, as phpp.
    near = (other for other in sorted(known) if abs(len(other) - len(word)) == 1 and is_typo(word, other))
    return next((each for each in near if max(len(each), len(word)) >= _SHORTEST), "")


def digits_swapped(one: str, other: str) -> bool:
    """Return whether two neighbouring digits of one number changed places, and nothing else differs."""
    if len(one) != len(other) or _RUN.sub("#", one) != _RUN.sub("#", other):
        return False
    differ = [(a, b) for a, b in zip(_RUN.findall(one), _RUN.findall(other), strict=True) if a != b]
    return len(differ) == 1 and _is_swap(*differ[0])


def _is_swap(one: str, other: str) -> bool:
    at = [place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b]
    if len(one) != len(other) or len(at) != 2 or at[1] != at[0] + 1:
        return False
    return one[at[0]] == other[at[1]] and one[at[1]] == other[at[0]]


def port_slip(port: str, known: str) -> bool:
    """Return whether ``port`` is ``known`` with a digit doubled, a nought too many, or a digit lost."""
    if port in _USUAL_PORTS or not (port.isdecimal() and known.isdecimal()):
        return False
    if port == f"{known}0":
        return True
    doubled = {known[: at + 1] + known[at:] for at in range(len(known))}
    lost = {known[:at] + known[at + 1 :] for at in range(len(known))}
    return port in doubled | lost


def of_another_environment(value: str, known: str, spoken: Collection[str]) -> str:
    """Return the word of an environment, as ``staging``, that ``value`` has more than ``known``; else nothing.

    A word that is ``spoken`` elsewhere is no stranger: there the tree serves both environments.
    """
    for match in _WORD.finditer(value):
        word = match[0].lower()
        if word in _ENVIRONMENTS and word not in spoken:
            before, after = value[: match.start()], value[match.end() :]
            without = {before[:-1] + after if before[-1:] in tuple("-_.") else "", before + after[1:]}
            if known in without:
                return match[0]
    return ""


def cut_short(value: str, known: str) -> bool:
    """Return whether one word of ``known`` lost its last letters, at most two: ``sock`` of ``socket``."""
    if not 0 < len(known) - len(value) <= _MOST_CUT:
        return False
    return any(
        known == before + word + known[len(before + word) : len(known) - len(after)] + after
        and known[len(before + word) : len(known) - len(after)].isalpha()
        for before, word, after in _each_word(value)
        if len(word) >= _SHORTEST
    )
