"""A location that no path can match: without its leading slash, or a regular expression that lost its tilde.

Paths of requests begin with a slash. nginx takes ``location api/`` and ``location \\.php$`` as prefixes all the same.
"""

from __future__ import annotations

import re

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import Context
from ...scopes import location_kind, scopes

LEVEL = "high"

_LIKE_REGEX = re.compile(r"^\^|\$$|\\[.dw/]|\.[*+]|\([^)]*\|[^)]*\)|\[[^\]]+\][+*]?")
_STARTS_WITHOUT_SLASH = re.compile(r"^\^[A-Za-z0-9_-]{2,}")


def _wrong(modifier: str, path: str) -> str:
    if modifier.startswith("~"):
        return "the expression wants no slash at the beginning" if _STARTS_WITHOUT_SLASH.match(path) else ""
    if _LIKE_REGEX.search(path):
        return "it looks like a regular expression, and has no ~"
    return "" if path.startswith(("/", "$")) else "it has no slash at the beginning"


def run(config: Config, context: Context) -> list[Finding]:
    """Find locations whose path or expression no request can have."""
    findings = []
    for scope in scopes(config):
        if scope.block is None or scope.kind != "location":
            continue
        modifier, path = location_kind(scope.block)
        why = "" if path.startswith("@") else _wrong(modifier, path)
        if why:
            findings.append(
                Finding(
                    f"no request is for {scope.words}: {why}",
                    file=scope.block.file,
                    line=scope.block.line,
                    expected="a path from its slash on, or ~ before an expression",
                    seen=scope.words,
                    mend="write the path as requests have it",
                )
            )
    return findings
