"""Paths that a location answers, and paths that it just does not: regexes are read by Python's own parser."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .parse import Directive
from .regexes import CATEGORIES, REPEATS, compiled, parsed

__all__ = ["Sampling", "matching", "near_misses", "samples"]

_MOST = 4
_PLAIN = "x1aA-_."
# Texts for one expression, and letters of one; what is repeated more often is not tried.
_MOST_TEXTS = 64
_MOST_LETTERS = 1024


def samples(location: Directive, most: int = _MOST) -> list[str]:
    """List paths that a ``location`` is for, the plainest first; none for a named one or a regex not understood."""
    kind, pattern = location.args if len(location.args) == 2 else ("", location.args[0])
    if not kind.startswith("~"):
        return [pattern] if pattern.startswith("/") else []
    return matching(pattern, path=True, ignore_case=kind == "~*")[:most]


def near_misses(location: Directive, path: str) -> list[str]:
    """List paths close to ``path``, one of the samples: they show a location that became wider or narrower."""
    name = path.rstrip("/")
    found = [f"{name}x"]
    if location.args[0].startswith("~"):
        found.append(path + path[-1])
    else:
        found.append(f"{path}x" if path.endswith("/") else f"{path}/x")
    found.append(path.swapcase())
    return [miss for miss in dict.fromkeys(found) if miss != path and miss.startswith("/")]


def matching(pattern: str, *, path: bool = False, ignore_case: bool = False) -> list[str]:
    """List short texts that a regex matches, one for each alternative; with ``path`` all begin with a slash."""
    return list(_matching(pattern, path, ignore_case))


@functools.lru_cache(maxsize=20_000)
def _matching(pattern: str, path: bool, ignore_case: bool) -> tuple[str, ...]:
    wanted = compiled(pattern, ignore_case)
    if wanted is None:
        return ()
    texts = _PLAINEST.texts(parsed(wanted.regex.pattern))
    if path:
        texts = [_as_path(text) for text in texts]
    return tuple(text for text in dict.fromkeys(texts) if wanted.search(text) and text.isprintable())


def _as_path(text: str) -> str:
    if not text.startswith("/"):
        text = f"/x{text}" if text.startswith(".") else f"/{text}"
    # nginx takes a segment that is only a dot away.
    return f"{text}x" if text.endswith("/.") else text


@dataclass(frozen=True)
class Sampling:
    """How texts are chosen that an expression matches: at most ``most`` of each part, each up to ``longest`` letters.

    ``letters`` returns those of a place that takes several, by what Python's parser calls it; ``repeated`` what comes
    of texts that stand between ``least`` and ``most`` times.
    """

    letters: Callable[[str, Any], Sequence[str]]
    repeated: Callable[[int, int, list[str]], list[str]]
    most: int
    longest: int

    def texts(self, parts: Iterable[tuple[Any, Any]]) -> list[str]:
        """Return the texts of parts that stand one after the other."""
        texts = _combined([self._options(str(name), value)[: self.most] for name, value in parts])
        return [text[: self.longest] for text in itertools.islice(texts, self.most)]

    def _options(self, name: str, value: Any) -> Sequence[str]:
        if name == "LITERAL":
            return [chr(value)]
        if name in ("NOT_LITERAL", "ANY", "IN"):
            return self.letters(name, value)
        if name == "BRANCH":
            return [text for branch in value[1] for text in self.texts(branch)]
        if name == "SUBPATTERN":
            return self.texts(value[3])
        if name == "ATOMIC_GROUP":
            return self.texts(value)
        if name in REPEATS:
            least, most, item = value
            return self.repeated(least, most, self.texts(item))
        # Places and assertions add no text; whether the whole still matches is tried.
        return [""]


def _combined(options: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the first option of every part, then each other option of each part with the first ones around it."""
    firsts = [each[0] for each in options]
    yield "".join(firsts)
    for number, each in enumerate(options):
        for option in each[1:]:
            yield "".join([*firsts[:number], option, *firsts[number + 1 :]])


def _plainest(name: str, value: Any) -> list[str]:
    if name == "IN":
        return [_one_of(value)]
    return [next(letter for letter in _PLAIN if ord(letter) != value)]


def _fewest(least: int, most: int, texts: list[str]) -> list[str]:
    if least:
        return [text * min(least, _MOST_LETTERS // max(len(text), 1) + 1) for text in texts]
    return ["", *(texts if most else [])]


_PLAINEST = Sampling(_plainest, _fewest, _MOST_TEXTS, _MOST_LETTERS)


def _one_of(choices: list[tuple[Any, Any]]) -> str:
    negated = str(choices[0][0]) == "NEGATE"
    for letter in _PLAIN + "bcyz029BZ/ ,:;@%~+":
        if any(_holds(str(name), value, letter) for name, value in choices) != negated:
            return letter
    name, value = choices[0]
    return chr(value[0] if str(name) == "RANGE" else value) if str(name) in ("RANGE", "LITERAL") else ""


def _holds(name: str, value: Any, letter: str) -> bool:
    if name == "LITERAL":
        return ord(letter) == int(value)
    if name == "RANGE":
        return bool(value[0] <= ord(letter) <= value[1])
    if name == "CATEGORY":
        word = str(value)
        inside = re.match(CATEGORIES[word.replace("_NOT", "")], letter) is not None
        return inside != ("_NOT" in word)
    return False
