"""A document root moved up to a folder above the one that it was: what lay beside the public files is public too.

``root /srv/shop/public`` that became ``root /srv/shop`` serves the application's source, its settings and its
``.git`` to everybody who asks for them.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...findings import finding
from ...scopes import altered

LEVEL = "high"

# Where a folder is called so, what is above it is not for visitors.
_PUBLIC = frozenset({"public", "public_html", "web", "htdocs", "www", "html", "dist", "build", "static", "webroot"})


def _root(directives: Sequence[Directive]) -> str:
    found = [each.args[0] for each in directives if each.args]
    return posixpath.normpath(found[0]) if len(found) == 1 and found[0].startswith("/") else ""


def compare(config: Config, live: Config) -> Iterator[Finding]:
    """Find roots that are a folder above the former one of the same block."""
    for before, scope in altered(config, live):
        own = scope.own.get("root", ())
        was, now = _root(before.own.get("root", ())), _root(own)
        if not was or not now or was == now or not PurePosixPath(was).is_relative_to(now):
            continue
        if not _PUBLIC.isdisjoint(PurePosixPath(was).relative_to(now).parts):
            yield finding(
                own[0],
                f"root {now} is above {was}, the root of the live release: all that lies beside it can be read",
                expected=f"root {was}",
                fix="write the folder of the public files",
            )
