"""A cache is switched on in a location that passes nothing on, so nothing is kept.

nginx keeps what it gets from an upstream in the location that asks it. A ``proxy_cache`` beside ``try_files $uri @app``
does nothing: the requests go on to ``@app``, which inherits from its server and not from there.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...scopes import blocks

LEVEL = "medium"
NEW = "high"

_PROTOCOLS = ("proxy", "fastcgi", "uwsgi", "scgi")


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find caches in locations in which nobody asks an upstream, neither they nor locations within them."""
    for scope, block in blocks(config, "location"):
        for protocol in _PROTOCOLS:
            caches = [each for each in scope.own.get(f"{protocol}_cache", ()) if each.args[:1] not in ([], ["off"])]
            passes = caches and any(each.name == f"{protocol}_pass" for each in block.walk())
            for directive in caches if not passes else ():
                yield finding(
                    directive,
                    f"{scope.text} passes nothing on, so nothing is kept",
                    expected=f"{directive.text} beside a {protocol}_pass",
                    fix="write it in the location that asks the upstream, or in the server",
                )
