"""Which requests are asked: those of contracts, of a log, and of both configurations; what changed comes first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..config.derive import Request
from ..config.parse import Config, Directive
from ..contract.model import Check
from ..contract.reading import split_address
from .changes import Change
from .suggest import requests_of

__all__ = ["planned", "request_of"]


def request_of(check: Check) -> Request:
    """A check's request, as it is asked beside the others."""
    address = split_address(check.connect)[0] if check.connect else "127.0.0.1"
    return Request(
        check.method,
        check.scheme,
        check.host,
        check.port,
        check.target,
        check.headers,
        body=len((check.body or "").encode()),
        connect=address,
        said=check.body or "",
        place=check.source,
    )


def planned(
    live: Config,
    candidate: Config,
    changed: Sequence[Change],
    checks: Iterable[Check],
    replayed: Iterable[Request],
    most: int,
) -> tuple[list[Request], int]:
    """Choose at most ``most`` requests, in the order in which they are asked; tell how many are left out."""
    touched = {id(part) for change in changed for part in (*change.blocks, change.old, change.new) if part is not None}
    # A change at the top concerns every server, so none of them goes first.
    touched -= {id(block) for config in (live, candidate) for block in config.directives}
    found: dict[tuple[Any, ...], Request] = {}
    for request in _all(live, candidate, touched, checks, replayed):
        # Without place and weight.
        key = request[:-2]
        held = found.get(key)
        if held is None or request.weight < held.weight:
            found[key] = request if held is None else held._replace(weight=request.weight)
    requests = list(found.values())
    order = sorted(range(len(requests)), key=lambda number: (requests[number].weight, number))
    chosen = [requests[number] for number in sorted(order[:most])]
    return chosen, len(requests) - len(chosen)


def _all(
    live: Config, candidate: Config, touched: set[int], checks: Iterable[Check], replayed: Iterable[Request]
) -> Iterator[Request]:
    yield from map(request_of, checks)
    yield from replayed
    yield from requests_of(candidate, _with_parents(candidate, touched))
    yield from requests_of(live, _with_parents(live, touched))


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
