"""An expression has an alternative without text, as ``~* wget|curl|``, and so is found in everything.

In a group it is a manner to say that something may be missing, ``^/shop(/|)$``; outside of all groups it makes the
others pointless.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding

LEVEL = "medium"
NEW = "high"

# What has bars of its own: what is escaped, classes, groups from the innermost on.
_ESCAPED, _CLASS, _GROUP = re.compile(r"\\."), re.compile(r"\[[^]]*\]"), re.compile(r"\([^()]*\)")
_EMPTY = re.compile(r"^\||\|\||\|$")


def _expressions(directive: Directive) -> Iterator[str]:
    if directive.name == "if" and len(directive.args) == 3 and "~" in directive.args[1]:
        yield directive.args[2]
    elif directive.name == "location" and len(directive.args) == 2 and directive.args[0].startswith("~"):
        yield directive.args[1]
    elif directive.name == "rewrite" and directive.args:
        yield directive.args[0]
    elif directive.name == "map":
        yield from (row.name.lstrip("~*") for row in directive.block or [] if row.name.startswith("~"))


def _has_empty(expression: str) -> bool:
    text = _CLASS.sub("x", _ESCAPED.sub("x", expression))
    while (shorter := _GROUP.sub("x", text)) != text:
        text = shorter
    return _EMPTY.search(text) is not None


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find expressions with an alternative that is always found."""
    for directive in config.walk():
        for expression in _expressions(directive):
            if _has_empty(expression):
                yield finding(
                    directive,
                    f"{expression} is found in everything: one of its alternatives has no text",
                    expected="text on both sides of each bar",
                    fix="take the bar out, or write what belongs beside it",
                )
