"""An ``alias`` off by a slash: ``location /img/`` with ``alias /srv/images`` serves ``/img/a.png`` from
``/srv/imagesa.png``, which does not exist. (The other way round is a path traversal, of which gixy tells.)
"""

from __future__ import annotations

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import Context
from ...scopes import location_kind, scopes

LEVEL = "high"


def run(config: Config, context: Context) -> list[Finding]:
    """Find prefix locations that end with a slash and have an alias that does not."""
    findings = []
    for scope in scopes(config):
        block = scope.block
        if block is None or scope.kind != "location":
            continue
        modifier, path = location_kind(block)
        for alias in block.children("alias"):
            target = alias.args[0] if alias.args else "/"
            if modifier not in ("", "^~") or not path.endswith("/") or target.endswith("/") or "$" in target:
                continue
            findings.append(
                Finding(
                    f"{path}name is looked for at {target}name: the alias lacks a slash at its end",
                    file=alias.file,
                    line=alias.line,
                    expected=f"alias {target}/",
                    seen=f"location {path} with alias {target}",
                    mend="end both with a slash, or neither",
                )
            )
    return findings
