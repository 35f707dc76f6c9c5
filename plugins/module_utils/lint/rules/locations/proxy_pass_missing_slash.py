"""Only one of a ``location`` and its ``proxy_pass`` ends with a slash, so the application gets a wrong path.

``location /api/`` with ``proxy_pass http://app/v1`` forwards ``/api/users`` as ``/v1users``; ``location /api`` with
``proxy_pass http://app/`` forwards it as ``//users``.
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
NEW = "high"

_WITH_PATH = re.compile(r"https?://[^/$]+(/[^$]*)")


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find prefix locations of which only one of path and target ends with a slash."""
    for _, block in blocks(config, "location"):
        modifier, path = location_kind(block)
        if modifier not in ("", "^~") or not path.startswith("/"):
            continue
        for directive in block.children("proxy_pass"):
            match = _WITH_PATH.fullmatch(directive.args[0] if directive.args else "")
            if match is None or match[1].endswith("/") == path.endswith("/") or "?" in match[1]:
                continue
            forwarded = match[1] + ("name" if path.endswith("/") else "/name")
            yield finding(
                directive,
                f"{path.rstrip('/')}/name is forwarded as {forwarded}: only one of location and proxy_pass ends with "
                "a slash",
                expected="a slash at the end of both, or of neither",
                seen=f"{block.text} with proxy_pass {directive.args[0]}",
                fix="end both with a slash",
            )
