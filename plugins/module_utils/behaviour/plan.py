"""Which requests are asked: those of contracts, of a log, and of both configurations; what changed comes first."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from typing import Any

from ..config.derive import DerivedRequest, Speaks
from ..config.match import choose_server
from ..config.parse import Config, Directive
from ..config.selection import EVERY_SERVER, Selection
from ..contract.model import Check
from ..contract.protocols import bytes_of
from ..contract.reading import split_address
from .changes import DirectiveChange
from .suggest import CHANGED, Takes, requests_of

__all__ = ["planned", "request_of"]

# So many times as many as can be chosen are held before the heaviest are dropped.
_SPARE = 1.2
_UPGRADE = (
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
)


def request_of(check: Check) -> DerivedRequest:
    """A check's request, as it is asked beside the others: over TLS by HTTP/1.1, whatever the check speaks."""
    address = split_address(check.connect)[0] if check.connect else "127.0.0.1"
    if check.protocol in ("tcp", "udp"):
        sent = (bytes_of(check.send, check.send_hex) or b"sluice\r\n").decode("utf-8", "replace")
        speaks: Speaks = "udp" if check.protocol == "udp" else "tls" if check.scheme == "tls" else "tcp"
        return DerivedRequest(
            speaks.upper(),
            speaks,
            check.host,
            check.port,
            "",
            connect=address,
            speaks=speaks,
            said=sent,
            place=check.source,
        )
    if check.protocol == "grpc":
        headers = (("Content-Type", "application/grpc"), ("TE", "trailers"), *check.headers)
        check = check._replace(headers=headers, body="\0" * 5)
    elif check.protocol == "websocket":
        check = check._replace(headers=(*_UPGRADE, *check.headers))
    plain_h2 = check.protocol in ("h2", "grpc") and check.scheme == "http"
    return DerivedRequest(
        check.method,
        check.scheme,
        check.host,
        check.port,
        check.target,
        check.headers,
        body=len((check.body or "").encode()),
        connect=address,
        speaks="h2" if plain_h2 else "http",
        said=check.body or "",
        place=check.source,
    )


def planned(
    live: Config,
    candidate: Config,
    changed: Sequence[DirectiveChange],
    checks: Iterable[Check],
    replayed: Iterable[DerivedRequest],
    most: int,
    witnesses: Iterable[DerivedRequest] = (),
    selection: Selection = EVERY_SERVER,
    reached: Callable[[DerivedRequest], bool] | None = None,
    others: int | None = None,
) -> tuple[list[DerivedRequest], int]:
    """Choose at most ``most`` requests, in the order in which they are asked; tell how many are left out, at least.

    ``witnesses`` are requests that are known to be handled otherwise, or to be answered with a file of the release. Of
    contracts and configurations those for servers of the ``selection`` are asked. ``reached`` tells whether the change
    may do anything to a request; by default it may to all that stand in or beside a block with a change. ``others`` is
    how many configurations may suggest at most about the rest; all by default.
    """
    touched = {id(part) for change in changed for part in (*change.blocks, change.old, change.new) if part is not None}
    # A change at the top concerns every server, so none of them goes first.
    touched -= {id(block) for config in (live, candidate) for block in config.directives}
    chosen = _Chosen(most)
    replayed = list(replayed)
    asked = [request for request in map(request_of, checks) if _is_asked(candidate, request, selection)]
    suggested = _suggested(live, candidate, touched, chosen.takes, selection)
    if reached is not None:
        suggested = _by_reach(suggested, reached, _inside_servers(changed))
    for request in itertools.chain(asked, replayed, suggested, witnesses):
        chosen.add(request)
    return chosen.requests(most if others is None else others + len(asked) + len(replayed))


