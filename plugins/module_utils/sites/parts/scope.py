"""The keys that a site and a route have in common."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...errors import InputError
from ..reading import values
from ..reading.fields import Fields, listing, table

__all__ = ["LIMIT_CONN_KEYS", "LIMIT_REQ_KEYS", "SCOPE_KEYS", "LimitConn", "LimitReq", "Scope", "read_scope"]

SCOPE_KEYS = (
    "root",
    "index",
    "access_log",
    "client_max_body_size",
    "add_headers",
    "auth_basic",
    "auth_basic_user_file",
    "allow",
    "deny",
    "limit_req",
    "limit_conn",
)
LIMIT_REQ_KEYS = ("zone", "burst", "nodelay", "delay", "status")
LIMIT_CONN_KEYS = ("zone", "connections", "status")

_TOO_MANY = 429


@dataclass(frozen=True)
class LimitReq:
    """A limit on the rate of requests, by a zone of the site."""

    zone: str
    burst: int | None = None
    nodelay: bool = False
    delay: int | None = None
    status: int = _TOO_MANY


@dataclass(frozen=True)
class LimitConn:
    """A limit on connections at one time, by a zone of the site."""

    zone: str
    connections: int
    status: int = _TOO_MANY


@dataclass(frozen=True)
class Scope:
    """What a site or a route says about files, logs, headers and access. ``None`` means that nothing is said."""

    root: str | None = None
    index: tuple[str, ...] = ()
    access_log: str | bool | None = None
    client_max_body_size: str | None = None
    add_headers: dict[str, str | None] = field(default_factory=dict)
    auth_basic: str | bool | None = None
    auth_basic_user_file: str | None = None
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    limit_req: LimitReq | None = None
    limit_conn: LimitConn | None = None


def _limit_req(value: object, where: str) -> LimitReq:
    fields = Fields(value, where, LIMIT_REQ_KEYS)
    limit = LimitReq(
        zone=fields.need("zone", values.name),
        burst=fields.get("burst", values.integer(0, 1_000_000), None),
        nodelay=fields.get("nodelay", values.flag, False),
        delay=fields.get("delay", values.integer(0, 1_000_000), None),
        status=fields.get("status", values.status, _TOO_MANY),
    )
    if limit.nodelay and limit.delay is not None:
        raise InputError(where, "nodelay and delay exclude each other; keep one of them")
    if limit.burst is None and (limit.nodelay or limit.delay is not None):
        raise InputError(where, "nodelay and delay say how a burst is served, and there is no burst; add burst")
    return limit


def _limit_conn(value: object, where: str) -> LimitConn:
    fields = Fields(value, where, LIMIT_CONN_KEYS)
    return LimitConn(
        zone=fields.need("zone", values.name),
        connections=fields.need("connections", values.integer(1, 1_000_000)),
        status=fields.get("status", values.status, _TOO_MANY),
    )


def _path_or_false(value: object, where: str) -> str | bool:
    if value is False:
        return False
    return values.log_path(value, where)


def _realm_or_false(value: object, where: str) -> str | bool:
    if value is False:
        return False
    return values.text(value, where)


def read_scope(fields: Fields) -> Scope:
    """Read the common keys. Raises ``InputError``."""
    return Scope(
        root=fields.get("root", values.absolute_path, None),
        index=fields.get("index", listing(values.text, empty=False), ()),
        access_log=fields.get("access_log", _path_or_false, None),
        client_max_body_size=fields.get("client_max_body_size", values.size, None),
        add_headers=fields.get("add_headers", table(values.header_name, values.nullable(values.text)), {}),
        auth_basic=fields.get("auth_basic", _realm_or_false, None),
        auth_basic_user_file=fields.get("auth_basic_user_file", values.absolute_path, None),
        allow=fields.get("allow", listing(values.network), ()),
        deny=fields.get("deny", listing(values.network), ()),
        limit_req=fields.get("limit_req", _limit_req, None),
        limit_conn=fields.get("limit_conn", _limit_conn, None),
    )
