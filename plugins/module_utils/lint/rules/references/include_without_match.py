"""The pattern of an ``include`` matches no file, so the sites behind it are gone, and nginx does not complain.

Directories that packages include (``conf.d/*.conf``, ``modules-enabled/*.conf``, ``sites-enabled/*`` and the like)
may be empty, unless the live release has files there. Lines that packages bring may always match nothing: who removes
the last site means it. A new pattern passes where the release still reads all that live reads, and its directory has
other files, or is not a near miss of one that has: it is for what may come.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

from ....closest_match import typo_of
from ....config.parse import Config, Directive
from ....platforms.catalog import layouts
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding

LEVEL = "medium"
NEW = "high"

_PACKAGED = re.compile(
    r"(?:/etc/nginx/)?(?:conf|default|modules|streams?|http|sites|vhosts)(?:\.d|-enabled|-available)?/\*(?:\.\w+)?"
)


@functools.cache
def _of_packages() -> frozenset[str]:
    """Return the patterns that packaged configurations include."""
    return frozenset(pattern for each in layouts() for pattern in (*each.includes, each.enabled_modules))


def _folder(name: str) -> str:
    return name.rpartition("/")[0]


def _filled_before(directive: Directive, live: Config | None) -> bool:
    pattern = directive.args[0].removeprefix("/etc/nginx/")
    if pattern in _of_packages():
        return False
    without_match = {each.args[0].removeprefix("/etc/nginx/") for each in live.without_match} if live else set()
    return (
        live is not None
        and pattern not in without_match
        and any(_folder(name) == _folder(pattern) for name in live.files)
    )


def _may_come(directive: Directive, config: Config, context: LintContext) -> bool:
    """Return whether a pattern is for files that may come: nothing was lost, and its directory is no slip."""
    folder = _folder(directive.args[0].removeprefix("/etc/nginx/"))
    if context.live is None or "*" in folder:
        return False
    lost = {*context.live.files[1:]} - {*config.files}
    known = {_folder(path).removeprefix("/etc/nginx/") for path in context.brings} | set(
        map(_folder, context.live.files)
    )
    if folder in known:
        return not any(_folder(name) == folder for name in lost)
    return not lost and not typo_of(folder, {*known, *map(_folder, _of_packages())})


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
