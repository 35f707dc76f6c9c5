"""The keys that a site and a route have in common."""

from __future__ import annotations

from dataclasses import dataclass

from ... import values
from ...errors import InputError
from ...schema import Given, Model, key, listing, mapping, reader, table

__all__ = ["LimitConn", "LimitReq", "SiteScope"]


@dataclass(frozen=True, kw_only=True)
class LimitReq(Model):
    """A limit on the rate of requests."""

    zone: str = key(values.name, "One of the site's C(limit_req_zones).", required=True)
    burst: int | None = key(values.integer(0, 1_000_000), "How many requests above the rate may wait.")
    nodelay: bool = key(values.flag, "Whether a burst is served at once.", default=False)
    delay: int | None = key(values.integer(0, 1_000_000), "How many requests of a burst are served at once.")
    status: int = key(values.status, "The answer above the limit.", default=429)

    def check(self, given: Given) -> None:
        """Hold what is said of a burst together."""
        if self.nodelay and self.delay is not None:
            raise InputError(given.where, "nodelay and delay exclude each other; keep one of them")
        if self.burst is None and (self.nodelay or self.delay is not None):
            raise InputError(
                given.where, "nodelay and delay say how a burst is served, and there is no burst; add burst"
            )


@dataclass(frozen=True, kw_only=True)
class LimitConn(Model):
    """A limit on connections at one time."""

    zone: str = key(values.name, "One of the site's C(limit_conn_zones).", required=True)
    connections: int = key(values.integer(1, 1_000_000), "How many connections one key may have.", required=True)
    status: int = key(values.status, "The answer above the limit.", default=429)


@reader("raw")
def _path_or_false(value: object, where: str) -> str | bool:
    return False if value is False else values.log_path(value, where)


@reader("raw")
def _realm_or_false(value: object, where: str) -> str | bool:
    return False if value is False else values.text(value, where)


@dataclass(frozen=True, kw_only=True)
class SiteScope(Model):
    """What a site or a route says about files, logs, headers and access. ``None`` means that nothing is said."""

    root: str | None = key(values.absolute_path, "The directory of files.")
    index: tuple[str, ...] = key(
        listing(values.text, empty=False),
        "The files that answer for a directory; of a site C(index.html), and with PHP C(index.php) before it.",
        absent=(),
    )
    access_log: str | bool | None = key(_path_or_false, "A path, or V(false) for no log.")
    client_max_body_size: str | None = key(values.size, "The largest body of a request, as V(10m).")
    add_headers: dict[str, str | None] = key(
        table(values.header_name, values.nullable(values.text)),
        "Headers for the client, name to value. V(null) takes away one of the site in a route.",
        absent={},
    )
    auth_basic: str | bool | None = key(_realm_or_false, "The realm whose users are asked for a password, or V(false).")
    auth_basic_user_file: str | None = key(values.absolute_path, "The file of users and passwords on the host.")
    allow: tuple[str, ...] = key(
        listing(values.network), "Addresses and networks that are let in; all others are not.", absent=()
    )
    deny: tuple[str, ...] = key(listing(values.network), "Addresses and networks that are not let in.", absent=())
    limit_req: LimitReq | None = key(mapping(LimitReq), "A limit on the rate of requests.")
    limit_conn: LimitConn | None = key(mapping(LimitConn), "A limit on connections at one time.")
