"""Requests that ``limit_req`` holds up: nginx lets them wait for their turn, so that a hundred take minutes.

Most limits count addresses. Such requests are asked from an address each, where no line tells one of the loopback's
addresses from another. Of the others no more are asked than a zone lets through within seconds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple

from ..config.derive import DerivedRequest
from ..config.match import Trace
from ..config.parse import Config, Directive
from ..untrusted import whole_number

__all__ = ["WithinLimits", "within_limits"]

# A zone may hold the gate up for so long each time that its requests are asked.
_SECONDS = 6.0
_LEAST = 3
# A map of a map of a map.
_DEEPEST = 3
_MINUTE = 60.0
_ADDRESS = "remote_addr"
_ALL_OF_LOOPBACK = "127.0.0.0/8"

_Ways = Callable[[DerivedRequest, Config], Trace]


class WithinLimits(NamedTuple):
    """What is asked, in its order; ``apart`` are those of it that are asked from an address each. ``left_out`` counts
    what would wait too long.
    """

    requests: list[DerivedRequest]
    apart: frozenset[DerivedRequest] = frozenset()
    left_out: int = 0


class _Zone(NamedTuple):
    rate: float
    counts_addresses: bool


def within_limits(
    requests: Sequence[DerivedRequest], configs: Sequence[Config], ways: _Ways, kept: Collection[str]
) -> WithinLimits:
    """Choose of requests what is asked. ``ways`` traces one in a configuration; those for places ``kept``, as checks
    of a contract, stay in any case.
    """
    waiting: defaultdict[tuple[str, _Zone], set[int]] = defaultdict(set)
    apart: set[int] = set()
    for config in configs:
        zones = _zones(config)
        outer = [each for each in config.http() if each.name in ("limit_req", "allow", "deny")]
        alike = not _knows_loopback(config)
        for number, request in enumerate(requests if zones else ()):
            if request.speaks not in ("http", "h2") or request.source:
                continue
            way = ways(request, config)
            for name in _delaying(way, outer):
                zone = zones.get(name)
                if zone is None:
                    continue
                if zone.counts_addresses and alike and not _admits(way, outer) and request.connect.startswith("127."):
                    apart.add(number)
                else:
                    waiting[name, zone].add(number)
    left_out: set[int] = set()
    for (_, zone), found in waiting.items():
        most = max(_LEAST, 1 + int(zone.rate * _SECONDS))
        ranked = sorted(found, key=lambda n: (requests[n].place not in kept, requests[n].weight, n))
        left_out.update(n for n in ranked[most:] if requests[n].place not in kept)
    # One that waits in either configuration is asked alike in both.
    held = set().union(*waiting.values())
    return WithinLimits(
        [request for number, request in enumerate(requests) if number not in left_out],
        frozenset(requests[number] for number in apart - held),
        len(left_out),
    )


def _zones(config: Config) -> dict[str, _Zone]:
    """Return the zones by name, with the requests a second that they let through."""
    found = {}
    addresses = _addresses(config)
    for line in config.named("limit_req_zone"):
        given = dict(word.partition("=")[::2] for word in line.args[1:])
        digits, _, unit = given.get("rate", "").partition("r/")
        number = whole_number(digits)
        if number and unit in ("s", "m"):
            rate = number if unit == "s" else number / _MINUTE
            counts = any(f"${name}" in line.args[0] for name in addresses)
            found[given.get("zone", "").partition(":")[0]] = _Zone(rate, counts)
    return found


def _addresses(config: Config) -> set[str]:
    """Return the variables, without ``$``, in which the address of who asks may be."""
    found = {"remote_addr", "binary_remote_addr"}
    for _ in range(_DEEPEST):
        for block in config.named("map"):
            if any(f"${name}" in word for row in block.block or [] for word in row.args for name in found):
                found.add(block.args[-1].removeprefix("$"))
    return found


def _knows_loopback(config: Config) -> bool:
    """Return whether a line may say something else for another address of the loopback."""
    of_addresses = any(_ADDRESS in block.args[0] for block in config.named("map") if len(block.args) > 1)
    asked = any(_ADDRESS in word for line in config.named("if") for word in line.args)
    return of_addresses or asked or any(_named(row.name) for block in config.named("geo") for row in block.block or [])


def _named(address: str) -> bool:
    return address.startswith("127.") and address != _ALL_OF_LOOPBACK


def _admits(way: Trace, outer: Sequence[Directive]) -> bool:
    lines = [*outer, *(line for block in way.met for name in ("allow", "deny") for line in block.children(name))]
    return any(_named(word) for line in lines if line.name != "limit_req" for word in line.args)


def _delaying(way: Trace, outer: Sequence[Directive]) -> Iterator[str]:
    """Yield the zones that let a request wait: those of the nearest block that names any."""
    usual = [each for each in outer if each.name == "limit_req"]
    for limit in next((own for block in reversed(way.met) if (own := block.children("limit_req"))), usual):
        given = dict(word.partition("=")[::2] for word in limit.args)
        if "burst" in given and "nodelay" not in given:
            yield given.get("zone", "")
