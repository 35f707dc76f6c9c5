"""What the variables of a configuration may hold, as far as the configuration itself defines them."""

from __future__ import annotations

import re
import weakref
from collections.abc import Mapping

from ..config.parse import Config

__all__ = ["captures", "expanded", "made_of", "names_in"]

_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_CAPTURE = re.compile(r"\(\?P?<(\w+)>")
_DEPTH = 4
_MOST = 50_000

_MADE: weakref.WeakKeyDictionary[Config, dict[str, set[str]]] = weakref.WeakKeyDictionary()
_VALUES: weakref.WeakKeyDictionary[Config, dict[str, dict[str, None]]] = weakref.WeakKeyDictionary()


def _values(config: Config) -> Mapping[str, dict[str, None]]:
    """Map the name of each variable to what ``set`` and the rows of ``map``, ``geo`` and ``split_clients`` give it."""
    found = _VALUES.get(config)
    if found is None:
        found = _VALUES[config] = {}
        for directive in config.named("set"):
            if len(directive.args) > 1:
                found.setdefault(directive.args[0].lstrip("$"), {})[directive.args[1]] = None
        for directive in config.named("map", "geo", "split_clients"):
            rows = [row.args[0] for row in directive.block or () if row.args]
            if directive.args:
                found.setdefault(directive.args[-1].lstrip("$"), {}).update(dict.fromkeys(rows))
    return found


def expanded(config: Config, text: str) -> list[str]:
    """Return what a text may be, with variables replaced by their values; unknown variables stay."""
    if "$" not in text:
        return [text]
    values = _values(config)
    texts = {text: None}
    for _ in range(_DEPTH):
        further: dict[str, None] = {}
        for each in texts:
            known = next((one for one in _VARIABLE.finditer(each) if (one[1] or one[2]) in values), None)
            if known is None:
                further[each] = None
                continue
            for value in values[known[1] or known[2]]:
                further[each[: known.start()] + value + each[known.end() :]] = None
        if len(further) > _MOST or further == texts:
            break
        texts = further
    return list(texts)


def made_of(config: Config, text: str) -> frozenset[str]:
    """Return the names of the variables in a text, and of those that ``set`` and ``map`` make these of."""
    made = _made(config)
    found: dict[str, None] = dict.fromkeys(names_in(text))
    waiting = list(found)
    while waiting:
        for name in made.get(waiting.pop(), ()):
            if name not in found:
                found[name] = None
                waiting.append(name)
    return frozenset(found)


def names_in(text: str) -> list[str]:
    """Return the names of the variables in a text."""
    return [one[1] or one[2] for one in _VARIABLE.finditer(text)]


def _made(config: Config) -> Mapping[str, set[str]]:
    """Map the name of each variable to those in its values, and to what a ``map`` looks up."""
    found = _MADE.get(config)
    if found is None:
        found = _MADE[config] = {
            name: {inner for value in values for inner in names_in(value)} for name, values in _values(config).items()
        }
        for directive in config.named("map", "geo", "split_clients"):
            if len(directive.args) > 1:
                found.setdefault(directive.args[-1].lstrip("$"), set()).update(names_in(directive.args[0]))
    return found


def captures(config: Config) -> frozenset[str]:
    """Return the variables that hold a part of a request: named captures of its path and arguments."""
    return frozenset(
        name
        for directive in config.named("location", "if", "rewrite")
        for word in directive.args
        for name in _CAPTURE.findall(word)
    )
