r"""An expression has words in square brackets, which stand for one letter of them.

``\\.[jpg|png]$`` takes ``.j``, ``.p`` and ``.|``, and ``['%255C']+`` each path with a 2, a 5 or a quote. Words to
choose from stand in parentheses: ``\\.(jpg|png)$``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...scopes import location_kind

LEVEL = "medium"
NEW = "high"

_CLASS = re.compile(r"(?<!\\)\[(\^?)((?:\\.|[^\]\\])+)\]")
_WORDS = re.compile(r"[A-Za-z]{2,}\|[A-Za-z]{2,}")
_QUOTED = re.compile(r"(['\"]).{2,}\1")


def _patterns(config: Config) -> Iterator[tuple[Directive, str]]:
    for directive in config.named("location", "rewrite", "if", "map"):
        if directive.name == "location" and location_kind(directive)[0].startswith("~"):
            yield directive, location_kind(directive)[1]
        elif directive.name == "rewrite" and directive.args:
            yield directive, directive.args[0]
        elif directive.name == "if" and len(directive.args) == 3 and "~" in directive.args[1]:
            yield directive, directive.args[2]
        elif directive.name == "map":
            yield from ((row, row.name) for row in directive.block or () if row.name.startswith("~"))


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find classes of letters that were meant as words."""
    for directive, pattern in _patterns(config):
        for found in _CLASS.finditer(pattern):
            if _WORDS.search(found[2]) or _QUOTED.fullmatch(found[2]):
                yield finding(
                    directive,
                    f"{found[0]} is one letter of these, and no word",
                    expected=f"({found[2]})" if not found[1] else f"(?!{found[2]})",
                    fix="write parentheses around words",
                )
                break
