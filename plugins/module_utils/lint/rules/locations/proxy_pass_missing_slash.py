"""Only one of a ``location`` and its ``proxy_pass`` ends with a slash, so the application gets a wrong path.

``location /api/`` with ``proxy_pass http://app/v1`` forwards ``/api/users`` as ``/v1users``; ``location /api`` with
``proxy_pass http://app/`` forwards it as ``//users``. A group that begins with a slash does the same: ``location ~
^/api(/.*)$`` with ``http://app/$1``. Where a ``rewrite … break`` says the path, that of ``proxy_pass`` does not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...groups import examples, groups
from ...scopes import blocks, location_kind

LEVEL = "medium"
NEW = "high"

_GROUP_AFTER_SLASH = re.compile(r"(?<![:/])/\$(?:\{(\d)\}|(\d))")
_WITH_PATH = re.compile(r"https?://[^/$]+(/[^$]*)")


def _of_groups(block: Directive, pattern: str) -> Iterator[Finding]:
    """Find a slash before a group that begins with one."""
    for directive in block.children("proxy_pass"):
        for match in _GROUP_AFTER_SLASH.finditer(directive.args[0] if directive.args else ""):
            number = int(match[1] or match[2])
            found = [each[number] for each in examples(pattern) if 0 < number <= groups(pattern) and each[number]]
            if found and all(each.startswith("/") for each in found):
                yield finding(
                    directive,
                    f"${number} begins with a slash, so {directive.args[0]} is a path with two",
                    expected=f"{directive.args[0]} without the slash before ${number}",
                    actual=f"{block.text} with proxy_pass {directive.args[0]}",
                    fix=f"remove the slash before ${number}, or take it out of the group",
                )


def _is_rewritten(block: Directive) -> bool:
    """Return whether a rewrite says what path is passed on: nginx leaves that of ``proxy_pass`` out then."""
    return any(each.args[2:] == ["break"] for each in block.children("rewrite"))


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find prefix locations of which only one of path and target ends with a slash."""
    for _, block in blocks(config, "location"):
        modifier, path = location_kind(block)
        if modifier.startswith("~"):
            yield from _of_groups(block, path)
        if modifier not in ("", "^~") or not path.startswith("/") or _is_rewritten(block):
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
                actual=f"{block.text} with proxy_pass {directive.args[0]}",
                fix="end both with a slash",
            )
