"""An ``allow`` comes after ``deny all``, or a ``deny`` after ``allow all``, and has no effect.

The first rule that matches decides. When the order is swapped, everybody is refused, or everybody is admitted.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...scopes import scopes

LEVEL = "high"


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find access rules that come after one for everybody."""
    for scope in scopes(config):
        decided: Directive | None = None
        for directive in scope.block.block or [] if scope.block else config.directives:
            if directive.name not in ("allow", "deny") or not directive.args:
                continue
            if decided is not None and directive.name != decided.name:
                yield finding(
                    directive,
                    f"{directive.text} has no effect: an earlier {decided.name} all applies to everybody",
                    expected=f"{decided.name} all (line {decided.line}) after all other rules",
                    fix=f"move {decided.name} all below the other rules",
                )
            if directive.args[0] == "all" and decided is None:
                decided = directive
