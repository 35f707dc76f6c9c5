"""A block sets the same header twice, so the upstream, or the client, gets it twice.

nginx sends both lines. Most applications take one of them, and which one is anybody's guess; some refuse a second
``Host`` with 400. A client may well get a header twice with two values, as cookies; the same line twice is a copy.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...scopes import BlockScope, scopes

LEVEL = "medium"
NEW = "high"

_NAMES = ("proxy_set_header", "grpc_set_header")
_FOR_CLIENTS = ("add_header", "add_trailer")


def _copied(scope: BlockScope) -> Iterator[Finding]:
    for name in _FOR_CLIENTS:
        seen: set[str] = set()
        for directive in scope.own.get(name, ()):
            if directive.text in seen:
                yield finding(
                    directive,
                    f"{directive.args[0]} is added twice in this block with the same value: the client gets both",
                    expected=f"one {directive.text}",
                    fix="remove one of them",
                )
            seen.add(directive.text)


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find headers that are set a second time in their block: for clients, those with the same value."""
    for scope in scopes(config):
        yield from _copied(scope)
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
