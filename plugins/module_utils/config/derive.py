"""Requests that a configuration suggests: they stand in where there is no contract, and enforce little."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple
from urllib.parse import quote

from ..contract.model import Check, Expect
from ..contract.showing import shown_header, shown_url
from ..contract.url import is_host
from .facts import Listen, listeners, routes, server_names, sockets
from .parse import Config, Directive
from .samples import matching, samples
from .selection import EVERY_SERVER, Selection

__all__ = ["DerivedRequest", "Entrance", "Sockets", "Speaks", "askable", "derive", "doors", "plain"]

# A refusal is an answer; a server error is none.
_ANSWERED = Expect(status=("2xx", "3xx", "4xx"))
_USUAL_PORTS = {"http": 80, "https": 443}
_NOBODY: Mapping[tuple[str, int], Listen] = MappingProxyType({})
_EVERYWHERE = ("*", "0.0.0.0")
_GREETINGS = {
    "smtp": "EHLO sluice\r\nQUIT\r\n",
    "pop3": "CAPA\r\nQUIT\r\n",
    "imap": "a CAPABILITY\r\nb LOGOUT\r\n",
}

Sockets = Mapping[tuple[str, int], Collection[str]]
Speaks = Literal["http", "h2", "handshake", "tcp", "tls", "udp"]


class DerivedRequest(NamedTuple):
    """One request as it is asked in staging, and the block that it is for.

    ``host`` gives the ``Host`` header and the name of TLS; ``connect`` is an address or ``unix:PATH``; ``body`` is a
    number of bytes; ``proxied`` puts a PROXY header before everything; ``said`` is what is sent to what is not HTTP;
    ``late`` ones are asked when those with a smaller number are answered: 1 since caches remember them, 2 since they
    make nginx think ill of its upstreams. ``source`` is the address that is asked from, "" for any.
    ``place`` is ``FILE:LINE`` of the server or location, and ``weight`` says what is left out first: the greatest.
    """

    method: str
    scheme: str
    host: str
    port: int
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: int = 0
    connect: str = "127.0.0.1"
    speaks: Speaks = "http"
    proxied: bool = False
    said: str = ""
    tls: str = ""
    late: int = 0
    source: str = ""
    place: str = ""
    weight: int = 0

    @property
    def url(self) -> str:
        """The URL, as a person writes it."""
        if self.speaks in ("tcp", "tls", "udp"):
            return f"{self.speaks}://{self.host}:{self.port}"
        where = "" if self.port in (0, _USUAL_PORTS[self.scheme]) else f":{self.port}"
        return f"{self.scheme}://{self.host}{where}{self.target}"

    @property
    def words(self) -> str:
        """The request for a person: method, URL and what else is special, without values that could be secret."""
        also = [f"{name}: {shown_header(name, value[:40])}" for name, value in self.headers]
        also += [f"{self.body} bytes"] if self.body else []
        also += ["HTTP/2"] if self.speaks == "h2" and self.scheme == "https" else []
        also += [f"from {self.source}"] if self.source else []
        return f"{self.method} {shown_url(self.url)}" + (f" ({', '.join(also)})" if also else "")

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.split("?")[0]


class Entrance(NamedTuple):
    """One way to reach a server: a name of it at one of its listeners."""

    server: Directive
    host: str
    scheme: str
    port: int
    connect: str
    speaks: Speaks
    proxied: bool

    def ask(self, target: str, place: Directive | None = None, method: str = "GET") -> DerivedRequest:
        """Make a request for ``target`` through this door."""
        found = place or self.server
        return DerivedRequest(
            method,
            self.scheme,
            self.host,
            self.port,
            target if "?" in target else quote(target, safe="/%:@!$&'()*+,;=~-._"),
            connect=self.connect,
            speaks=self.speaks,
            proxied=self.proxied,
            place=f"{found.file}:{found.line}",
        )


def _hosts(server: Directive) -> list[str]:
    """Choose names that a client could ask for, one for each ``server_name``; those without a pattern come first."""
    found = []
    for name in server_names(server):
        if name.startswith("~"):
            found += [(2, text) for text in matching(name[1:], ignore_case=True) if is_host(text)][:1]
        elif name and name not in ("_", "localhost"):
            host = name.replace("*", "any").strip(".").lower()
            found += [(int("*" in name), host)] if is_host(host) else []
    return [host for _, host in sorted(found, key=lambda pair: pair[0])]


def doors(
    server: Directive, shared: Sockets | None = None, names: int = 1, routed: Mapping[tuple[str, int], Listen] = _NOBODY
) -> list[Entrance]:
    """List the ways to reach a server: each listener by at most ``names`` of its names.

    ``shared`` are the options of each socket, of ``sockets(config)``; without them the server's own count. ``routed``
    are the listeners through which visitors come to others, of ``routes(config)``.
    """
    hosts = list(dict.fromkeys(_hosts(server)))[:names] or ["localhost"]
    listens = [directive.args for directive in server.children("listen") if directive.args] or [["80"]]
    found = []
    for listen, (_, *options) in zip(listeners(server), listens, strict=True):
        if "quic" in options or "udp" in options:
            continue
        own = {*options, *(["ssl"] if listen.tls else [])}
        common = own.union((shared or {}).get((listen.address, listen.port), ()))
        connect = _reached(listen.address)
        # Without TLS a listener of nginx before 1.25 speaks one of the two only.
        speaks: Speaks = "h2" if "http2" in common and "ssl" not in common else "http"
        scheme = "https" if "ssl" in common else "http"
        outer = routed.get((listen.address, listen.port))
        if outer is not None:
            connect, port, proxied = _reached(outer.address), outer.port, False
        else:
            port, proxied = listen.port, "proxy_protocol" in common
        where = "[::1]" if connect == "[::]" else connect
        found += [Entrance(server, host, scheme, port, where, speaks, proxied) for host in hosts]
    return found


def _reached(address: str) -> str:
    """Where a listener is asked: at the loopback address where it is everywhere, or at a name."""
    if address in _EVERYWHERE or (not address.startswith("unix:") and address.strip("[]").isalpha()):
        return "127.0.0.1"
    return address


def askable(block: Directive) -> Iterator[Directive]:
    """Yield the locations in a block, nested ones too, that a client can ask for."""
    for location in block.children("location"):
        if not location.args[-1].startswith("@") and not location.children("internal"):
            yield location
        yield from askable(location)


def _others(config: Config) -> Iterator[DerivedRequest]:
    """Yield a connection for each listener of ``stream`` and ``mail``."""
    for block in config.directives:
        if block.name not in ("stream", "mail"):
            continue
        for server in block.children("server"):
            said = _GREETINGS.get(server.value("protocol"), "sluice\r\n") if block.name == "mail" else "sluice\r\n"
            for listen, directive in zip(listeners(server), server.children("listen"), strict=False):
                secure = "ssl" in directive.args
                speaks: Speaks = "udp" if "udp" in directive.args else "tls" if secure else "tcp"
                yield DerivedRequest(
                    speaks.upper(),
                    speaks,
                    "localhost",
                    listen.port,
                    "",
                    connect="127.0.0.1" if listen.address in _EVERYWHERE else listen.address.replace("[::]", "[::1]"),
                    speaks=speaks,
                    proxied="proxy_protocol" in directive.args,
                    said=said,
                    place=f"{directive.file}:{directive.line}",
                )


def plain(config: Config, selection: Selection = EVERY_SERVER) -> list[DerivedRequest]:
    """List a GET for each server, listener and location that can be asked for, one over HTTP/2 for each listener that
    speaks it with TLS, and a connection for what is not HTTP. Of a large one only servers of the ``selection`` count.
    """
    found: dict[tuple[str, str], DerivedRequest] = {}
    shared, routed = sockets(config), routes(config)
    for server in selection.servers(config):
        wanted = [("/", server), *((path, place) for place in askable(server) for path in samples(place, 1))]
        for door in doors(server, shared, routed=routed):
            for path, place in wanted:
                request = door.ask(path, place)
                found.setdefault((request.url, request.connect), request)
    for request in _others(config):
        found.setdefault((request.url, request.connect), request)
    return [*found.values(), *_over_http2(config, shared, routed)]


def _over_http2(config: Config, shared: Sockets, routed: Mapping[tuple[str, int], Listen]) -> Iterator[DerivedRequest]:
    """Yield a request for each listener with TLS that is to speak HTTP/2: all others ask by HTTP/1.1."""
    seen: set[tuple[str, int]] = set()
    sockets_of_it = {
        (_reached(address).replace("[::]", "[::1]"), port)
        for (address, port), options in shared.items()
        if "http2" in options
    }
    for server in config.servers():
        on = server.value("http2") == "on"
        for door in doors(server, shared, routed=routed):
            place = (door.connect, door.port)
            speaks = on or place in sockets_of_it
            if door.scheme == "https" and speaks and not door.proxied and place not in seen:
                seen.add(place)
                yield door.ask("/")._replace(speaks="h2")


def derive(config: Config, selection: Selection = EVERY_SERVER) -> list[Check]:
    """Turn those of the plain requests that a check can express into checks."""
    return [
        Check(
            request.words,
            "GET",
            request.url,
            expect=_ANSWERED,
            follow=True,
            connect=None if request.connect in ("127.0.0.1", "[::1]") else f"{request.connect}:{request.port}",
            source=request.place,
        )
        for request in plain(config, selection)
        if request.speaks == "http" and not request.proxied and not request.connect.startswith("unix:")
    ]
