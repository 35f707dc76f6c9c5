"""Values that a run knows to be secret, found again in any text, whole or cut off."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable, Iterator

from ..secrets import REDACTED

__all__ = ["LEAST", "KnownSecrets"]

LEAST = 6
"""Letters. What is shorter is no secret, and stands in many words."""

_SHORT = 8
# So many beginnings are looked for one by one, which is fast; with more of them each place of a text is looked at.
_FEW = 60
_ENDS = ("…", "...")


class KnownSecrets:
    """A set of secret values. The longest that fits is taken out first."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        alike: dict[str, list[str]] = {}
        for value in values:
            if len(value) >= LEAST:
                alike.setdefault(value[:LEAST], []).append(value)
        self._values = {beginning: _Alike(found) for beginning, found in alike.items()}
        few = 0 < len(self._values) <= _FEW
        self._begins = re.compile("|".join(map(re.escape, self._values))) if few else None

    def hide(self, text: str, *, whole: bool = False) -> str:
        """Return ``text`` without these values, nor the beginning of one where the text, or a word of it, was cut;
        ``whole`` says that nobody cuts it.
        """
        if not self._values or len(text) < LEAST:
            return text
        parts, at = [], 0
        for place in self._places(text):
            length = self._length(text, place, whole) if place >= at else 0
            if length:
                parts += [text[at:place], REDACTED]
                at = place + length
        return "".join([*parts, text[at:]]) if parts else text

    def _places(self, text: str) -> Iterator[int]:
        """Yield where a value may begin."""
        if self._begins is None:
            yield from (place for place in range(len(text) - LEAST + 1) if text[place : place + LEAST] in self._values)
            return
        match = self._begins.search(text)
        while match is not None:
            yield match.start()
            match = self._begins.search(text, match.start() + 1)

    def _length(self, text: str, place: int, whole: bool) -> int:
        """Return how much of ``text`` is a value that begins at ``place``; 0 where it is none."""
        values = self._values[text[place : place + LEAST]]
        common = values.common(text, place)
        length = values.whole(text, place, common)
        return length if whole else max(length, _cut(text, place, common))


class _Alike:
    """The values that begin alike. A host may serve any number of them, so none is looked for one by one."""

    def __init__(self, values: Iterable[str]) -> None:
        self._known = frozenset(values)
        self._sorted = sorted(self._known)
        self._lengths = sorted({len(value) for value in self._known}, reverse=True)

    def common(self, text: str, place: int) -> int:
        """Return how much of ``text`` is the beginning of any value."""
        rest = text[place : place + self._lengths[0]]
        at = bisect.bisect_left(self._sorted, rest)
        # What has most in common with it stands beside it.
        return max(_common(rest, value) for value in self._sorted[max(0, at - 1) : at + 1])

    def whole(self, text: str, place: int, most: int) -> int:
        """Return the length of the longest value that stands there as a whole; 0 where none does."""
        for length in self._lengths:
            is_there = length <= most and text[place : place + length] in self._known
            if is_there and (length >= _SHORT or _stands_alone(text, place, length)):
                return length
        return 0


def _common(one: str, other: str) -> int:
    """Return how many letters two texts begin with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (left, right) in pairs if left != right), min(len(one), len(other)))


def _cut(text: str, place: int, common: int) -> int:
    """Return the length of the beginning of a value that was cut off; 0 where none was."""
    if place + common == len(text):
        return common
    ends = (text.rfind(end, place + LEAST, place + common + len(end)) for end in _ENDS)
    return max(0, *(end - place for end in ends))


def _stands_alone(text: str, place: int, length: int) -> bool:
    before, after = text[place - 1 : place] if place else "", text[place + length : place + length + 1]
    return not (before.isalnum() or after.isalnum())
