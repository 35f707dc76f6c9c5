"""The requests that show how a configuration behaves: everything that listens, and what its directives are about."""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from ..config.derive import DerivedRequest, Entrance, askable, doors, plain
from ..config.facts import routes, sockets
from ..config.parse import Config, Directive
from ..config.samples import matching, near_misses, samples
from ..config.selection import EVERY_SERVER, Selection
from ..untrusted import whole_number
from .change_kinds import FOREIGN_ORIGIN
from .condition_values import applied, evenly, hints, used_variables
from .networks import NAMES as NETWORKS
from .networks import from_networks
from .response_overrides import overridden, statuses

__all__ = ["CHANGED", "Takes", "requests_of"]

CHANGED = -10
"""The weight of what changed: all of it is asked before anything else."""
# That of a value that only a line which did not change tells apart.
_HINTED = 4
# The heaviest request of a server that is one of a sample, and of how many names of others each is asked by.
_SAMPLED = 1
_MOST_NAMES = 50
_MOST_BESIDE = 30
_UNKNOWN = "unknown.invalid"
_MOST_BODY = 2 * 1024 * 1024
_AUTHORIZATION = "Basic " + base64.b64encode(b"sluice:sluice").decode()
_VERSIONS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_PASSES = ("proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass")
_COMPRESS = ("gzip", "gzip_static", "brotli", "brotli_static", "gzip_types", "gzip_vary", "gunzip")
_SIZES = {"k": 1024, "m": 1024**2, "g": 1024**3}
_ORIGIN = (("Origin", FOREIGN_ORIGIN),)
_UPGRADE = (
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Key", "c2x1aWNlc2x1aWNlc2x1aQ=="),
    ("Sec-WebSocket-Version", "13"),
)


Takes = Callable[[int], bool]
"""Whether a request of a weight can still be among those that are asked."""


class _Everywhere(NamedTuple):
    """What a whole configuration says: how it compresses, its ``http`` blocks as far as they are about networks, and
    the failures that upstreams may have.
    """

    compresses: Collection[str]
    http: list[Directive]
    failures: list[int]


class _KnownHints:
    """The hints of a configuration by variable, and those of them whose lines changed."""

    def __init__(self, config: Config, changed: Collection[int]) -> None:
        self.all = hints(config, changed)
        self.changed = {name: [hint for hint in each if id(hint.line) in changed] for name, each in self.all.items()}


