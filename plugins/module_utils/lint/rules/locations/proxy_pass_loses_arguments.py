r"""A ``proxy_pass`` with a captured path passes no arguments on, so the application never sees ``?page=2``.

Where ``proxy_pass`` contains a variable, nginx sends the path as it is written there, and nothing else. Locations for
the kinds of files that have no arguments, as ``\.woff2$``, pass.
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

LEVEL = "medium"
NEW = "high"

# A path may begin with the variable itself, which holds the slash then.
_PATH = re.compile(r"https?://(?:[^/]+(?P<path>/.*)|[^/$:]+(?P<glued>\$.*))")
_ARGUMENTS = re.compile(r"\$\{?(?:args|is_args|query_string|request_uri|arg_\w+)|\?")
_OF_FILES = re.compile(r"\\\.(?:\((?:\?:)?)?(?:woff2?|ttf|otf|eot|css|js|png|jpe?g|gif|svg|ico|webp|map|mp4|pdf)\b")


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find ``proxy_pass`` with captures of the location's expression, and without the arguments."""
    for _, block in blocks(config, "location"):
        modifier, pattern = location_kind(block)
        if not modifier.startswith("~") or _OF_FILES.search(pattern):
            continue
        # What a rewrite has put together is sent in its stead only without a path, so this is about the path written.
        for directive in block.children("proxy_pass"):
            match = _PATH.fullmatch(directive.args[0] if directive.args else "")
            path = (match["path"] or match["glued"]) if match else ""
            if numbers(path) and not _ARGUMENTS.search(path):
                yield finding(
                    directive,
                    f"proxy_pass {directive.args[0]} passes no arguments on: what follows a ? is lost",
                    expected=f"{directive.args[0]}$is_args$args",
                    fix="append $is_args$args",
                )
