"""A place of a site that speaks TLS redirects to the same host by plain HTTP.

``return 302 http://$host/login`` sends the visitor's next request, with its cookies, in clear; where plain HTTP is
redirected to TLS, he comes back with one request more. A whole server that sends everybody to HTTP is meant so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.facts import listeners, server_names
from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding

LEVEL = "medium"
NEW = "high"

_PLAIN = re.compile(r"^http://(\$\{?(?:host|http_host|server_name)\b\}?|[^/$]+)(?=/|$|\$)")


def _places(server: Directive) -> Iterator[Directive]:
    """Yield the redirects of a server, unless they are for all of it."""
    for block in server.walk():
        is_whole = block is server or (block.name == "location" and block.args == ["/"])
        for directive in [*block.children("return"), *block.children("rewrite")]:
            if not (is_whole and directive.name == "return"):
                yield directive


def _target(directive: Directive) -> str:
    if directive.name == "rewrite":
        return directive.args[1] if len(directive.args) > 1 else ""
    # Another status has a text.
    return directive.args[-1] if len(directive.args) == 1 or directive.args[0].startswith("3") else ""


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find redirects of TLS servers to their own hosts by HTTP."""
    for server in config.servers():
        if not all(each.tls for each in listeners(server)):
            continue
        names = server_names(server)
        for directive in _places(server):
            target = _target(directive)
            match = _PLAIN.match(target)
            if match and (match[1].startswith("$") or match[1] in names):
                yield finding(
                    directive,
                    f"the redirect to {target} leaves TLS",
                    expected=f"https{target.removeprefix('http')}",
                    fix="write https, or $scheme",
                )
