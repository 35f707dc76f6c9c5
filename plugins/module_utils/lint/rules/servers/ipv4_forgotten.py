"""A server listens for IPv6 only, at a port where this configuration serves IPv4 as well, or did.

``listen [::]:80`` takes IPv6 alone, unless ``ipv6only=off`` stands behind it. Where it came instead of ``listen 80``,
visitors with IPv4 are refused; where other servers listen on 80, they get another site.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.facts import listeners
from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding

LEVEL = "low"
NEW = "high"

_OFF = "ipv6only=off"


def _ports(server: Directive) -> tuple[set[int], dict[int, Directive]]:
    """Return the ports at which a server has IPv4, and the others with their first directive."""
    four, six = set(), dict[int, Directive]()
    for listen, directive in zip(listeners(server), server.children("listen"), strict=False):
        if listen.address.startswith("unix:") or "quic" in directive.args:
            continue
        if listen.address == "[::]" and _OFF not in directive.args:
            six.setdefault(listen.port, directive)
        else:
            # An address of its own is meant as it is written.
            four.add(listen.port)
    return four, {port: directive for port, directive in six.items() if port not in four}


def _open_for_both(config: Config) -> set[int]:
    # nginx opens a socket once, with what the first directive for it says.
    return {
        listen.port
        for server in config.servers()
        for listen, directive in zip(listeners(server), server.children("listen"), strict=False)
        if listen.address == "[::]" and _OFF in directive.args
    }


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find servers that only listen for IPv6, where others listen for IPv4, or the live release does."""
    found = [_ports(server) for server in config.servers()]
    served = {port for four, _ in found for port in four}
    if context.live:
        served |= {port for server in context.live.servers() for port in _ports(server)[0]}
    for port, directive in (row for _, six in found for row in six.items()):
        if port in served - _open_for_both(config):
            yield finding(
                directive,
                f"the server does not listen for IPv4 on port {port}",
                expected=f"listen {port} as well",
                fix=f"add listen {port}, or {_OFF} behind the address",
            )
