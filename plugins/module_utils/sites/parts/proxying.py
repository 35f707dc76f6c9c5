"""Passing requests on: the proxy of a route, and the caches of a site."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ... import values
from ...errors import InputError
from ...schema import Given, Model, key, keys, listing, mapping, one_of, reader, table

__all__ = ["Cache", "CacheUse", "Proxy"]

_TARGET = re.compile(r"(?:(?P<scheme>https?|grpcs?)://)?(?P<host>unix:/[^\s:?#]+(?=:|$)|[^/\s?#]+):?(?P<path>/\S*)?")
# What nginx has no directive for, where it passes on gRPC.
_NOT_OF_GRPC = {
    "proxy_path": "a call of gRPC goes to the path of its method, which nginx passes on as it is",
    "websocket": "gRPC has streams of its own",
    "buffering": "nginx buffers nothing of gRPC",
    "cache": "nginx caches nothing of gRPC",
}
_RETRY_WHEN = (
    "error",
    "timeout",
    "invalid_header",
    "http_500",
    "http_502",
    "http_503",
    "http_504",
    "http_403",
    "http_404",
    "http_429",
    "non_idempotent",
)


@dataclass(frozen=True, kw_only=True)
class Cache(Model):
    """A place for cached answers."""

    name: str = key(values.name, "The name by which routes know it.", required=True)
    path: str | None = key(values.absolute_path, "A directory; one below C(/var/lib/nginx) unless given.")
    size: str = key(values.size, "Memory for keys.", default="10m")
    max_size: str = key(values.size, "Space on the disk.", default="1g")
    inactive: str = key(values.time, "An answer that nobody asked for in this time goes.", default="60m")


def _statuses(value: object, where: str) -> str:
    found = values.text(value, where)
    if found != "any" and not re.fullmatch(r"[1-5]\d\d", found):
        raise InputError(where, f"'{found}' is not a status; use 200, 404, … or any")
    return found


@reader("raw")
def _valid(value: object, where: str) -> tuple[tuple[str, str], ...]:
    """Return pairs of statuses and a time; no statuses stand for 200, 301 and 302."""
    if isinstance(value, Mapping):
        return tuple(table(_statuses, values.time)(value, where).items())
    return (("", values.time(value, where)),)


@dataclass(frozen=True, kw_only=True)
class CacheUse(Model):
    """How a route uses a cache."""

    zone: str = key(values.name, "One of the site's C(caches).", required=True)
    valid: tuple[tuple[str, str], ...] = key(
        _valid, "A time for 200, 301 and 302, or a mapping of statuses (or C(any)) to times.", absent=()
    )
    by: str | None = key(values.text, "What makes two requests the same.", name="key")
    bypass: tuple[str, ...] = key(
        listing(values.text, empty=False),
        "Variables; when one is neither empty nor 0, the cache is not used.",
        absent=(),
    )
    stale: bool = key(
        values.flag, "Whether old answers are served while the upstream fails or is asked again.", default=False
    )


@dataclass(frozen=True, kw_only=True)
class Retries(Model):
    """When the next server of an upstream is asked. Never, when ``when`` is empty."""

    when: tuple[str, ...] = key(
        listing(one_of(*_RETRY_WHEN), empty=False),
        "The failures after which it is, as C(http_502).",
        default=["error", "timeout"],
    )
    tries: int | None = key(values.integer(1, 1000), "How many servers are asked at most.")
    timeout: str | None = key(values.time, "For how long another one may be asked.")


@reader("raw", Retries)
def _retries(value: object, where: str) -> Retries:
    return Retries(source=where, when=(), tries=None, timeout=None) if value is False else Retries.read(value, where)


@dataclass(frozen=True, kw_only=True)
class Timeouts(Model):
    """Times for the upstream."""

    connect: str | None = key(values.time, "For the connection.")
    send: str | None = key(values.time, "Between two writes.")
    read_: str | None = key(values.time, "Between two reads.", name="read")

    @property
    def given(self) -> dict[str, str]:
        """Those that are set, by the names that nginx has for them."""
        times = {"connect": self.connect, "send": self.send, "read": self.read_}
        return {name: time for name, time in times.items() if time is not None}


class _ProxyTarget(NamedTuple):
    """Where requests go. Only where the scheme was written (``explicit``) may the host be an address."""

    scheme: str
    host: str
    explicit: bool


_NOWHERE = _ProxyTarget("", "", False)


@reader("str")
def _target(value: object, where: str) -> _ProxyTarget:
    found = values.text(value, where)
    match = _TARGET.fullmatch(found)
    if not match:
        raise InputError(where, f"'{found}' is not a target; use the name of an upstream, or http://host:port")
    if match["path"]:
        raise InputError(where, f"'{found}' holds a path; write {match['path']} as proxy_path")
    if match["scheme"] and not match["host"].startswith("unix:"):
        values.address(port_needed=False)(match["host"], where)
    return _ProxyTarget(match["scheme"] or "http", match["host"], bool(match["scheme"]))


@reader("str")
def _proxy_path(value: object, where: str) -> str:
    found = values.uri(value, where)
    if "$" in found:
        raise InputError(where, f"'{found}' holds a variable, which nginx would pass on unescaped; use rewrites")
    return found


@dataclass(frozen=True, kw_only=True)
class Proxy(Model):
    """Where a route passes its requests, and how; nowhere where ``target`` has no host."""

    target: _ProxyTarget = key(
        _target,
        "The name of an upstream, C(https://NAME) for TLS to it, or C(http://host:port); with C(grpc) or C(grpcs) in "
        "the place of the scheme for gRPC.",
        absent=_NOWHERE,
        name="proxy",
    )
    proxy_path: str | None = key(_proxy_path, "What the upstream sees in place of the path of the route.")
    websocket: bool = key(values.flag, "Whether connections may be upgraded.", default=False)
    timeouts: Timeouts | None = key(mapping(Timeouts), "Times for the upstream.")
    retries: Retries | None = key(_retries, "When the next server is asked; V(false) for never.")
    headers: dict[str, str | None] = key(
        table(values.header_name, values.nullable(values.text)),
        "Headers for the upstream, name to value. V(null) takes away one of the usual ones.",
        absent={},
        name="proxy_headers",
    )
    buffering: bool = key(values.flag, "Whether answers are read ahead of the client.", default=True)
    intercept_errors: bool = key(
        values.flag, "Whether the site's C(error_pages) stand for errors of the upstream.", default=False
    )
    cache: CacheUse | None = key(mapping(CacheUse), "Keeps answers of the upstream.")

    @property
    def is_grpc(self) -> bool:
        """Return whether the upstream speaks gRPC."""
        return self.target.scheme in ("grpc", "grpcs")

    def check(self, given: Given) -> None:
        """Refuse to say how to proxy where nothing is proxied."""
        for name in keys(Proxy):
            if name in given and not self.target.host:
                raise InputError(
                    given.path(name), "says how to proxy, and the route has no proxy; add proxy or drop this key"
                )
            if name in given and name in _NOT_OF_GRPC and self.is_grpc:
                raise InputError(given.path(name), f"{_NOT_OF_GRPC[name]}; drop it, or proxy by http://")
