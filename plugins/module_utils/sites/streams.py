"""What a user wrote as ``nginx_streams``: servers that pass on TCP and UDP as it comes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .. import values
from ..errors import InputError
from ..schema import Given, Model, key, listing, mapping, one_of
from .parts.tls import SiteListen, listener
from .parts.upstreams import Server, balance, server
from .printing.directives import Directive

if TYPE_CHECKING:
    from .model import Site

__all__ = ["StreamProxy", "StreamTls", "check_streams", "stream_view"]


@dataclass(frozen=True, kw_only=True)
class StreamTls(Model):
    """TLS that ends at nginx."""

    certificate: str = key(values.absolute_path, "The chain of certificates on the host.", required=True)
    certificate_key: str = key(values.absolute_path, "Its key on the host.", required=True)


@dataclass(frozen=True, kw_only=True)
class StreamProxy(Model):
    """One server of ``stream``, and the upstream behind it."""

    name: str = key(values.name, "Lower-case letters, digits, C(-) and C(.). Names the file.", required=True)
    listen: tuple[SiteListen, ...] = key(listing(listener, empty=False), "Ports or C(address:port).", required=True)
    protocol: str = key(one_of("tcp", "udp"), "What is passed on.", default="tcp")
    servers: tuple[Server, ...] = key(
        listing(server, empty=False), "Addresses with a port, or mappings as those of an upstream.", required=True
    )
    balance: tuple[str, ...] = key(
        balance, "C(round_robin), C(least_conn), C(hash KEY) or C(hash KEY consistent).", default="round_robin"
    )
    tls: StreamTls | None = key(mapping(StreamTls), "Ends TLS here, and passes on what is inside.")
    connect_timeout: str | None = key(values.time, "For the connection to a server.")
    timeout: str | None = key(values.time, "For how long nothing may come from either side.")
    allow: tuple[str, ...] = key(listing(values.network), "Who may connect: all others are refused.", absent=())
    lines: tuple[str, ...] = key(listing(values.lines), "Raw lines.", default=[])

    def check(self, given: Given) -> None:
        """Refuse what nginx has not for streams."""
        if self.protocol == "udp" and self.tls is not None:
            raise InputError(given.path("tls"), "nginx ends no TLS of datagrams; use protocol: tcp, or drop it")
        if self.balance[:1] == ("ip_hash",):
            raise InputError(given.path("balance"), "streams have no ip_hash; use hash $remote_addr")
        for each in self.servers:
            if not each.address.startswith("unix:") and not each.address.rpartition("]")[2].count(":"):
                raise InputError(each.source, f"'{each.address}' has no port; a stream has no usual one: add :PORT")

    @property
    def sockets(self) -> list[tuple[str, SiteListen]]:
        """Where it listens, with TCP and UDP apart."""
        return [(f"{self.protocol} {item.key}", item) for item in self.listen]


def check_streams(streams: Sequence[StreamProxy], sites: Iterable[Site]) -> None:
    """Hold streams to the rules between them and the sites. Raises ``InputError``."""
    names: dict[str, str] = {}
    taken: dict[str, str] = {}
    for site in sites:
        secure = site.tls.listen if site.tls else ()
        taken.update((f"tcp {item.key}", site.source) for item in (*site.listen, *secure))
        taken.update((f"udp {item.key}", site.source) for item in secure if site.http3)
    for stream in streams:
        if stream.name in names:
            raise InputError(f"{stream.source}.name", f"'{stream.name}' is the name of {names[stream.name]} too")
        names[stream.name] = stream.source
        for socket, item in stream.sockets:
            if socket in taken:
                raise InputError(
                    item.source, f"{item.text} ({stream.protocol}) is listened on by {taken[socket]} already"
                )
            taken[socket] = stream.source


def stream_view(stream: StreamProxy) -> dict[str, object]:
    """Return what ``stream.conf.j2`` prints: plain values and rows of directives."""
    upstream: list[Directive] = [("zone", f"stream_{stream.name}", "64k")]
    upstream += [stream.balance] if stream.balance else []
    upstream += [("server", each.address, *each.parameters) for each in stream.servers]
    udp = ("udp", "reuseport") if stream.protocol == "udp" else ()
    ssl = ("ssl",) if stream.tls else ()
    rows: list[Directive] = [("listen", item.text, *udp, *ssl) for item in stream.listen]
    if stream.tls:
        rows += [("ssl_certificate", stream.tls.certificate), ("ssl_certificate_key", stream.tls.certificate_key)]
    rows += [("allow", network) for network in stream.allow]
    rows += [("deny", "all")] if stream.allow else []
    rows += [("proxy_connect_timeout", stream.connect_timeout)] if stream.connect_timeout else []
    rows += [("proxy_timeout", stream.timeout)] if stream.timeout else []
    rows.append(("proxy_pass", f"stream_{stream.name}"))
    return {
        "name": stream.name,
        "source": stream.source,
        "upstream": f"stream_{stream.name}",
        "upstream_rows": upstream,
        "rows": rows,
        "lines": stream.lines,
    }
