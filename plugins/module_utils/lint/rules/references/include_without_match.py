"""The pattern of an ``include`` matches no file, so the sites behind it are gone, and nginx does not complain.

Directories that packages include (``conf.d/*.conf``, ``modules-enabled/*.conf``, ``sites-enabled/*`` and the like)
may be empty, unless the live release has files there. Debian's own three lines may always match nothing: who removes
the last site means it. A new pattern passes where the release has other files in its directory, and still reads all
that live reads there: it is for what may come.
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
    without_match = {each.args[0].removeprefix("/etc/nginx/") for each in live.without_match} if live else set()
    return (
        live is not None
        and pattern not in without_match
        and any(_folder(name) == _folder(pattern) for name in live.files)
    )


def _may_come(directive: Directive, config: Config, context: LintContext) -> bool:
    """Return whether a pattern is for files that may come: its directory is there, and nothing in it was lost."""
    folder = _folder(directive.args[0].removeprefix("/etc/nginx/"))
    if context.live is None or "*" in folder:
        return False
    lost = {name for name in context.live.files if _folder(name) == folder} - {*config.files}
    return not lost and any(_folder(path) == f"/etc/nginx/{folder}" for path in context.brings)


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find patterns that no file of the tree matches."""
    for directive in config.without_match:
        filled = _filled_before(directive, context.live)
        if filled or not (_PACKAGED.fullmatch(directive.args[0]) or _may_come(directive, config, context)):
            yield finding(
                directive,
                f"{directive.text} matches no file",
                expected="at least one file",
                fix="correct the pattern, or remove the include",
            )
