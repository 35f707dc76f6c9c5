"""No server of a listener is marked ``default_server``, so the order of files decides which one answers unknown hosts.

A new file whose name sorts first, as ``another.conf`` before ``shop.conf``, takes over every request for an unknown
host. With a live release, this is a finding only when somebody had chosen the server that answered them, by
``default_server`` or by the name ``_``, and it no longer does; ``behaviour`` asks for unknown hosts as well.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.facts import listeners, server_names
from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding

LEVEL = "low"
NEW = "high"


def _implicit(config: Config) -> dict[tuple[str, int], Directive]:
    """Map each listener of several servers, none of which is the default server, to its first server."""
    there: dict[tuple[str, int], list[Directive]] = {}
    chosen = set()
    for server in config.servers():
        for each in listeners(server):
            there.setdefault((each.address, each.port), []).append(server)
            if each.default:
                chosen.add((each.address, each.port))
    return {where: servers[0] for where, servers in there.items() if len(servers) > 1 and where not in chosen}


def _names(server: Directive) -> list[str]:
    return sorted(server_names(server))


def _chosen(config: Config) -> dict[tuple[str, int], list[str]]:
    """Map each listener to the names of the server that answers unknown hosts, where somebody has chosen it."""
    found: dict[tuple[str, int], tuple[bool, list[str]]] = {}
    for server in config.servers():
        for each in listeners(server):
            where = (each.address, each.port)
            if where not in found or (each.default and not found[where][0]):
                found[where] = (each.default, _names(server))
    return {where: names for where, (marked, names) in found.items() if marked or not {*names} - {"_", ""}}


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find listeners whose default server depends on the order of files; with a live release, where it changes."""
    before = _chosen(context.live) if context.live else {}
    for (address, port), server in _implicit(config).items():
        what = f"this server answers unknown hosts on {address}:{port} only because its file comes first"
        if context.live is not None:
            formerly = before.get((address, port))
            if formerly is None or formerly == _names(server):
                continue
            what += f"; in the live release {' '.join(formerly) or 'the server without a name'} does"
        yield finding(
            server,
            what,
            expected=f"one server with listen {port} default_server",
            actual=" ".join(["server_name", *_names(server)]),
            fix="add default_server to the listen of the server that should answer unknown hosts",
        )
