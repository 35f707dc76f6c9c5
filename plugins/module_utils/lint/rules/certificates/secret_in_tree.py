"""A private key, its password, or a list of passwords lies in the tree.

Everybody who can read the repository, the controller or a release has it. On hosts such a file is readable by root
only all the same. The finding stands at the directive that names the file, where there is one.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from ....config.parse import CONF_ROOT, Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding

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


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find what is secret by its content, its name, or the directive that names it."""
    named = _named(config) if context.secrets else {}
    for path, why in sorted(context.secrets.items()):
        directive = named.get(path)
        yield finding(
            directive or Directive(path, [], path, 0),
            f"{path} is a secret in the tree",
            expected=f"keys and passwords on the hosts only; this is one: {why}",
            actual=f"{directive.name} {directive.args[0]}" if directive else path,
            fix=f"add {path} to nginx_shared_paths, and take it out of the tree; hosts with it at /etc/nginx/{path} "
            f"keep it, others need it at /var/lib/sluice/shared/{path}. Make a new one where the repository had it "
            "unencrypted",
        )
