"""A ``proxy_pass`` with a path that does not fit its location's slash: ``location /api/`` with ``proxy_pass
http://app/v1`` asks for ``/v1users``; ``location /api`` with ``proxy_pass http://app/`` asks for ``//users``.
"""

from __future__ import annotations

import re

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import Context
from ...scopes import location_kind, scopes

LEVEL = "medium"
NEW = "high"

_WITH_PATH = re.compile(r"https?://[^/$]+(/[^$]*)")


def run(config: Config, context: Context) -> list[Finding]:
    """Find prefix locations of which only one of path and target ends with a slash."""
    findings = []
    for scope in scopes(config):
        block = scope.block
        if block is None or scope.kind != "location":
            continue
        modifier, path = location_kind(block)
        if modifier not in ("", "^~") or not path.startswith("/"):
            continue
        for directive in block.children("proxy_pass"):
            match = _WITH_PATH.fullmatch(directive.args[0] if directive.args else "")
            if match is None or match[1].endswith("/") == path.endswith("/") or "?" in match[1]:
                continue
            asked = match[1] + (f"{path}name"[len(path) :] if path.endswith("/") else "/name")
            findings.append(
                Finding(
                    f"{path.rstrip('/')}/name is passed on as {asked}: only one of both ends with a slash",
                    file=directive.file,
                    line=directive.line,
                    expected="a slash at the end of the location and of the target, or of neither",
                    seen=f"{scope.words} with proxy_pass {directive.args[0]}",
                    mend="end both with a slash",
                )
            )
    return findings
