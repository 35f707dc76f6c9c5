"""Upstreams: the servers behind a proxy."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...errors import InputError
from ..reading import values
from ..reading.fields import Fields, listing

__all__ = ["SERVER_KEYS", "UPSTREAM_KEYS", "Server", "Upstream", "read_upstream"]

UPSTREAM_KEYS = ("name", "servers", "balance", "keepalive", "lines")
SERVER_KEYS = ("address", "weight", "backup", "down", "max_fails", "fail_timeout", "max_conns")

_HASH = re.compile(r"hash (?P<key>\S+)(?P<consistent> consistent)?")


@dataclass(frozen=True)
class Server:
    """One server of an upstream; ``parameters`` are nginx's own, as ``weight=2``."""

    address: str
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True)
class Upstream:
    """A named group of servers; ``balance`` is a directive and its arguments, empty for round robin."""

    name: str
    source: str
    servers: tuple[Server, ...]
    balance: tuple[str, ...] = ()
    keepalive: int | None = None
    lines: tuple[str, ...] = ()


def _read_server(value: object, where: str) -> Server:
    if isinstance(value, str):
        return Server(values.address(port_needed=False)(value, where))
    fields = Fields(value, where, SERVER_KEYS)
    parameters = [
        f"{key}={fields.need(key, convert)}"
        for key, convert in (
            ("weight", values.integer(1, 1_000_000)),
            ("max_conns", values.integer(0, 1_000_000)),
            ("max_fails", values.integer(0, 1_000_000)),
            ("fail_timeout", values.time),
        )
        if key in fields
    ]
    parameters += [key for key in ("backup", "down") if fields.get(key, values.flag, False)]
    return Server(fields.need("address", values.address(port_needed=False)), tuple(parameters))


def _balance(value: object, where: str) -> tuple[str, ...]:
    found = values.text(value, where)
    if found == "round_robin":
        return ()
    if found in ("least_conn", "ip_hash"):
        return (found,)
    match = _HASH.fullmatch(found)
    if not match:
        raise InputError(where, f"'{found}' is not a way to balance; use round_robin, least_conn, ip_hash or hash KEY")
    return ("hash", match["key"], "consistent") if match["consistent"] else ("hash", match["key"])


def read_upstream(value: object, where: str) -> Upstream:
    """Read one upstream. Raises ``InputError``."""
    fields = Fields(value, where, UPSTREAM_KEYS)
    upstream = Upstream(
        name=fields.need("name", values.name),
        source=where,
        servers=fields.need("servers", listing(_read_server, empty=False)),
        balance=fields.get("balance", _balance, ()),
        keepalive=fields.get("keepalive", values.integer(1, 100_000), None),
        lines=fields.get("lines", listing(values.lines), ()),
    )
    backups = [index for index, server in enumerate(upstream.servers) if "backup" in server.parameters]
    if backups and upstream.balance[:1] in (("ip_hash",), ("hash",)):
        raise InputError(
            f"{where}.servers[{backups[0]}].backup",
            f"nginx has no backup servers with {upstream.balance[0]}; use least_conn or round_robin, or drop backup",
        )
    if len(backups) == len(upstream.servers):
        raise InputError(f"{where}.servers", "all servers are backups; at least one must not be")
    return upstream
