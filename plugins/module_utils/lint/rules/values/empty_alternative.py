"""An expression has an alternative without text, as ``~* wget|curl|``, and so is found in everything.

In a group it is a manner to say that something may be missing, ``^/shop(/|)$``; outside of all groups it makes the
others pointless.
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

# What has bars of its own: what is escaped, classes, groups from the innermost on.
_ESCAPED, _CLASS, _GROUP = re.compile(r"\\."), re.compile(r"\[[^]]*\]"), re.compile(r"\([^()]*\)")
_EMPTY = re.compile(r"^\||\|\||\|$")


def _has_empty(expression: str) -> bool:
    text = _CLASS.sub("x", _ESCAPED.sub("x", expression))
    while (shorter := _GROUP.sub("x", text)) != text:
        text = shorter
    return _EMPTY.search(text) is not None


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find expressions with an alternative that is always found."""
    for directive in config.walk():
        for _, expression in expressions(directive):
            if _has_empty(expression):
                yield finding(
                    directive,
                    f"{expression} is found in everything: one of its alternatives has no text",
                    expected="text on both sides of each bar",
                    fix="take the bar out, or write what belongs beside it",
                )
