"""A key or a list of passwords that lies in the tree: it is in a repository, on the controller, and in each release."""

from __future__ import annotations

import posixpath

from ....config.parse import CONF_ROOT, Config, Directive
from ....verdicts.model import Finding
from ...context import Context

LEVEL = "high"


def _named(config: Config) -> dict[str, Directive]:
    """Map the files of the tree to the first directive that names them."""
    found: dict[str, Directive] = {}
    for directive in config.walk():
        # Of all others, the last argument is no file of a secret.
        for value in directive.args[:1] if directive.name != "include" else ():
            path = posixpath.normpath(posixpath.join(CONF_ROOT, value))
            found.setdefault(posixpath.relpath(path, CONF_ROOT), directive)
    return found


def run(config: Config, context: Context) -> list[Finding]:
    """Find what is secret by its content, its name, or the directive that names it."""
    if not context.secrets:
        return []
    named = _named(config)
    findings = []
    for path, why in sorted(context.secrets.items()):
        directive = named.get(path)
        findings.append(
            Finding(
                f"{path} is secret and lies in the tree",
                file=directive.file if directive else path,
                line=directive.line if directive else 0,
                expected=f"keys and passwords are on the hosts only; this is one: {why}",
                seen=f"{directive.name} {directive.args[0]}" if directive else path,
                mend=f"add {path} to nginx_kept, and take it out of the tree; hosts that have it at /etc/nginx/{path} "
                f"keep it, others need it at /var/lib/sluice/kept/{path}. Make a new one where the repository had it "
                "unencrypted",
            )
        )
    return findings
