"""Two caches keep their files in the same directory, and each removes what the other stores.

nginx accepts that. The sizes are counted apart, one cache finds the other's files after a restart, and visitors get
pages of another site.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding

LEVEL = "high"

_NAMES = ("proxy_cache_path", "fastcgi_cache_path", "uwsgi_cache_path", "scgi_cache_path")


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find caches whose path another cache has."""
    first: dict[str, Directive] = {}
    for directive in config.named(*_NAMES):
        path = posixpath.normpath(directive.args[0])
        earlier = first.setdefault(path, directive)
        if earlier is not directive:
            yield finding(
                directive,
                f"{path} is the directory of another cache as well, so each removes what the other stores",
                expected=f"a directory for each cache; the other is {earlier.file}:{earlier.line}",
                fix="write a directory of its own",
            )
