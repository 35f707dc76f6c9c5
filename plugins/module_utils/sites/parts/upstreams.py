"""Upstreams: the servers behind a proxy."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ... import values
from ...errors import InputError
from ...schema import Given, Model, key, listing, reader

__all__ = ["Server", "UpstreamGroup", "balance", "server"]

_HASH = re.compile(r"hash (?P<key>\S+)(?P<consistent> consistent)?")
_address = values.address(port_needed=False)


@dataclass(frozen=True, kw_only=True)
class Server(Model):
    """One server of an upstream."""

    address: str = key(_address, "C(host:port), C(host) or C(unix:/path).", required=True)
    weight: int | None = key(values.integer(1, 1_000_000), "How many requests it gets, beside the others.")
    max_conns: int | None = key(values.integer(0, 1_000_000), "How many connections it may have at one time.")
    max_fails: int | None = key(values.integer(0, 1_000_000), "After how many failures it is left alone for a while.")
    fail_timeout: str | None = key(values.time, "In which time, and for how long.")
    backup: bool = key(values.flag, "Whether it is asked only when no other answers.", default=False)
    down: bool = key(values.flag, "Whether it is never asked.", default=False)

    @property
    def parameters(self) -> list[str]:
        """The parameters of nginx's directive, as ``weight=2``."""
        names = ("weight", "max_conns", "max_fails", "fail_timeout")
        given = [f"{name}={getattr(self, name)}" for name in names if getattr(self, name) is not None]
        return given + [name for name in ("backup", "down") if getattr(self, name)]


@reader("raw", Server)
def server(value: object, where: str) -> Server:
    """Read an address, or a mapping that says more. Raises ``InputError``."""
    return Server.read({"address": _address(value, where)} if isinstance(value, str) else value, where)


@reader("str")
def balance(value: object, where: str) -> tuple[str, ...]:
    """Read how servers are chosen, as a directive and its arguments. Raises ``InputError``."""
    found = values.text(value, where)
    if found == "round_robin":
        return ()
    if found in ("least_conn", "ip_hash"):
        return (found,)
    match = _HASH.fullmatch(found)
    if not match:
        raise InputError(where, f"'{found}' is not a way to balance; use round_robin, least_conn, ip_hash or hash KEY")
    return ("hash", match["key"], "consistent") if match["consistent"] else ("hash", match["key"])


@dataclass(frozen=True, kw_only=True)
class UpstreamGroup(Model):
    """A named group of servers; ``balance`` is a directive and its arguments, empty for round robin."""

    name: str = key(values.name, "The name by which routes know it.", required=True)
    servers: tuple[Server, ...] = key(
        listing(server, empty=False), "Addresses, or mappings that say more.", required=True
    )
    balance: tuple[str, ...] = key(
        balance,
        "C(round_robin), C(least_conn), C(ip_hash), C(hash KEY) or C(hash KEY consistent).",
        default="round_robin",
    )
    keepalive: int | None = key(values.integer(1, 100_000), "How many idle connections each worker keeps.")
    lines: tuple[str, ...] = key(listing(values.lines), "Raw lines.", default=[])

    def check(self, given: Given) -> None:
        """Refuse backups that nginx would not ask."""
        backups = [server for server in self.servers if server.backup]
        if backups and self.balance[:1] in (("ip_hash",), ("hash",)):
            raise InputError(
                f"{backups[0].source}.backup",
                f"nginx has no backup servers with {self.balance[0]}; use least_conn or round_robin, or drop backup",
            )
        if len(backups) == len(self.servers):
            raise InputError(given.path("servers"), "all servers are backups; at least one must not be")
