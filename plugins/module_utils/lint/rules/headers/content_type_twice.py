"""An ``add_header Content-Type`` is in force where an upstream answers, which has a type of its own.

nginx adds a second ``Content-Type`` to the answer, and browsers, caches and clients take one of the two, or refuse
both. ``proxy_hide_header Content-Type`` beside it takes the upstream's away; ``default_type`` is for files.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...scopes import BlockScope, scopes

LEVEL = "medium"
NEW = "high"

_PROTOCOLS = ("proxy", "fastcgi", "uwsgi", "scgi", "grpc")
_HEADER = "content-type"


def _protocol(scope: BlockScope) -> str:
    """Return by which protocol a location passes on; "" where it answers itself."""
    return next((each for each in _PROTOCOLS if f"{each}_pass" in scope.own), "")


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find types of content that are added to what upstreams answer."""
    for scope in scopes(config):
        protocol = _protocol(scope) if scope.kind in ("location", "if") else ""
        hidden = {each.args[0].lower() for each in scope.effective(f"{protocol}_hide_header") if each.args}
        if not protocol or _HEADER in hidden:
            continue
        for directive in scope.effective("add_header"):
            if directive.args[:1] and directive.args[0].lower() == _HEADER:
                yield finding(
                    directive,
                    f"{scope.text} answers with two types: {directive.args[-1]} beside that of its upstream",
                    expected=f"one {directive.args[0]}",
                    fix=f"add {protocol}_hide_header Content-Type, or remove the line",
                )
