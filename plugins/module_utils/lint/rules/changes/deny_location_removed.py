r"""A location that refuses requests in the live release is gone.

``location ~ /\.ht { deny all; }`` went with an include that was dropped, and the files behind it are served. A
location that refuses more than before passes, and so does one that was removed with all that was served within it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ....config.parse import Config
from ....config.regexes import compiled
from ....config.samples import samples
from ....verdicts.model import Finding
from ...findings import finding
from ...scopes import BlockScope, Key, by_key, location_kind, place_of

LEVEL = "high"

_MOST = 50
_REFUSALS = ("401", "403", "404", "444")


def _refuses(scope: BlockScope) -> bool:
    denied = any(each.args == ["all"] for each in scope.own.get("deny", ()))
    # Then it was the rest of what locations within it serve.
    if any(each.children("proxy_pass") or each.children("alias") for each in scope.own.get("location", ())):
        return False
    returned = any(each.args and each.args[0] in _REFUSALS for each in scope.own.get("return", ()))
    return denied or returned or "internal" in scope.own or "auth_basic" in scope.own


def _refusing(config: Config) -> dict[Key, BlockScope]:
    """Map the key of each location that refuses requests to it. One with a name is asked for by nobody."""
    return {
        key: scope
        for key, scope in by_key(config).items()
        if scope.kind == "location" and _refuses(scope) and not scope.text.startswith("location @")
    }


def _pattern(scope: BlockScope) -> str:
    return location_kind(scope.block)[1] if scope.block else ""


def _matches(scope: BlockScope, path: str) -> bool:
    kind, pattern = location_kind(scope.block) if scope.block else ("", "")
    if kind.startswith("~"):
        regex = compiled(pattern, kind == "~*")
        return regex is not None and regex.search(path) is not None
    return path == pattern if kind == "=" else path.startswith(pattern)


def _is_covered(scope: BlockScope, kept: Collection[BlockScope]) -> bool:
    """Return whether a path for each alternative of a location is refused by others: ``(bak|sql)`` covers ``(bak)``."""
    paths = samples(scope.block, _MOST) if scope.block else []
    return bool(paths) and all(any(_matches(each, path) for each in kept) for path in paths)


def compare(config: Config, live: Config) -> Iterator[Finding]:
    """Find locations of the live release that refuse requests and have no like in the candidate."""
    now = by_key(config, live)
    # One that refuses "/\\." does so for "/\\.ht" as well, and one that serves now was opened on purpose.
    refusing = list(_refusing(config).values())
    kept = {_pattern(scope) for scope in refusing}
    known = {_pattern(scope) for scope in now.values() if scope.kind == "location"}
    gone: dict[str, tuple[BlockScope, BlockScope]] = {}
    for key, scope in _refusing(live).items():
        pattern = _pattern(scope)
        if pattern in known or any(each in pattern for each in kept) or _is_covered(scope, refusing):
            continue
        # Without its server there is nothing to protect.
        outer = next((now[key[:depth]] for depth in range(len(key) - 1, 1, -1) if key[:depth] in now), None)
        if outer is not None:
            # One file that many servers include is one location.
            gone.setdefault(pattern, (scope, outer))
    for scope, outer in gone.values():
        yield finding(
            place_of(outer, config),
            f"{scope.text} is gone; in the live release it refuses requests",
            expected=f"{scope.text} in this {outer.kind}",
            actual=outer.text,
            fix="restore the location, or the include that brings it",
        )
