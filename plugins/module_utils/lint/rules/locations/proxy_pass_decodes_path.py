"""A ``proxy_pass`` with a captured path sends it decoded: a space, ``%3F`` or ``%23`` breaks the request.

The location's expression sees ``/a b`` where the visitor asked for ``/a%20b``, and what it captured goes to the
application unencoded. ``rewrite … break`` and a ``proxy_pass`` without a path encode again. Advice: most paths contain
nothing that has to be encoded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...groups import numbers
from ...scopes import blocks, location_kind

LEVEL = "low"
NEW = "medium"

_PATH = re.compile(r"https?://[^/]+(/.*)")
# A group that lets nothing through that would have to be encoded.
_SAFE = re.compile(r"\((?:\?:)?(?:\\d|\\w|\[[\w\\-]+\]|[\w|-])[+*]?(?:[\w|-])*\)")


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find ``proxy_pass`` whose path is a capture of the location's expression."""
    for _, block in blocks(config, "location"):
        modifier, pattern = location_kind(block)
        if not modifier.startswith("~") or not re.search(r"\((?!\?:)", _SAFE.sub("", pattern)):
            continue
        for directive in block.children("proxy_pass"):
            match = _PATH.fullmatch(directive.args[0] if directive.args else "")
            if match and numbers(match[1]):
                yield finding(
                    directive,
                    f"proxy_pass {directive.args[0]} sends the captured path decoded: a space or ? in it breaks the "
                    "request",
                    expected="a path that is encoded as the visitor sent it",
                    actual=f"{block.text} with proxy_pass {directive.args[0]}",
                    fix="use rewrite … break and a proxy_pass without a path",
                )
