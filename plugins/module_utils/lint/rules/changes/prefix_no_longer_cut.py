r"""A rewrite cut a location's prefix off the paths of its files, and it is gone: all of them are looked for elsewhere.

With ``rewrite ^/app(/.*)$ $1 break`` in ``location /app/`` the file of ``/app/style.css`` is ``style.css`` in the root,
and without it ``app/style.css``. Who moves the files changes ``root`` or ``alias`` with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.parse import Config
from ....verdicts.model import Finding
from ...findings import finding
from ...scopes import BlockScope, altered, location_kind

LEVEL = "high"

_REST = re.compile(r"/?\$\{?1\}?")


def _cuts(scope: BlockScope) -> str:
    """Return the rewrite of a prefix location that cuts its path off; "" where there is none."""
    kind, path = location_kind(scope.block) if scope.block is not None else ("", "")
    if kind not in ("", "^~") or len(path.strip("/")) == 0:
        return ""
    for each in scope.own.get("rewrite", ()):
        if len(each.args) != 3 or each.args[2] != "break" or not _REST.fullmatch(each.args[1]):
            continue
        if each.args[0].lstrip("^").startswith(path.rstrip("/")):
            return each.text
    return ""


def _places(scope: BlockScope) -> list[str]:
    return [each.text for name in ("root", "alias") for each in scope.effective(name)]


def compare(config: Config, live: Config) -> Iterator[Finding]:
    """Find locations of files that had such a rewrite, and have none, and the same root."""
    for before, now in altered(config, live):
        if now.kind != "location" or now.block is None:
            continue
        cut = _cuts(before)
        passes = any(name.endswith("_pass") or name == "return" for scope in (before, now) for name in scope.own)
        if not cut or passes or now.own.get("rewrite") or now.own.get("try_files") or _places(before) != _places(now):
            continue
        path = location_kind(now.block)[1]
        yield finding(
            now.block,
            f"files of {now.block.text} are looked for below {path} in the root now: {cut} cut that off",
            expected=cut,
            fix="restore it, or move root with the files",
        )