class _Chosen:
    """The requests with the least weight so far, each once; of the others no more than that they were there."""

    def __init__(self, most: int) -> None:
        self._most = most
        # By all that is asked, without place and weight; each with the number by which it came.
        self._found: dict[tuple[Any, ...], tuple[int, DerivedRequest]] = {}
        self._dropped: set[int] = set()
        self._limit: float = math.inf
        self._numbers = itertools.count()

    def takes(self, weight: int) -> bool:
        """Return whether a request of a weight could still be chosen."""
        return weight < self._limit

    def add(self, request: DerivedRequest) -> None:
        """Take a request, or another reason for one that was taken before."""
        key = request[:-2]
        held = self._found.get(key)
        if held is not None:
            if request.weight < held[1].weight:
                self._found[key] = (held[0], held[1]._replace(weight=request.weight))
        elif self.takes(request.weight):
            self._found[key] = (next(self._numbers), request)
            if len(self._found) > self._most * _SPARE + 1:
                self._drop()
        else:
            self._dropped.add(hash(key))

    def _best(self) -> list[tuple[int, int, DerivedRequest]]:
        ranked = sorted((request.weight, number, request) for number, request in self._found.values())
        return ranked[: self._most]

    def _drop(self) -> None:
        """Keep what can be chosen; what is as heavy as the last of it came too late."""
        best = self._best()
        kept = {request[:-2]: (number, request) for _, number, request in best}
        self._dropped.update(hash(key) for key in self._found if key not in kept)
        self._found = kept
        self._limit = best[-1][0] if best else -math.inf

    def requests(self, others: int) -> tuple[list[DerivedRequest], int]:
        """Return the chosen requests, in the order in which they came, and how many others came.

        At most ``others`` of them are about what did not change.
        """
        best = self._best()
        changed = [row for row in best if row[0] < 0]
        kept = [*changed, *best[len(changed) :][:others]]
        every = self._dropped.union(map(hash, self._found))
        requests = [request for _, request in sorted((number, request) for _, number, request in kept)]
        return requests, len(every) - len(kept)


def _suggested(
    live: Config, candidate: Config, touched: set[int], takes: Takes, selection: Selection
) -> Iterator[DerivedRequest]:
    for config in (candidate, live):
        yield from requests_of(config, _with_parents(config, touched), takes, selection)


def _by_reach(
    requests: Iterable[DerivedRequest], reached: Callable[[DerivedRequest], bool], edited: Container[str]
) -> Iterator[DerivedRequest]:
    """Yield requests with the weight of a change where it reaches them, and without where they stand beside it only.

    What is no request for a path is left as it is, and what the ``edited`` blocks are about.
    """
    for request in requests:
        about = request.weight < 0
        if not request.target or (about and request.place in edited) or reached(request) == about:
            yield request
        else:
            yield request._replace(weight=request.weight - CHANGED if about else request.weight + CHANGED)


def _inside_servers(changed: Iterable[DirectiveChange]) -> set[str]:
    parts = [part for change in changed for part in (*change.blocks, change.old, change.new) if part is not None]
    return {f"{part.file}:{part.line}" for part in parts if part.name not in ("http", "server")}


def _is_asked(config: Config, request: DerivedRequest, selection: Selection) -> bool:
    if not selection.is_partial or request.speaks in ("tcp", "tls", "udp"):
        return True
    server = choose_server(config, request.host, request.port, request.connect)
    return server is None or selection.takes(server)


def _with_parents(config: Config, touched: set[int]) -> set[int]:
    """What is in an upstream or a map concerns whoever uses it; a location's change concerns the location alone."""
    names = {
        block.args[0]
        for block in config.named("upstream")
        if block.args and any(id(inner) in touched for inner in block.walk())
    }
    if not names:
        return touched
    return touched | {
        id(location)
        for location in _blocks(config)
        for inner in location.block or []
        if inner.name.endswith("_pass") and any(name in word for name in names for word in inner.args)
    }


def _blocks(config: Config) -> Iterator[Directive]:
    return (directive for directive in config.walk() if directive.name in ("location", "server") and directive.block)
