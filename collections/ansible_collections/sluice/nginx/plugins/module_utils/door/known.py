"""Values that a run knows to be secret, found again in any text, whole or cut off."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ..secrets import REDACTED

__all__ = ["LEAST", "Known"]

LEAST = 6
"""Letters. What is shorter is no secret, and stands in many words."""

_SHORT = 8
# So many beginnings are looked for one by one, which is fast; with more of them each place of a text is looked at.
_FEW = 60
_ENDS = ("…", "...")


class Known:
    """A set of secret values. The longest that fits is taken out first."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values: dict[str, list[str]] = {}
        for value in sorted(set(values), key=len, reverse=True):
            if len(value) >= LEAST:
                self._values.setdefault(value[:LEAST], []).append(value)
        few = 0 < len(self._values) <= _FEW
        self._begins = re.compile("|".join(map(re.escape, self._values))) if few else None

    def hide(self, text: str) -> str:
        """Return ``text`` without these values, nor the beginning of one where the text, or a word of it, was cut."""
        if not self._values or len(text) < LEAST:
            return text
        parts, at = [], 0
        for place in self._places(text):
            length = self._length(text, place) if place >= at else 0
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

    def _length(self, text: str, place: int) -> int:
        """Return how much of ``text`` is a value that begins at ``place``; 0 where it is none."""
        longest = 0
        for value in self._values[text[place : place + LEAST]]:
            end = place + LEAST
            while end < len(text) and end - place < len(value) and text[end] == value[end - place]:
                end += 1
            length = end - place
            is_whole = length == len(value) and (length >= _SHORT or _stands_alone(text, place, length))
            if is_whole or end == len(text) or text.startswith(_ENDS, end):
                longest = max(longest, length)
        return longest


def _stands_alone(text: str, place: int, length: int) -> bool:
    before, after = text[place - 1 : place] if place else "", text[place + length : place + length + 1]
    return not (before.isalnum() or after.isalnum())
