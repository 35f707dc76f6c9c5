"""A listener that became another on the same port: for the machine itself instead of for everybody, or the other way
round; plain instead of TLS; TCP instead of UDP.

``listen 127.0.0.1:80`` is nobody's website any more, and ``listen 8088`` shows everybody the page of an administrator.
Requests that are made on the machine see no difference.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from ....config.facts import Listen, listeners
from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import Context
from ...scopes import Scope, altered

LEVEL = "high"


def _own(address: str) -> bool:
    """Whether only the machine itself gets to an address."""
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return address == "localhost" or address.startswith("unix:")


def _ports(scope: Scope) -> dict[int, list[tuple[Listen, bool]]]:
    """Map each port of a server to its listeners, each with whether it is for UDP."""
    found: dict[int, list[tuple[Listen, bool]]] = {}
    directives = scope.own.get("listen", ())
    for listen, directive in zip(listeners(_block(scope)), directives, strict=False):
        found.setdefault(listen.port, []).append((listen, "udp" in directive.args or "quic" in directive.args))
    return found


def _block(scope: Scope) -> Directive:
    return scope.block or Directive("server", [], "", 0, [])


def _changes(before: list[tuple[Listen, bool]], now: list[tuple[Listen, bool]]) -> Iterator[str]:
    reached = [any(not _own(listen.address) for listen, _ in each) for each in (before, now)]
    if reached[0] != reached[1]:
        yield "can be reached from " + ("everywhere" if reached[1] else "this machine only")
    tls = [any(listen.tls for listen, _ in each) for each in (before, now)]
    if tls[0] != tls[1]:
        yield "speaks TLS" if tls[1] else "speaks no TLS"
    udp = [{datagrams for _, datagrams in each} for each in (before, now)]
    if not udp[0] <= udp[1]:
        yield "answers no " + ("UDP" if True in udp[0] - udp[1] else "TCP")


def run(config: Config, context: Context) -> list[Finding]:
    """Find ports whose listeners are of another kind than in the same server of the live release."""
    if context.live is None:
        return []
    findings = []
    for before, scope in altered(config, context.live):
        if scope.kind != "server":
            continue
        old, new = _ports(before), _ports(scope)
        place = next(iter(scope.own.get("listen", ())), _block(scope))
        for port in sorted(old.keys() & new.keys()):
            findings += [
                Finding(
                    f"port {port} {became}, unlike in the live release",
                    file=place.file,
                    line=place.line,
                    expected="; ".join(" ".join(["listen", *each.args]) for each in before.own["listen"]),
                    seen=" ".join(["listen", *place.args]),
                    mend="write the address and the words of the listener that was meant",
                )
                for became in _changes(old[port], new[port])
            ]
    return findings
