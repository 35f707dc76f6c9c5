"""The letters of request targets, as sets of bits: printable ASCII, and one letter that stands for all others."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from urllib.parse import quote

__all__ = ["EVERY", "OTHER", "QUERY", "SAFE", "UNSAFE", "bit", "either_case", "letter", "name", "refined", "sent"]

_FIRST, _LAST = 0x20, 0x7E
OTHER = 1 << (_LAST - _FIRST + 1)
"""What is no printable ASCII. Patterns that tell such letters apart are not read."""

EVERY = (OTHER << 1) - 1
QUERY = 1 << (ord("?") - _FIRST)
_PLAIN_OTHER = "é"
# A witness is made of the plainest letters that will do.
_PLAINEST = "xabcdefghijklmnopqrstuvwyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-_./~!$&'()*+,;=:@"
# What is sent as it is; all else is sent in hexadecimal.
_SAFE = "/-_.~!$&'()*+,;=:@"


def bit(code: int) -> int:
    """Return the set with one letter; 0 for a control character, which no request has."""
    if _FIRST <= code <= _LAST:
        return 1 << (code - _FIRST)
    return OTHER if code > 127 else 0


def either_case(letters: int) -> int:
    """Return a set with both cases of its letters."""
    found = letters
    for upper in range(ord("A"), ord("Z") + 1):
        both = bit(upper) | bit(upper + 32)
        if letters & both:
            found |= both
    return found


@functools.cache
def _order() -> list[tuple[int, str]]:
    rest = [chr(code) for code in range(_FIRST, _LAST + 1) if chr(code) not in _PLAINEST]
    return [(bit(ord(each)), each) for each in [*_PLAINEST, *rest, _PLAIN_OTHER]]


@functools.lru_cache(maxsize=10_000)
def letter(letters: int) -> str:
    """Return the plainest letter of a set that is not empty."""
    return next(each for one, each in _order() if one & letters)


@functools.lru_cache(maxsize=1000)
def sent(text: str) -> str:
    """Return a part of a path as a client sends it."""
    return quote(text, safe=_SAFE)


def name(one: int) -> str:
    """Return the letter of a set of one."""
    return _PLAIN_OTHER if one == OTHER else chr(one.bit_length() + _FIRST - 1)


SAFE = sum(bit(code) for code in range(_FIRST, _LAST + 1) if sent(chr(code)) == chr(code))
"""The letters that are sent as they are."""

UNSAFE = [1 << place for place in range(EVERY.bit_length()) if not (1 << place) & (SAFE | QUERY)]
"""Each letter that is sent in hexadecimal. The question mark begins the query."""


def refined(parts: Iterable[Iterable[int]]) -> tuple[int, ...]:
    """Return the coarsest division of the alphabet in which each set of each part is whole."""
    blocks = [EVERY]
    for part in dict.fromkeys(tuple(each) for each in parts):
        if len(part) < 2:
            continue
        split = []
        for block in blocks:
            for each in part:
                if block & each:
                    split.append(block & each)
                    block &= ~each
                    if not block:
                        break
            if block:
                split.append(block)
        blocks = split
    return tuple(blocks)
