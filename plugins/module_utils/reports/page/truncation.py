"""The room that a page has: what is longer is cut, and says so."""

from __future__ import annotations

from ...textfmt import count

__all__ = ["Room"]

_LEAST = 400


class Room:
    """Text of at most ``characters`` altogether, and of ``most`` in one piece."""

    def __init__(self, characters: int, most: int) -> None:
        self._left, self._most = characters, most

    def take(self, text: str) -> str:
        """Return the text, or its beginning with a line that says how much is left out."""
        bound = max(_LEAST, min(self._most, self._left))
        self._left -= min(len(text), bound)
        if len(text) <= bound:
            return text
        begin = text[:bound].rsplit("\n", 1)[0] if "\n" in text[:bound] else text[:bound]
        return f"{begin}\n… cut here: {count(len(text) - len(begin), 'more character')}; run.json has all of it"
