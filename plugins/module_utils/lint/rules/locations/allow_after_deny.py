"""An ``allow`` after ``deny all``, or a ``deny`` after ``allow all``: the first rule that fits decides, so the others
are dead. The order was swapped, and everybody is out, or in.
"""

from __future__ import annotations

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import Context
from ...scopes import scopes

LEVEL = "high"


def run(config: Config, context: Context) -> list[Finding]:
    """Find access rules that come after one for everybody."""
    findings = []
    for scope in scopes(config):
        decided: Directive | None = None
        directives = scope.block.block or [] if scope.block else config.directives
        for directive in directives:
            if directive.name not in ("allow", "deny") or not directive.args:
                continue
            if decided is not None and directive.name != decided.name:
                seen = " ".join([directive.name, *directive.args])
                findings.append(
                    Finding(
                        f"{seen} comes too late: {decided.name} all in line {decided.line} decides for everybody",
                        file=directive.file,
                        line=directive.line,
                        expected=f"{decided.name} all as the last rule",
                        seen=seen,
                        mend=f"move {decided.name} all below the other rules",
                    )
                )
            if directive.args[0] == "all" and decided is None:
                decided = directive
    return findings
