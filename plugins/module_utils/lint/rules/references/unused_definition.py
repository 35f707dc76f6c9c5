"""An upstream, zone, cache, log format or map is defined but never used.

A limit that applies to nothing, a cache that stores nothing. Where the live release does use it, the stricter rule
``became_unused`` applies.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding

LEVEL = "low"

_PATTERNS = ("location", "server_name")
_WORD = re.compile(r"[\w.-]+")


def named(config: Config) -> Iterator[tuple[str, str, Directive]]:
    """Yield kind, name and directive of what a configuration defines for its own use."""
    for directive in config.walk():
        args = directive.args
        if directive.name == "upstream" and args and directive.block is not None:
            yield "upstream", args[0], directive
        elif directive.name in ("limit_req_zone", "limit_conn_zone", "proxy_cache_path", "fastcgi_cache_path"):
            for word in args:
                key, _, value = word.partition("=")
                if key in ("zone", "keys_zone"):
                    yield "zone", value.split(":")[0], directive
        elif directive.name == "log_format" and args:
            yield "log_format", args[0], directive
        elif directive.name in ("map", "geo", "split_clients") and args and directive.block is not None:
            yield "variable", args[-1], directive


def words_of(directive: Directive) -> list[str]:
    """Return the words of a line that may use a name; none of a pattern."""
    if directive.name in _PATTERNS:
        return []
    return [word for arg in [directive.name, *directive.args] for word in _WORD.findall(arg)]


def used(config: Config) -> frozenset[str]:
    """Return every word of a configuration that may use a name: all but those of its own definition, and of patterns,
    in which nginx puts no variable.
    """
    words: set[str] = set()
    definitions = {id(directive): name for _, name, directive in named(config)}
    for directive in config.walk():
        own = definitions.get(id(directive), "").removeprefix("$")
        words.update(word for word in words_of(directive) if word != own)
    return frozenset(words)


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find names that no other directive mentions."""
    words = used(config)
    for kind, name, directive in named(config):
        if name.removeprefix("$") not in words:
            yield finding(
                directive,
                f"{kind} {name} is defined but never used",
                expected="a directive that uses it",
                fix="use it, or remove it",
            )
