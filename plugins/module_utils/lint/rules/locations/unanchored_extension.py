r"""An expression for a file extension has an unescaped dot, or no ``$`` at its end, and matches too much.

``~ .php$`` also runs ``/xphp``, and ``~ \.php`` hands ``/page.php.bak`` to the interpreter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...scopes import blocks, location_kind

LEVEL = "medium"

_EXTENSIONS = r"(?:\((?:\?:)?[a-z0-9|]+\)|[a-z]{2,5}[0-9]?)"
# After a letter, as in robots.txt, a bare dot is common and does no harm.
_BARE_DOT = re.compile(rf"(?:^|[^\\\w])\.({_EXTENSIONS})\$$", re.IGNORECASE)
_NO_END = re.compile(r"\\\.(php|phtml|py|cgi|pl|aspx?|jsp)$", re.IGNORECASE)


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find expressions of locations that match more than the files with their extension."""
    for _, block in blocks(config, "location"):
        modifier, pattern = location_kind(block)
        if not modifier.startswith("~"):
            continue
        if bare := _BARE_DOT.search(pattern):
            what = f"the unescaped dot before {bare[1]} matches any character"
            better = pattern[: bare.start(1) - 1] + "\\." + bare[1] + "$"
        elif end := _NO_END.search(pattern):
            what, better = f"the expression has no $ at its end: it also matches /page.{end[1]}.bak", pattern + "$"
        else:
            continue
        yield finding(block, what, expected=f"location {modifier} {better}", fix=f"write {better}")
