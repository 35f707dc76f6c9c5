"""An expression has a star between two slashes, as patterns of a shell have; in an expression that is a slash as often
as somebody likes.

``location ~ /login/*/callback`` is meant for ``/login/github/callback``, and takes ``/login/callback`` alone: nginx
makes one slash of several. ``[^/]+`` is any name, and ``.*`` is anything.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import LintContext
from ...expressions import expressions
from ...findings import finding

LEVEL = "medium"
NEW = "high"

_GLOB = "/*/"


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find expressions with a star between slashes."""
    for directive in config.named("location", "rewrite", "if", "map"):
        for line, pattern in expressions(directive):
            if _GLOB in pattern:
                yield finding(
                    line,
                    f"{pattern} has a star between two slashes: it takes as many slashes, and no name",
                    expected="[^/]+ between the slashes, for any name",
                    fix=f"write {pattern.replace(_GLOB, '/[^/]+/')}",
                )
