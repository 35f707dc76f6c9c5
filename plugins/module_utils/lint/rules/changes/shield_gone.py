"""A location that kept people out and is gone: the include of ``location ~ /\\.ht { deny all; }`` was dropped, and the
files behind it are served.
"""

from __future__ import annotations

from collections.abc import Collection

from ....config.parse import Config
from ....config.regexes import compiled
from ....config.samples import samples
from ....verdicts.model import Finding
from ...context import Context
from ...scopes import Key, Scope, by_key, location_kind

LEVEL = "high"

_MOST = 50
_REFUSALS = ("401", "403", "404", "444")


def _refuses(scope: Scope) -> bool:
    denied = any(each.args == ["all"] for each in scope.own.get("deny", ()))
    returned = any(each.args and each.args[0] in _REFUSALS for each in scope.own.get("return", ()))
    return denied or returned or "internal" in scope.own or "auth_basic" in scope.own


def _shields(config: Config) -> dict[Key, Scope]:
    """Map the key of each location that refuses requests to it. One with a name is asked for by nobody."""
    return {
        key: scope
        for key, scope in by_key(config).items()
        if scope.kind == "location" and _refuses(scope) and not scope.words.startswith("location @")
    }


def _pattern(scope: Scope) -> str:
    return location_kind(scope.block)[1] if scope.block else ""


def _matches(scope: Scope, path: str) -> bool:
    kind, pattern = location_kind(scope.block) if scope.block else ("", "")
    if kind.startswith("~"):
        regex = compiled(pattern, kind == "~*")
        return regex is not None and regex.search(path) is not None
    return path == pattern if kind == "=" else path.startswith(pattern)


def _is_covered(scope: Scope, kept: Collection[Scope]) -> bool:
    """Whether a path for each alternative of a location is refused by others: ``(bak|sql)`` covers ``(bak)``."""
    paths = samples(scope.block, _MOST) if scope.block else []
    return bool(paths) and all(any(_matches(each, path) for each in kept) for path in paths)


def run(config: Config, context: Context) -> list[Finding]:
    """Find locations of the live release that refuse requests and have no like in the candidate."""
    if context.live is None:
        return []
    now = by_key(config, context.live)
    # One that refuses "/\." does so for "/\.ht" as well, and one that serves now was opened on purpose.
    shields = list(_shields(config).values())
    kept = {_pattern(scope) for scope in shields}
    known = {_pattern(scope) for scope in now.values() if scope.kind == "location"}
    gone: dict[str, tuple[Scope, Scope]] = {}
    for key, scope in _shields(context.live).items():
        pattern = _pattern(scope)
        if pattern in known or any(each in pattern for each in kept) or _is_covered(scope, shields):
            continue
        # Without its server there is nothing to shield.
        outer = next((now[key[:depth]] for depth in range(len(key) - 1, 1, -1) if key[:depth] in now), None)
        if outer is not None:
            # One file that many servers include is one shield.
            gone.setdefault(pattern, (scope, outer))
    return [
        Finding(
            f"{scope.words}, which refuses requests in the live release, is gone",
            file=outer.block.file if outer.block else config.files[0],
            line=outer.block.line if outer.block else 0,
            expected=f"{scope.words} in this {outer.kind}",
            seen=outer.words,
            mend="put the location, or the include that brings it, back",
        )
        for scope, outer in gone.values()
    ]
