"""What a word with variables in it can become, as far as the configuration itself says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import islice, product

from .scope import Scoped, Scopes

__all__ = ["literal_start", "possible"]

_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_MOST = 64


def possible(word: str, scoped: Scoped, scopes: Scopes, depth: int = 3) -> list[str]:
    """List the words that ``word`` can become by ``set``, ``map``, ``geo`` and ``split_clients``; itself without a
    variable.

    What only a request decides stays a variable in the answers. There are at most 64.
    """
    names = list(dict.fromkeys(first or second for first, second in _VARIABLE.findall(word)))
    if not names or depth == 0:
        return [word]
    choices = [_values(name, scoped, scopes) or [f"${{{name}}}"] for name in names]
    found: dict[str, None] = {}
    for values in islice(product(*choices), _MOST):
        filled = _filled(word, dict(zip(names, values, strict=True)))
        found.update(dict.fromkeys(possible(filled, scoped, scopes, depth - 1)))
    return list(found)[:_MOST]


def _filled(word: str, values: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda match: values[match[1] or match[2]], word)


def _values(name: str, scoped: Scoped, scopes: Scopes) -> list[str]:
    for block in reversed(scoped.way):
        deeper = [block, *(child for child in block.block or [] if child.name == "if")]
        found = [
            each.args[1]
            for each_block in deeper
            for each in scopes.directly(each_block, "set")
            if len(each.args) == 2 and each.args[0] == f"${name}"
        ]
        if found:
            return list(dict.fromkeys(found))
    for table in scopes.named("map", "geo", "split_clients"):
        if table.directive.args and table.directive.args[-1] == f"${name}":
            rows = [row.args[-1] for row in table.directive.block or [] if row.args and row.name != "include"]
            return list(dict.fromkeys(row for row in rows if row))
    # A variable goes with its request, also where another location set it and led on to this one.
    server = next((block for block in scoped.way if block.name == "server"), None)
    elsewhere = [each for each in server.walk() if each.name == "set"] if server is not None else []
    return list(dict.fromkeys(each.args[1] for each in elsewhere if len(each.args) == 2 and each.args[0] == f"${name}"))


def literal_start(path: str) -> str:
    """The directory part of a path before its first variable: ``/srv/www`` of ``/srv/www/$host/x``."""
    if "$" not in path:
        return path
    return path[: path.index("$")].rpartition("/")[0]
