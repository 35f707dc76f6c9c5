"""Passing requests on: the proxy of a route, and the caches of a site."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ...errors import InputError
from ..reading import values
from ..reading.fields import Fields, listing, one_of, table

__all__ = [
    "CACHE_KEYS",
    "CACHE_USE_KEYS",
    "PROXY_KEYS",
    "RETRY_KEYS",
    "TIMEOUT_KEYS",
    "Cache",
    "CacheUse",
    "Proxy",
    "Retries",
    "read_cache",
    "read_proxy",
]

PROXY_KEYS = (
    "proxy",
    "proxy_path",
    "websocket",
    "timeouts",
    "retries",
    "proxy_headers",
    "buffering",
    "intercept_errors",
    "cache",
)
TIMEOUT_KEYS = ("connect", "send", "read")
RETRY_KEYS = ("when", "tries", "timeout")
CACHE_KEYS = ("name", "path", "size", "max_size", "inactive")
CACHE_USE_KEYS = ("zone", "valid", "key", "bypass", "stale")

_TARGET = re.compile(r"(?:(?P<scheme>https?)://)?(?P<host>unix:/[^\s:?#]+(?=:|$)|[^/\s?#]+):?(?P<path>/\S*)?")
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


@dataclass(frozen=True)
class Cache:
    """A place for cached answers; ``path`` is a directory on the host."""

    name: str
    source: str
    path: str | None = None
    size: str = "10m"
    max_size: str = "1g"
    inactive: str = "60m"


@dataclass(frozen=True)
class CacheUse:
    """How a route uses a cache. ``valid`` holds (statuses, time); no statuses stand for 200, 301 and 302."""

    zone: str
    valid: tuple[tuple[str, str], ...] = ()
    key: str | None = None
    bypass: tuple[str, ...] = ()
    stale: bool = False


@dataclass(frozen=True)
class Retries:
    """When the next server of an upstream is asked. Never, when ``when`` is empty."""

    when: tuple[str, ...] = ()
    tries: int | None = None
    timeout: str | None = None


@dataclass(frozen=True)
class Proxy:
    """Where a route passes its requests, and how. ``host`` is an upstream of the site or an address."""

    scheme: str
    host: str
    explicit: bool
    """Whether the scheme was written: only then may the host be an address."""
    proxy_path: str | None = None
    websocket: bool = False
    timeouts: dict[str, str] = field(default_factory=dict)
    retries: Retries | None = None
    headers: dict[str, str | None] = field(default_factory=dict)
    buffering: bool = True
    intercept_errors: bool = False
    cache: CacheUse | None = None


def _proxy_path(value: object, where: str) -> str:
    found = values.uri(value, where)
    if "$" in found:
        raise InputError(where, f"'{found}' holds a variable, which nginx would pass on unescaped; use rewrites")
    return found


def read_cache(value: object, where: str) -> Cache:
    """Read one cache of a site. Raises ``InputError``."""
    fields = Fields(value, where, CACHE_KEYS)
    return Cache(
        name=fields.need("name", values.name),
        source=where,
        path=fields.get("path", values.absolute_path, None),
        size=fields.get("size", values.size, "10m"),
        max_size=fields.get("max_size", values.size, "1g"),
        inactive=fields.get("inactive", values.time, "60m"),
    )


def _statuses(value: object, where: str) -> str:
    found = values.text(value, where)
    if found != "any" and not re.fullmatch(r"[1-5]\d\d", found):
        raise InputError(where, f"'{found}' is not a status; use 200, 404, … or any")
    return found


def _valid(value: object, where: str) -> tuple[tuple[str, str], ...]:
    if isinstance(value, Mapping):
        return tuple(table(_statuses, values.time)(value, where).items())
    return (("", values.time(value, where)),)


def _read_cache_use(value: object, where: str) -> CacheUse:
    fields = Fields(value, where, CACHE_USE_KEYS)
    return CacheUse(
        zone=fields.need("zone", values.name),
        valid=fields.get("valid", _valid, ()),
        key=fields.get("key", values.text, None),
        bypass=fields.get("bypass", listing(values.text, empty=False), ()),
        stale=fields.get("stale", values.flag, False),
    )


def _read_retries(value: object, where: str) -> Retries:
    if value is False:
        return Retries()
    fields = Fields(value, where, RETRY_KEYS)
    return Retries(
        when=fields.get("when", listing(one_of(*_RETRY_WHEN), empty=False), ("error", "timeout")),
        tries=fields.get("tries", values.integer(1, 1000), None),
        timeout=fields.get("timeout", values.time, None),
    )


def _read_timeouts(value: object, where: str) -> dict[str, str]:
    fields = Fields(value, where, TIMEOUT_KEYS)
    return {key: fields.need(key, values.time) for key in TIMEOUT_KEYS if key in fields}


def _target(value: object, where: str) -> tuple[str, str, bool]:
    found = values.text(value, where)
    match = _TARGET.fullmatch(found)
    if not match:
        raise InputError(where, f"'{found}' is not a target; use the name of an upstream, or http://host:port")
    if match["path"]:
        raise InputError(where, f"'{found}' holds a path; write {match['path']} as proxy_path")
    if match["scheme"] and not match["host"].startswith("unix:"):
        values.address(port_needed=False)(match["host"], where)
    return match["scheme"] or "http", match["host"], bool(match["scheme"])


def read_proxy(fields: Fields) -> Proxy | None:
    """Read the proxy's keys of a route. Raises ``InputError``, also for such a key without ``proxy``."""
    if "proxy" not in fields:
        for key in PROXY_KEYS:
            if key in fields:
                raise InputError(
                    fields.path(key), "says how to proxy, and the route has no proxy; add proxy or drop this key"
                )
        return None
    scheme, host, explicit = fields.need("proxy", _target)
    return Proxy(
        scheme=scheme,
        host=host,
        explicit=explicit,
        proxy_path=fields.get("proxy_path", _proxy_path, None),
        websocket=fields.get("websocket", values.flag, False),
        timeouts=fields.get("timeouts", _read_timeouts, {}),
        retries=fields.get("retries", _read_retries, None),
        headers=fields.get("proxy_headers", table(values.header_name, values.nullable(values.text)), {}),
        buffering=fields.get("buffering", values.flag, True),
        intercept_errors=fields.get("intercept_errors", values.flag, False),
        cache=fields.get("cache", _read_cache_use, None),
    )
