"""A ``location`` ends with a slash and its ``alias`` does not, so nginx looks for files that do not exist.

``location /img/`` with ``alias /srv/images`` serves ``/img/a.png`` from ``/srv/imagesa.png``. The other way round is
a path traversal, which gixy-ng's ``alias_traversal`` finds.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...scopes import blocks, location_kind

LEVEL = "high"


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find prefix locations that end with a slash and have an alias that does not."""
    for _, block in blocks(config, "location"):
        modifier, path = location_kind(block)
        for alias in block.children("alias"):
            target = alias.args[0] if alias.args else "/"
            if modifier not in ("", "^~") or not path.endswith("/") or target.endswith("/") or "$" in target:
                continue
            yield finding(
                alias,
                f"requests for {path}name are served from {target}name: the alias does not end with a slash",
                expected=f"alias {target}/",
                actual=f"location {path} with alias {target}",
                fix="end both with a slash, or neither",
            )
