r"""A ``location`` has a path that no request can have: without its leading slash, or an expression without its tilde.

Paths of requests begin with a slash, but nginx takes ``location api/`` and ``location \.php$`` as prefixes all the
same. ``location ~ ^api/`` matches nothing either, nor does ``location = /page?id=1`` or ``location ~ %5c``: arguments
are no part of the path, and it is decoded. What follows a ``#`` is not sent at all. Who edits such a location expects
it to work, so an edit of one that live has already is a finding as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...impossible_paths import matches_no_path, no_path
from ...scopes import blocks, location_kind

LEVEL = "high"
EDITS_COUNT = True

_LIKE_REGEX = re.compile(r"^\^|\$$|\\[.dw/]|\.[*+]|\([^)|]*\|[^)]*\)|\(\??\*\)|\[[^\]]+\][+*]?|/\*")


def _wrong(modifier: str, path: str) -> str:
    if modifier.startswith("~"):
        return matches_no_path(path, ignore_case=modifier == "~*")
    if _LIKE_REGEX.search(path):
        return "it looks like a regular expression, but has no ~"
    return no_path(path)


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find locations whose path or expression no request can match."""
    for _, block in blocks(config, "location"):
        modifier, path = location_kind(block)
        why = "" if path.startswith("@") else _wrong(modifier, path)
        if why:
            yield finding(
                block,
                f"{block.text} matches no request: {why}",
                expected="a path that begins with a slash, or ~ before a regular expression",
                fix="write the path as requests have it",
            )
