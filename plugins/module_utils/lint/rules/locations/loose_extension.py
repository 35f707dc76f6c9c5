"""A file extension in an expression with a bare dot or without its end: ``~ .php$`` runs ``/xphp`` as well, and
``~ \\.php`` hands ``/page.php.bak`` to the interpreter.
"""

from __future__ import annotations

import re

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import Context
from ...scopes import location_kind, scopes

LEVEL = "medium"
NEW = "high"

_EXTENSIONS = r"(?:\((?:\?:)?[a-z0-9|]+\)|[a-z]{2,5}[0-9]?)"
# After a letter, as in robots.txt, a bare dot is common and does no harm.
_BARE_DOT = re.compile(rf"(?:^|[^\\\w])\.({_EXTENSIONS})\$$", re.IGNORECASE)
_NO_END = re.compile(r"\\\.(php|phtml|py|cgi|pl|aspx?|jsp)$", re.IGNORECASE)


def run(config: Config, context: Context) -> list[Finding]:
    """Find expressions of locations that take more than the files with their extension."""
    findings = []
    for scope in scopes(config):
        if scope.block is None or scope.kind != "location":
            continue
        modifier, pattern = location_kind(scope.block)
        if not modifier.startswith("~"):
            continue
        if bare := _BARE_DOT.search(pattern):
            what, better = (
                f"the dot before {bare[1]} stands for any letter",
                pattern[: bare.start(1) - 1] + "\\." + bare[1] + "$",
            )
        elif end := _NO_END.search(pattern):
            what, better = f"the expression goes on after .{end[1]}: it takes /page.{end[1]}.bak as well", pattern + "$"
        else:
            continue
        findings.append(
            Finding(
                what,
                file=scope.block.file,
                line=scope.block.line,
                expected=f"location {modifier} {better}",
                seen=scope.words,
                mend=f"write {better}",
            )
        )
    return findings
