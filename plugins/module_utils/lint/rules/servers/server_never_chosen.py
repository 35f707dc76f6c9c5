"""A server that can never be chosen: another one has its name on the same listener, and comes first.

nginx warns of it (``conflicting server name … ignored``) and serves the first one only.
"""

from __future__ import annotations

from ....config.facts import listeners, server_names
from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import Context

LEVEL = "high"


def run(config: Config, context: Context) -> list[Finding]:
    """Find servers of which every name is taken on every listener."""
    taken: dict[tuple[str, int, str], Directive] = {}
    findings = []
    for server in config.servers():
        listens = listeners(server)
        names = [name.lower() for name in server_names(server)]
        places = [(each.address, each.port, name) for each in listens for name in names]
        first = [taken.get(place) for place in places]
        default = any(each.default for each in listens)
        if all(first) and first[0] is not None and not default:
            said = ", ".join(name or "no name" for name in names)
            findings.append(
                Finding(
                    f"this server can never be chosen: {said} is served by {first[0].file}:{first[0].line}",
                    file=server.file,
                    line=server.line,
                    expected="a name or a listener of its own",
                    seen=f"server_name {' '.join(names)}",
                    mend="give the server another name or listener, or remove one of the two",
                )
            )
        for place in places:
            taken.setdefault(place, server)
    return findings
