"""The pattern of an ``include`` matches no file, so the sites behind it are gone, and nginx does not complain.

Directories that packages include (``conf.d/*.conf``, ``modules-enabled/*.conf``, ``sites-enabled/*`` and the like)
may be empty, unless the live release has files there. Debian's own three lines may always match nothing: who removes
the last site means it.
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

_PACKAGED = re.compile(
    r"(?:/etc/nginx/)?(?:conf|default|modules|streams?|http|sites)(?:\.d|-enabled|-available)?/\*(?:\.\w+)?"
)
_DEBIAN = ("conf.d/*.conf", "modules-enabled/*.conf", "sites-enabled/*")


def _folder(name: str) -> str:
    return name.rpartition("/")[0]


def _filled_before(directive: Directive, live: Config | None) -> bool:
    pattern = directive.args[0].removeprefix("/etc/nginx/")
    if pattern in _DEBIAN:
        return False
    barren = {each.args[0].removeprefix("/etc/nginx/") for each in live.barren} if live else set()
    return live is not None and pattern not in barren and any(_folder(name) == _folder(pattern) for name in live.files)


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find patterns that no file of the tree matches."""
    for directive in config.barren:
        if not _PACKAGED.fullmatch(directive.args[0]) or _filled_before(directive, context.live):
            yield finding(
                directive,
                f"{directive.text} matches no file",
                expected="at least one file",
                fix="correct the pattern, or remove the include",
            )
