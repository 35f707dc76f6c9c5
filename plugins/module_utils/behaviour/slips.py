"""Edits that look like a slip of the finger: a word that is nearly another one, a lost variable, a doubled part."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence

from ..closest_match import is_typo
from ..config.parse import Config, Directive
from .changes import Change
from .units import slip

__all__ = ["Slips"]

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_VARIABLE = re.compile(r"\$\{?\w+\}?")
# Shorter words are one letter away from too many others.
_SHORTEST = 3
# What carries a request's query or its path on.
# What a redirect does not name is gone; other directives hand it on by themselves.
_LEADS = ("return", "rewrite", "error_page")
_CARRY = frozenset({"$args", "$query_string", "$is_args", "$request_uri"})


class Slips:
    """Tells slips by the words of the two configurations."""

    def __init__(self, live: Config, candidate: Config) -> None:
        self._before = _counted(live)
        self._now = _counted(candidate)

    def slip(self, change: Change) -> str:
        """Return what an edited line looks like, as a sentence's end; empty where it looks meant."""
        if change.new is None:
            return ""
        old = change.old.args if change.old else []
        new = change.new.args
        lost = _lost(old, new) if change.name in _LEADS else ""
        return self._misspelt(change.new, old) or lost or _doubled(old, new) or slip(change.name, old, new)

    def _misspelt(self, new: Directive, old: Sequence[str]) -> str:
        """A word that is nowhere else, one typing error from a word of the line before, or from one that is used."""
        before = _words(old)
        for word in _words(new.args):
            if len(word) < _SHORTEST or word in self._before or self._now[word] > 1:
                continue
            gone = [each for each in before if each not in _words(new.args)]
            near = next((each for each in gone if _is_slip(word, each)), "")
            if near:
                return f"{word} is one letter from {near}, and stands nowhere else"
        return ""


def _is_slip(word: str, meant: str) -> bool:
    """Whether one typing error leads from a word to another; a plural is none, and neither is another case."""
    if word.lower() == meant.lower() or word in (f"{meant}s", f"{meant}es") or meant in (f"{word}s", f"{word}es"):
        return False
    doubled = len(word) == len(meant) + 1 and any(
        word[:at] + word[at + 1 :] == meant and word[at - 1 : at] == word[at] for at in range(1, len(word))
    )
    return doubled or (min(len(word), len(meant)) > _SHORTEST and is_typo(word, meant))


def _lost(old: Sequence[str], new: Sequence[str]) -> str:
    """Whether the only thing that went from a line is a variable that hands on the query."""
    for before, after in zip(old, new, strict=False):
        gone = [each for each in _VARIABLE.findall(before) if each not in _VARIABLE.findall(after)]
        names = [each for each in gone if f"${each.strip('${}')}" in _CARRY]
        if names and _VARIABLE.sub("", before) == _VARIABLE.sub("", after):
            return f"{' and '.join(dict.fromkeys(names))} was lost, and nothing else of the line changed"
    return ""


def _doubled(old: Sequence[str], new: Sequence[str]) -> str:
    """Whether a part of a path stands twice in a row that stood there once."""
    for word in new:
        parts = word.split("/")
        for first, second in itertools.pairwise(parts):
            twice = f"/{first}/{second}"
            if first and first == second and _WORD.search(first) and not any(twice in each for each in old):
                return f"{first} stands twice in a row"
    return ""


def _words(args: Sequence[str]) -> list[str]:
    return [word for each in args for word in _WORD.findall(_VARIABLE.sub(" ", each))]


def _counted(config: Config) -> Counter[str]:
    """How often each word stands in a configuration, outside of names of directives."""
    found: Counter[str] = Counter()
    for directive in config.walk():
        found.update(_words(directive.args))
        if directive.name.startswith(("~", "/")):
            found.update(_words([directive.name]))
    return found
