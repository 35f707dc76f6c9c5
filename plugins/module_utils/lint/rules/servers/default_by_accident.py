"""A default server by accident: no server of a listener says ``default_server``, so the first one in the order of the
files answers for every unknown host. A new file whose name sorts before the others then takes all of that over.
"""

from __future__ import annotations

from ....config.facts import listeners, server_names
from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import Context

LEVEL = "low"
NEW = "high"


def _accidental(config: Config) -> dict[tuple[str, int], Directive]:
    """Map each listener of several servers that none is the default of to its first server."""
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


def _defaults(config: Config) -> dict[tuple[str, int], list[str]]:
    """Tell the names of the server that answers for unknown hosts, for each listener."""
    found: dict[tuple[str, int], tuple[bool, list[str]]] = {}
    for server in config.servers():
        for each in listeners(server):
            where = (each.address, each.port)
            if where not in found or (each.default and not found[where][0]):
                found[where] = (each.default, _names(server))
    return {where: names for where, (_, names) in found.items()}


def run(config: Config, context: Context) -> list[Finding]:
    """Find listeners whose default server the order of files decides; with a live release, where it became another."""
    before = _defaults(context.live) if context.live else {}
    findings = []
    for (address, port), server in _accidental(config).items():
        where = f"{address}:{port}"
        seen = " ".join(["server_name", *_names(server)])
        if context.live is None:
            what = f"the order of files makes this the default server of {where}"
        elif (address, port) in before and before[address, port] != _names(server):
            formerly = " ".join(before[address, port]) or "the server without a name"
            what = f"the order of files makes this the default server of {where}, which {formerly} was"
        else:
            continue
        findings.append(
            Finding(
                what,
                file=server.file,
                line=server.line,
                expected=f"one server that says so: listen {port} default_server",
                seen=seen,
                mend="add default_server to the listen of the server that shall answer for unknown hosts",
            )
        )
    return findings
