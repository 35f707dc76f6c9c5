"""The nearest thing that exists, for what is not there."""

from __future__ import annotations

import os
from typing import Iterable

__all__ = ["near_path", "near_port", "near_word"]

_ALIKE = 0.6
_MOST_SIBLINGS = 10000


def near_word(word: str, there: Iterable[str]) -> str:
    """Return the word of ``there`` that is most like ``word``, or nothing."""
    import difflib

    found = difflib.get_close_matches(word, [each for each in there if each != word], 1, _ALIKE)
    return found[0] if found else ""


def near_path(path: str) -> str:
    """Return an existing path that differs from ``path`` in the first part that does not exist, or nothing.

    Of several, the one below which the rest of ``path`` exists.
    """
    folder, parts = "/", [part for part in path.split("/") if part]
    while parts and os.path.lexists(os.path.join(folder, parts[0])):
        folder = os.path.join(folder, parts.pop(0))
    if not parts:
        return ""
    import difflib
    import itertools

    try:
        with os.scandir(folder) as entries:
            siblings = [entry.name for entry in itertools.islice(entries, _MOST_SIBLINGS)]
    except OSError:
        return ""
    close = difflib.get_close_matches(parts[0], siblings, 5, _ALIKE)
    whole = [os.path.join(folder, name, *parts[1:]) for name in close]
    return next((each for each in whole if os.path.exists(each)), os.path.join(folder, close[0]) if close else "")


def near_port(port: int, listening: Iterable[int]) -> str:
    """Return the port of ``listening`` that is written most like ``port``, or nothing."""
    return near_word(str(port), [str(each) for each in sorted(set(listening))])
