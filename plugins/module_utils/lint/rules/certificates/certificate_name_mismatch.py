"""A server has a name that its certificate does not cover, so every browser refuses it.

Certificates are read where the tree contains them, or where ``staging_docroots`` maps their directory. Names that no
client can ask for, as expressions and names without a dot, are not held against them.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.parse import Config
from ....verdicts.model import Finding
from ...certificates import certificates_served, covers, names_of
from ...context import LintContext
from ...findings import finding

LEVEL = "high"


def _asked_for(name: str) -> bool:
    """Return whether a client can ask for a name as it stands: no expression, no catch-all, no internal name."""
    return "." in name.strip(".") and not name.startswith(("~", "$")) and "*" not in name.lstrip("*.")


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find server names that the certificate of the server does not cover."""
    for served in certificates_served(config, context):
        names = names_of(served.chain[0])
        # ".shop.example" stands for the bare name and for those below it.
        missing = [name for name in served.names if _asked_for(name) and not covers(names, name.removeprefix("."))]
        if missing:
            yield finding(
                served.certificate,
                f"certificate {served.certificate.args[0]} does not cover {', '.join(missing)}",
                expected=f"one of its names: {', '.join(names)}",
                actual=f"server_name {' '.join(served.names)}",
                fix="name the certificate of this server, or have one made for all of its names",
            )
