r"""An expression has words in square brackets, which stand for one letter of them.

``\\.[jpg|png]$`` takes ``.j``, ``.p`` and ``.|``, and ``['%255C']+`` each path with a 2, a 5 or a quote. Words to
choose from stand in parentheses: ``\\.(jpg|png)$``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import LintContext
from ...expressions import expressions
from ...findings import finding

LEVEL = "medium"
NEW = "high"

_CLASS = re.compile(r"(?<!\\)\[(\^?)((?:\\.|[^\]\\])+)\]")
_WORDS = re.compile(r"[A-Za-z]{2,}\|[A-Za-z]{2,}")
_QUOTED = re.compile(r"(['\"]).{2,}\1")


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find classes of letters that were meant as words."""
    written = (each for directive in config.walk() for each in expressions(directive))
    for directive, pattern in written:
        for found in _CLASS.finditer(pattern):
            if _WORDS.search(found[2]) or _QUOTED.fullmatch(found[2]):
                yield finding(
                    directive,
                    f"{found[0]} is one letter of these, and no word",
                    expected=f"({found[2]})" if not found[1] else f"(?!{found[2]})",
                    fix="write parentheses around words",
                )
                break
