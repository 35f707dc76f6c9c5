"""A file is included twice in the same block, so all that stands in it stands there twice.

Headers are sent twice, rewrites are tried twice, and of two equal servers or locations nginx takes the first, or does
not start. Mostly another file was meant.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding

LEVEL = "medium"


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find lines of an included file that a block has twice; each file is told once."""
    top = Directive("main", [], config.files[0] if config.files else "", 0, config.directives)
    for block in [top, *config.walk()]:
        inside = [each for each in block.block or [] if each.file != block.file]
        times = Counter((each.file, each.line, each.text) for each in inside)
        told: set[str] = set()
        for each in inside:
            if times[each.file, each.line, each.text] > 1 and each.file not in told:
                told.add(each.file)
                yield finding(
                    block if block.line else each,
                    f"{each.file} is included {times[each.file, each.line, each.text]} times in this block",
                    expected="each file once in a block",
                    fix="remove one of the two, or include the file that was meant",
                )
