"""Every name of a server already belongs to another server on the same listeners, so nginx never chooses it.

A copied block in which ``server_name`` was not changed serves nobody. nginx only warns (``conflicting server name …
ignored``) and uses the first server.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.facts import listeners, server_names
from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding

LEVEL = "high"


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find servers of which every name is taken on every listener."""
    taken: dict[tuple[str, int, str], Directive] = {}
    for server in config.servers():
        listens = listeners(server)
        names = [name.lower() for name in server_names(server)]
        places = [(each.address, each.port, name) for each in listens for name in names]
        first = [taken.get(place) for place in places]
        if all(first) and first[0] is not None and not any(each.default for each in listens):
            yield finding(
                server,
                "nginx never chooses this server: an earlier one on the same listener has "
                + ", ".join(name or "no name either" for name in names),
                expected=f"a server_name or listen that {first[0].file}:{first[0].line} does not have",
                actual=f"server_name {' '.join(names)}",
                fix="give the server another name or listener, or remove one of the two",
            )
        for place in places:
            taken.setdefault(place, server)