def requests_of(
    config: Config,
    changed: Collection[int],
    takes: Takes = lambda weight: True,
    selection: Selection = EVERY_SERVER,
) -> Iterator[DerivedRequest]:
    """Yield requests in the order in which they are to be asked; a greater ``weight`` is left out first.

    ``changed`` are the identities (``id``) of the blocks that the other configuration has not, or has otherwise. What
    ``takes`` has no room for need not be thought of: thousands of servers have a hundred requests each. Of servers
    beside the ``selection`` only strangers ask, where nobody else comes by their listeners.
    """
    known = _KnownHints(config, changed)
    everywhere = _Everywhere(
        {directive.name for directive in config.walk() if directive.name.startswith(("gzip", "brotli"))},
        [
            replace(block, block=[each for each in block.block or [] if each.name in NETWORKS])
            for block in config.directives
            if block.name == "http"
        ],
        statuses(config),
    )
    sizes = [directive for directive in config.http() if directive.name == "client_max_body_size"]
    seen: set[tuple[str, int, str]] = set()
    shared, routed = sockets(config), routes(config)
    for server in config.servers():
        touched = id(server) in changed
        schemes: set[str] = set()
        room, names = (_few(takes), 1) if selection.is_sampled(server) else (takes, _MOST_NAMES)
        for number, door in enumerate(doors(server, shared, names, routed)):
            first = (door.scheme, door.port, door.connect) not in seen
            seen.add((door.scheme, door.port, door.connect))
            if not selection.takes(server):
                yield from _of_strangers(door) if first else ()
                continue
            lead = CHANGED if touched else 2 * (number > 0)
            yield from _of_door(door, first, lead)
            for place in [server, *askable(server)]:
                more = CHANGED if touched or id(place) in changed else 3 + 3 * (number > 0)
                if room(more // 2):
                    yield from _of_place(door, place, everywhere, more, room)
                if id(place) in changed:
                    yield from (_weighed(request, more) for request in _below_others(door, place))
            yield from (_weighed(request, lead + 1) for request in _around(door.ask("/"), sizes))
            if door.scheme not in schemes:
                yield from _of_server(door, server, known, touched and not schemes, room)
                schemes.add(door.scheme)
    yield from (request for request in plain(config) if request.speaks in ("tcp", "tls", "udp"))


def _few(takes: Takes) -> Takes:
    """Return what a server of the sample has room for: plain requests for each of its places."""
    return lambda weight: weight <= _SAMPLED and takes(weight)


def _of_strangers(door: Entrance) -> Iterator[DerivedRequest]:
    stranger = door._replace(host=_UNKNOWN)
    yield stranger.ask("/")
    yield stranger.ask("/sluice-unknown?sluice=1")


def _of_door(door: Entrance, first: bool, lead: int) -> Iterator[DerivedRequest]:
    yield _weighed(door.ask("/"), lead)
    yield _weighed(door.ask("/sluice-unknown"), lead + 1)
    if first:
        yield from _of_strangers(door)
    if door.scheme == "https" and not door.proxied:
        for version in _VERSIONS if first or not lead else _VERSIONS[2:3]:
            shaken = door.ask("")._replace(speaks="handshake", method="TLS", tls=version)
            yield _weighed(shaken, lead)
            if first:
                yield shaken._replace(host=_UNKNOWN)


def _of_place(
    door: Entrance, place: Directive, everywhere: _Everywhere, lead: int, takes: Takes
) -> Iterator[DerivedRequest]:
    """Yield what is asked of a location, or of a server's root."""
    paths = samples(place) if place.name == "location" else ["/"]
    plainest = min(lead, lead // 2)
    if not takes(lead):
        yield from (_weighed(door.ask(path, place), plainest + number) for number, path in enumerate(paths))
        return
    names = {directive.name for directive in place.walk()}.union(everywhere.compresses)
    for number, path in enumerate(paths):
        asked = door.ask(path, place)
        yield _weighed(asked, plainest + number)
        yield _weighed(asked._replace(target=f"{asked.target}?sluice=1&b=2"), lead + number)
        yield from (_weighed(request, lead + number + 1) for request in _about(asked, place, names))
        for request in overridden(asked, place, door.server, everywhere.failures):
            yield _weighed(request, lead + number + 1)
        if path != "/":
            other = path.rstrip("/") if path.endswith("/") else f"{path}/"
            yield _weighed(door.ask(other, place), lead + number + 1)
            for miss in near_misses(place, path) if place.name == "location" and not number else ():
                yield _weighed(door.ask(miss, place), lead + 2)
            yield _weighed(door.ask(f"{path.rstrip('/')}/sluice/a.b", place), lead + 2)
    if not paths:
        return
    asked = door.ask(paths[0], place)
    for request in from_networks(asked, [place, door.server, *everywhere.http]):
        yield _weighed(request, lead + 1)
    yield _weighed(asked._replace(method="HEAD"), lead + 2)
    yield _weighed(asked._replace(method="POST", body=16), lead + 1)
    yield _weighed(asked._replace(headers=_ORIGIN), lead + 2)


def _below_others(door: Entrance, place: Directive) -> Iterator[DerivedRequest]:
    """Yield what a regex may take from the other places of its server: its example, below each of their paths."""
    if place.name != "location" or not place.args[0].startswith("~"):
        return
    prefixes = [
        other.args[-1] for other in door.server.children("location") if not other.args[0].startswith(("~", "="))
    ]
    for prefix in [prefix for prefix in prefixes if prefix.startswith("/") and prefix != "/"][:_MOST_BESIDE]:
        for path in samples(place, 1):
            yield door.ask(f"{prefix.rstrip('/')}{path}", place)


def _about(asked: DerivedRequest, place: Directive, names: Collection[str]) -> Iterator[DerivedRequest]:
    """Yield what the directives of a place are about."""
    for name, value in _headers_about(names):
        yield asked._replace(headers=(*asked.headers, (name, value)))
    if any(name in names for name in _PASSES):
        # A query of its own, since a cache would answer what was asked without the header.
        gzip = (*asked.headers, ("Accept-Encoding", "gzip"))
        yield asked._replace(headers=gzip, target=f"{asked.target}?sluice=gzip")
        if any("upgrade" in word.lower() for each in place.walk() for word in each.args):
            yield asked._replace(headers=_UPGRADE)
    if "limit_except" in names or any("request_method" in used for used in map(used_variables, [place])):
        yield from (asked._replace(method=method, body=0) for method in ("PUT", "DELETE", "PATCH", "OPTIONS"))
    yield from _refer(asked, place.children("valid_referers"))
    yield from _around(asked, place.children("client_max_body_size"))
    for directive in place.block or []:
        if directive.name == "rewrite" and directive.args:
            yield from (asked._replace(target=path) for path in matching(directive.args[0], path=True)[:3])


def _headers_about(names: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield the headers that directives of these names look at."""
    if any(name in names for name in _COMPRESS):
        yield "Accept-Encoding", "gzip"
    if any(name.startswith("auth_") for name in names):
        yield "Authorization", _AUTHORIZATION
    if any(name.endswith(("_cache", "_cache_valid")) for name in names):
        yield "Cookie", "session=sluice"
        yield "Cache-Control", "no-cache"
        yield "Authorization", _AUTHORIZATION
    if {"if_modified_since", "etag", "expires"} & set(names):
        yield "If-Modified-Since", "Fri, 01 Jan 2038 00:00:00 GMT"
    if {"max_ranges", "slice", "proxy_force_ranges"} & set(names):
        yield "Range", "bytes=0-1"
    if {"large_client_header_buffers", "client_header_buffer_size"} & set(names):
        yield "Cookie", f"sluice={'x' * 6000}"


def _refer(asked: DerivedRequest, directives: Iterable[Directive]) -> Iterator[DerivedRequest]:
    """Yield requests that come from each place that ``valid_referers`` names, and from one that it does not."""
    for directive in directives:
        for word in [*directive.args, "evil.invalid"]:
            host = word.lstrip("~").replace("*", "any").strip(".")
            if word not in ("none", "blocked", "server_names"):
                yield asked._replace(headers=(*asked.headers, ("Referer", f"https://{host.partition('/')[0]}/")))


def _around(asked: DerivedRequest, limits: Sequence[Directive]) -> Iterator[DerivedRequest]:
    """Yield bodies just below and just above limits, as far as they are small enough to be sent."""
    for directive in limits:
        size = min(_bytes(directive.args[0]) if directive.args else 0, _MOST_BODY - 1024)
        for body in (size - 1024, size + 1024) if size else (65536,):
            if body > 0:
                yield asked._replace(method="POST", body=body)


def _bytes(text: str) -> int:
    unit = text[-1:].lower()
    number = whole_number(text[:-1] if unit in _SIZES else text)
    return (number or 0) * _SIZES.get(unit, 1)


def _of_server(
    door: Entrance, server: Directive, known: _KnownHints, touched: bool, takes: Takes
) -> Iterator[DerivedRequest]:
    """Yield requests with the values that the variables used in a server are told apart by."""
    for place in [server, *askable(server)]:
        paths = (samples(place, 1) or ["/"]) if place.name == "location" else ["/"]
        own = [each for each in place.block or [] if each.block is None or each.name in ("if", "limit_except")]
        used = set().union(*map(used_variables, own)) if own else set()
        for name in sorted(used & known.all.keys()):
            changed = {id(hint) for hint in known.changed[name]}
            others = [hint for hint in known.all[name] if id(hint) not in changed]
            others = evenly(others) if touched or takes(_HINTED) else []
            for hint in [*known.changed[name], *others]:
                weight = CHANGED if touched or id(hint) in changed else _HINTED
                request = applied(hint, door.ask(paths[0], place)) if takes(weight) else None
                if request is not None:
                    yield _weighed(request, weight)


def _weighed(request: DerivedRequest, weight: int) -> DerivedRequest:
    return request._replace(weight=weight)
