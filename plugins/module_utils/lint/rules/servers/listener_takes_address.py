"""A new `listen` at an address takes that address from the servers that listen everywhere: there it answers for all.

nginx looks for a server among those that listen at the very address. A server that listens at its port everywhere as
well needs no address of its own; whoever asks the other sites there is answered by it.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.facts import listen_at, listeners, server_names
from ....config.parse import Config, Directive
from ....textfmt import listed
from ....verdicts.model import Finding
from ...findings import finding

LEVEL = "high"

_MOST_NAMES = 3
_EVERYWHERE = {"*": "*", "0.0.0.0": "*", "[::]": "[::]"}


def _sockets(server: Directive) -> set[tuple[str, int]]:
    return {(_EVERYWHERE.get(each.address, each.address), each.port) for each in listeners(server)}


def compare(config: Config, live: Config) -> Iterator[Finding]:
    """Find listeners at an address where nobody listened, of servers that listen everywhere too."""
    before = {socket for server in live.servers() for socket in _sockets(server)}
    for server in config.servers():
        own = _sockets(server)
        for directive in server.children("listen"):
            if not directive.args or directive.args[0].startswith("unix:"):
                continue
            where = listen_at(directive)
            everywhere = ("[::]" if where.address.startswith("[") else "*", where.port)
            if (where.address, where.port) in before or where.address in _EVERYWHERE or everywhere not in own:
                continue
            others = [other for other in config.servers() if everywhere in _sockets(other)]
            lost = [other for other in others if (where.address, where.port) not in _sockets(other)]
            names = sorted({name for other in lost for name in server_names(other) if name})
            if names:
                yield finding(
                    directive,
                    f"at {directive.args[0]} this server answers for {listed(names, _MOST_NAMES)} as well",
                    expected=f"each server of port {where.port} at that address, or none",
                    fix="remove it: the server listens everywhere; or give the other servers the same listener",
                )
