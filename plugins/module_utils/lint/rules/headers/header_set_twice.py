"""A block sets the same header for an upstream twice, so the application gets it twice.

nginx sends both lines. Most applications take one of them, and which one is anybody's guess; some refuse a second
``Host`` with 400.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...scopes import scopes

LEVEL = "medium"
NEW = "high"

_NAMES = ("proxy_set_header", "grpc_set_header")


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find headers for upstreams that are set a second time in their block."""
    for scope in scopes(config):
        for name in _NAMES:
            first: dict[str, Directive] = {}
            for directive in scope.own.get(name, ()):
                # An empty value removes the header.
                if len(directive.args) < 2 or not directive.args[1]:
                    continue
                earlier = first.setdefault(directive.args[0].lower(), directive)
                if earlier is not directive:
                    yield finding(
                        directive,
                        f"{directive.args[0]} is set twice in this block: the upstream gets both",
                        expected=f"one {name} {directive.args[0]}; the other is {earlier.text}",
                        fix="remove one of them",
                    )
