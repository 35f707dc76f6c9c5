"""An include whose pattern matches nothing, of which nginx says nothing: the sites behind it are gone.

The folders that packages include, full or not, are left alone, unless live has something there. Debian's own lines
always are: who takes the last site out of such a folder means it.
"""

from __future__ import annotations

import re

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import Context

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


def run(config: Config, context: Context) -> list[Finding]:
    """Find patterns that no file of the tree matches."""
    return [
        Finding(
            f"include {directive.args[0]} matches no file",
            file=directive.file,
            line=directive.line,
            expected="at least one file",
            seen=f"include {directive.args[0]}",
            mend="correct the pattern, or remove the include",
        )
        for directive in config.barren
        if not _PACKAGED.fullmatch(directive.args[0]) or _filled_before(directive, context.live)
    ]
