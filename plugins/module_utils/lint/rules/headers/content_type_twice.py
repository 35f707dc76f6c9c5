"""An ``add_header Content-Type`` is in force where an upstream answers, which has a type of its own.

nginx adds a second ``Content-Type`` to the answer, and browsers, caches and clients take one of the two, or refuse
both. ``proxy_hide_header Content-Type`` beside it takes the upstream's away. A file has a type as well, by its ending
or by ``default_type``, and that is where another one belongs.
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


def _serves_files(scope: BlockScope) -> bool:
    """Return whether a location says which files it sends, and sends nothing else."""
    answers = any(name.endswith("_pass") or name in ("return", "rewrite", "if") for name in scope.own)
    types = scope.own.get("types", ()) or scope.own.get("default_type", ())
    return scope.kind == "location" and not answers and not types and not {"root", "alias"}.isdisjoint(scope.own)


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find types of content that are added to what upstreams answer."""
    for scope in scopes(config):
        if _serves_files(scope):
            for directive in scope.own.get("add_header", ()):
                if directive.args[:1] and directive.args[0].lower() == _HEADER:
                    yield finding(
                        directive,
                        f"{scope.text} answers with two types: {directive.args[-1]} beside that of its files",
                        expected=f"one {directive.args[0]}",
                        fix=f"write types {{ }} default_type {directive.args[-1]}; instead",
                    )
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
