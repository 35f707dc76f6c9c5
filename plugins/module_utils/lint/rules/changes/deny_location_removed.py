r"""A location that refuses requests in the live release is gone, or stands where they do not come by any more.

``location ~ /\.ht { deny all; }`` went with an include that was dropped, and the files behind it are served. What was
written within ``location ^~ /uploads/`` and stands beside it now refuses nothing below ``/uploads/``: behind ``^~``,
nginx tries no expression outside. A location that refuses more than before passes, and so does one that was removed
with all that was served within it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from ....config.match import choose_location
from ....config.parse import Config, Directive
from ....config.regexes import compiled
from ....config.samples import samples
from ....verdicts.model import Finding
from ...findings import finding
from ...scopes import BlockScope, Key, by_key, location_kind, place_of

LEVEL = "high"

_MOST = 50
# The key of a server is that of http and its own.
_SERVER_DEPTH = 2
_REFUSALS = ("401", "403", "404", "444")
# What decides before a location is chosen, or instead of what stands in it.
_DECIDES = ("if", "return", "rewrite")


class _LetIn(NamedTuple):
    """A path that a location refuses in the live release, and the block that answers it now."""

    path: str
    taker: BlockScope


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


def _paths_within(scope: BlockScope, server: Directive) -> list[str]:
    """List paths that come to a location within another one."""
    outer, paths = _pattern(scope.outer) if scope.outer else "", samples(scope.block, _MOST) if scope.block else []
    below = [path if path.startswith(outer) else outer.rstrip("/") + path for path in paths]
    return [path for path in below if choose_location(server, path) is scope.block]


def _answers_as_before(scope: BlockScope, before: BlockScope | None) -> bool:
    """Return whether a block lets requests in, and is one of the live release: what is new was opened on purpose."""
    if before is None or any(name in scope.own for name in (*_DECIDES, "internal")):
        return False
    if any(name.endswith("_pass") for name in scope.own.keys() - before.own.keys()):
        return False
    denied = any(each.args == ["all"] for each in scope.effective("deny"))
    return not denied and scope.value("auth_basic", "off") == "off" and scope.value("auth_request", "off") == "off"


def _by_server(served: Mapping[Key, BlockScope]) -> dict[Key, dict[int, tuple[Key, BlockScope]]]:
    """Map the key of each server to its blocks, each with its own key."""
    found: dict[Key, dict[int, tuple[Key, BlockScope]]] = {}
    for key, scope in served.items():
        found.setdefault(key[:_SERVER_DEPTH], {})[id(scope.block)] = (key, scope)
    return found


def _let_in(
    here: Mapping[int, tuple[Key, BlockScope]],
    served: Mapping[Key, BlockScope],
    lived: Mapping[Key, BlockScope],
    key: Key,
) -> _LetIn | None:
    """Return what shows that a location within another one, which is not there any more, was not made up for."""
    scope = lived[key]
    around = scope.around("server")
    server = served.get(around.key) if around else None
    if around is None or around.block is None or server is None or server.block is None:
        return None
    # Whoever decides before all locations may refuse there.
    if any([each.text for each in server.own.get(name, ())] != _texts(around, name) for name in _DECIDES):
        return None
    refusing = [each for _, each in here.values() if each.kind == "location" and _refuses(each)]
    for path in _paths_within(scope, around.block):
        taken = choose_location(server.block, path)
        name, taker = here.get(id(taken), (around.key, server))
        is_moved = key[:-1] in served or any(_matches(each, path) for each in refusing)
        if is_moved and _answers_as_before(taker, lived.get(name)):
            return _LetIn(path, taker)
    return None


def _texts(scope: BlockScope, name: str) -> list[str]:
    return [each.text for each in scope.own.get(name, ())]


def compare(config: Config, live: Config) -> Iterator[Finding]:
    """Find locations of the live release that refuse requests and have no like in the candidate."""
    now, lived = by_key(config, live), by_key(live)
    # One that refuses "/\\." does so for "/\\.ht" as well, and one that serves now was opened on purpose.
    refusing = list(_refusing(config).values())
    kept = {_pattern(scope) for scope in refusing}
    known = {_pattern(scope) for scope in now.values() if scope.kind == "location"}
    gone: dict[str, tuple[BlockScope, BlockScope]] = {}
    by_server: dict[Key, dict[int, tuple[Key, BlockScope]]] = {}
    passed: dict[tuple[str, str], tuple[BlockScope, _LetIn]] = {}
    for key, scope in _refusing(live).items():
        pattern = _pattern(scope)
        if pattern in known or any(each in pattern for each in kept) or _is_covered(scope, refusing):
            within = scope.outer is not None and scope.outer.kind == "location" and key not in now
            by_server = by_server or _by_server(now)
            let_in = _let_in(by_server.get(key[:_SERVER_DEPTH], {}), now, lived, key) if within else None
            if let_in is not None and scope.outer is not None:
                passed.setdefault((_pattern(scope.outer), pattern), (scope, let_in))
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
    for scope, let_in in passed.values():
        around = scope.outer.text if scope.outer else ""
        yield finding(
            place_of(let_in.taker, config),
            f"{let_in.path} is not refused any more: in the live release {scope.text} within {around} refuses it",
            expected=f"{scope.text} where {let_in.path} comes to it",
            actual=let_in.taker.text,
            fix=f"put {scope.text} back into {around}",
        )
