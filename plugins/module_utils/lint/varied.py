"""Many different texts that a regular expression matches, to try whether another one matches all of them.

``config.samples`` lists what an expression is for; here each letter of a class and each length of a repetition counts,
and whatever may come before and after.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable
from typing import Any

from ..config.regexes import compiled, parsed
from ..config.samples import Sampling

__all__ = ["varied"]

_MOST_TEXTS, _MOST_LETTERS, _MOST_CHOICES = 200, 500, 12
_LETTERS = "x7A-_.b/ "
_FURTHER = ("", "/more", "x", ".html")
_BEFORE = ("", "/before")


@functools.lru_cache(maxsize=4_000)
def varied(pattern: str) -> tuple[str, ...]:
    """Return paths that an expression matches, as unlike each other as possible; none where Python does not read it."""
    regex = compiled(pattern)
    if regex is None:
        return ()
    texts = _VARIED.texts(parsed(regex.regex.pattern))
    paths = (
        before + (text if text.startswith("/") else f"/{text}") + after
        for text, before, after in itertools.product(texts, _BEFORE, _FURTHER)
    )
    return tuple(path for path in dict.fromkeys(paths) if regex.search(path))[:_MOST_TEXTS]


def _letters(name: str, value: Any) -> list[str]:
    """Return the letters of a place; of a large class, some."""
    if name != "IN":
        return [letter for letter in _LETTERS if name == "ANY" or ord(letter) != value]
    choices: list[tuple[Any, Any]] = value
    named = [letter for kind, value in choices for letter in _named(str(kind), value)]
    if str(choices[0][0]) == "NEGATE" or not named:
        hit = {*named}
        named = [letter for letter in _LETTERS if letter not in hit]
    return list(dict.fromkeys(named))[:_MOST_CHOICES] or [""]


def _named(kind: str, value: Any) -> Iterable[str]:
    if kind == "LITERAL":
        return [chr(value)]
    if kind == "RANGE":
        return [chr(code) for code in (value[0], value[1], sum(value) // 2)]
    return {"CATEGORY_DIGIT": "07", "CATEGORY_WORD": "x7A_"}.get(str(value), "")


def _often(least: int, most: int, texts: list[str]) -> list[str]:
    least, most = min(least, _MOST_LETTERS), min(most, least + 2)
    return list(dict.fromkeys(text * often for often in range(least, most + 1) for text in texts)) or [""]


_VARIED = Sampling(_letters, _often, _MOST_TEXTS, _MOST_LETTERS)
