"""A server with a name that its certificate does not have: every browser refuses it."""

from __future__ import annotations

from ....config.parse import Config
from ....verdicts.model import Finding
from ...certificates import certificates_served, covers, names_of
from ...context import Context

LEVEL = "high"


def _asked_for(name: str) -> bool:
    """Whether a client can ask for a name as it stands: no expression, no catch-all, no name inside of a network."""
    return "." in name.strip(".") and not name.startswith(("~", "$")) and "*" not in name.lstrip("*.")


def run(config: Config, context: Context) -> list[Finding]:
    """Find server names that the certificate of the server is not good for."""
    findings = []
    for served in certificates_served(config, context):
        names = names_of(served.chain[0])
        # ".shop.example" stands for the bare name and for those below it.
        missing = [
            name
            for name in served.names
            if _asked_for(name) and not covers(names, name[1:] if name[0] == "." else name)
        ]
        if missing:
            certificate = served.certificate.args[0]
            findings.append(
                Finding(
                    f"the certificate {certificate} is not for {', '.join(missing)}",
                    file=served.certificate.file,
                    line=served.certificate.line,
                    expected=f"one of its names: {', '.join(names)}",
                    seen=f"server_name {' '.join(served.names)}",
                    mend="name the certificate of this server, or have one made for all of its names",
                )
            )
    return findings
