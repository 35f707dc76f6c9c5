"""A port changed its kind: who can reach it, whether it speaks TLS, or TCP and UDP.

``listen 127.0.0.1:80`` is nobody's website any more, and ``listen 8088`` instead of ``listen 127.0.0.1:8088`` shows
everybody an administrator's page. Requests that are made on the machine itself see no difference.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from ....config.facts import Listen, listeners
from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...findings import finding
from ...scopes import BlockScope, altered

LEVEL = "high"


def _own(address: str) -> bool:
    """Return whether only the machine itself can reach an address."""
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return address == "localhost" or address.startswith("unix:")


def _ports(scope: BlockScope) -> dict[int, list[tuple[Listen, bool]]]:
    """Map each port of a server to its listeners, each with whether it is for UDP."""
    found: dict[int, list[tuple[Listen, bool]]] = {}
    directives = scope.own.get("listen", ())
    for listen, directive in zip(listeners(_block(scope)), directives, strict=False):
        found.setdefault(listen.port, []).append((listen, "udp" in directive.args or "quic" in directive.args))
    return found


def _block(scope: BlockScope) -> Directive:
    return scope.block or Directive("server", [], "", 0, [])


def _changes(before: list[tuple[Listen, bool]], now: list[tuple[Listen, bool]]) -> Iterator[str]:
    reached = [any(not _own(listen.address) for listen, _ in each) for each in (before, now)]
    if reached[0] != reached[1]:
        yield "is now reachable from " + ("everywhere" if reached[1] else "this machine only")
    tls = [any(listen.tls for listen, _ in each) for each in (before, now)]
    if tls[0] != tls[1]:
        yield "now speaks TLS" if tls[1] else "no longer speaks TLS"
    udp = [{datagrams for _, datagrams in each} for each in (before, now)]
    if not udp[0] <= udp[1]:
        yield "no longer accepts " + ("UDP" if True in udp[0] - udp[1] else "TCP")


def compare(config: Config, live: Config) -> Iterator[Finding]:
    """Find ports whose listeners are of another kind than in the same server of the live release."""
    for before, scope in altered(config, live):
        if scope.kind != "server":
            continue
        old, new = _ports(before), _ports(scope)
        place = next(iter(scope.own.get("listen", ())), _block(scope))
        for port in sorted(old.keys() & new.keys()):
            for became in _changes(old[port], new[port]):
                yield finding(
                    place,
                    f"port {port} {became}, unlike in the live release",
                    expected="; ".join(each.text for each in before.own["listen"]),
                    actual=" ".join(["listen", *place.args]),
                    fix="write the address and the parameters of the listener that was meant",
                )
