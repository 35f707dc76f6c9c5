"""An upstream is asked by another protocol than in the live release, and has the same servers.

A program speaks one protocol at a port: behind ``uwsgi_pass reports``, ``proxy_pass http://reports`` is answered with
502. An upstream that live asks by both passes, as does one that got other servers. So does a location that was written
anew for the other protocol, with its parameters or headers in the place of the former ones: then the program is
another one. ``grpc_pass`` in the place of ``proxy_pass`` passes, which is how gRPC is made to work; the other way
round, only HTTP/2 does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...findings import finding
from ...scopes import BlockScope, by_key, scopes

LEVEL = "high"

_PASSES = ("proxy", "fastcgi", "uwsgi", "scgi", "grpc", "memcached")
_SPOKEN = {"proxy": "HTTP", "fastcgi": "FastCGI", "scgi": "SCGI", "grpc": "gRPC"}
_TARGET = re.compile(r"(?:(?P<scheme>\w+)://)?(?P<place>unix:[^:$]+|[^/$]+)(?P<path>$|[:/].*)")
_TLS_PORT, _PORT = "443", "80"

# Who is asked: the addresses behind a name.
_Asked = frozenset[str]


class _Pass(NamedTuple):
    """A directive that asks somebody, and the location that it stands in."""

    scope: BlockScope
    directive: Directive
    protocol: str
    asked: _Asked


def _with_port(address: str, port: str) -> str:
    has_port = address.startswith("unix:") or re.search(r":\d+$", address)
    return address.lower() if has_port else f"{address.lower()}:{port}"


def _upstreams(config: Config) -> dict[str, _Asked]:
    return {
        block.args[0].lower(): frozenset(_with_port(each.args[0], _PORT) for each in block.children("server"))
        for block in config.http()
        if block.name == "upstream" and block.args
    }


def _passes(config: Config) -> Iterator[_Pass]:
    """Yield what asks somebody whose address is written down."""
    upstreams = _upstreams(config)
    for scope in scopes(config):
        # A stream passes on bytes.
        for protocol in _PASSES if scope.key[:1] == ("http",) else ():
            for directive in scope.own.get(f"{protocol}_pass", ()):
                match = _TARGET.fullmatch(directive.args[0]) if directive.args else None
                if match is not None:
                    port = _TLS_PORT if match["scheme"] in ("https", "grpcs") else _PORT
                    place = match["place"].lower()
                    around = scope.around("location") or scope
                    asked = upstreams.get(place, frozenset({_with_port(match["place"], port)}))
                    yield _Pass(around, directive, protocol, asked)


def _protocols(passes: list[_Pass]) -> dict[_Asked, set[str]]:
    found: dict[_Asked, set[str]] = {}
    for each in passes:
        found.setdefault(each.asked, set()).add(each.protocol)
    return found


def _of(scope: BlockScope | None, protocol: str) -> set[str]:
    """Return what a block says of a protocol, without that it is asked."""
    names = {name for name in scope.own if name.startswith(f"{protocol}_")} if scope else set()
    return {each.text for name in names - {f"{protocol}_pass"} if scope for each in scope.own[name]}


def _is_meant(now: _Pass, before: BlockScope | None, former: str) -> bool:
    """Return whether a location was written for the protocol, or the same program may speak both."""
    if now.protocol in ("proxy", "grpc") and former in ("proxy", "grpc"):
        return now.protocol == "grpc" or now.scope.value("proxy_http_version") == "2"
    return bool(_of(now.scope, now.protocol) - _of(before, now.protocol)) and not _of(now.scope, former)


def _spoken(protocol: str) -> str:
    return _SPOKEN.get(protocol, protocol)


def compare(config: Config, live: Config) -> Iterator[Finding]:
    """Find what asks somebody by a protocol that nobody asks them by in the live release."""
    before = _protocols(list(_passes(live)))
    passes = list(_passes(config))
    now, lived = _protocols(passes), by_key(live)
    keys = {id(scope.block): lived.get(key) for key, scope in by_key(config, live).items()}
    for each in passes:
        formers = before.get(each.asked, set())
        if len(formers) != 1 or each.protocol in formers:
            continue
        former = next(iter(formers))
        is_left = former not in now[each.asked]
        if is_left and _is_meant(each, keys.get(id(each.scope.block)), former):
            continue
        # One that speaks HTTP/2 may speak HTTP/1.1 beside it.
        if not is_left and {former, each.protocol} == {"proxy", "grpc"}:
            continue
        target = each.directive.args[0]
        yield finding(
            each.directive,
            f"{target} is asked by {_spoken(each.protocol)}; in the live release the same servers are asked by "
            f"{_spoken(former)}",
            expected=f"{former}_pass, or other servers",
            fix=f"write {former}_pass, or name the servers that speak {_spoken(each.protocol)}",
        )
