"""An expression was added to a list whose others all say where a path ends, and it does not.

Beside ``rewrite ^/help$ /app.html break`` and ``^/terms$``, ``rewrite ^/news /app.html break`` takes ``/newsletter``
and ``/news/feed.xml`` as well. Who means all that begins so writes ``.*``, as the others of the list do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.parse import Config
from ....verdicts.model import Finding
from ...findings import finding
from ...scopes import by_key

LEVEL = "high"

_FEWEST = 4
# The path in words, and nothing behind it.
_OPEN = re.compile(r"\^/(?:[\w-]+/)*[\w-]+")
_CLOSED = re.compile(r"\^/.*(?:\$|\.\*\)?\??)|\^/\$?")


def compare(config: Config, live: Config) -> Iterator[Finding]:
    """Find rewrites without an end that came to at least four with one that lead to the same place."""
    before = by_key(live)
    for key, scope in by_key(config, live).items():
        rewrites = [each for each in scope.own.get("rewrite", ()) if len(each.args) > 1]
        if key not in before or len(rewrites) <= _FEWEST:
            continue
        known = {each.args[0] for each in before[key].own.get("rewrite", ()) if each.args}
        for directive in rewrites:
            others = [
                each.args[0] for each in rewrites if each.args[1:] == directive.args[1:] and each is not directive
            ]
            ended = [each for each in others if _CLOSED.fullmatch(each)]
            new = directive.args[0] not in known and f"{directive.args[0]}$" not in known
            if new and _OPEN.fullmatch(directive.args[0]) and len(ended) == len(others) >= _FEWEST:
                path = directive.args[0][1:]
                yield finding(
                    directive,
                    f"{directive.args[0]} takes every path that begins with {path}; the {len(others)} others that lead"
                    " there say where they end",
                    expected=f"{directive.args[0]}$",
                    fix=f"write {directive.args[0]}$, or {directive.args[0]}.* where all of them are meant",
                )
