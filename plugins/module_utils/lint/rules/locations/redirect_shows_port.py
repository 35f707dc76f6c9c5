"""A redirect to a path, behind a proxy, names the port that only the proxy knows.

nginx makes a whole address of ``return 302 /list``, with the port that it listens on: ``http://shop.example:8000/list``.
Visitors who came through a balancer at 443 reach nothing there. That there is one is told by ``$http_x_forwarded_…`` or
``real_ip_header``. ``port_in_redirect off`` leaves the port out, and ``absolute_redirect off`` the whole address.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.facts import listeners
from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...scopes import BlockScope, blocks

LEVEL = "medium"
NEW = "high"

_USUAL = (80, 443)
_CODES = ("301", "302", "303", "307", "308")
_FLAGS = ("redirect", "permanent")


def _leads_to_a_path(directive: Directive) -> bool:
    """Return whether a redirect is to a path of the same server."""
    if directive.name == "return":
        return len(directive.args) == 2 and directive.args[0] in _CODES and directive.args[1].startswith("/")
    return directive.args[2:3] in [[flag] for flag in _FLAGS] and directive.args[1].startswith("/")


def _is_behind_a_proxy(scope: BlockScope, server: Directive) -> bool:
    words = (word for each in server.walk() for word in each.args)
    return bool(scope.effective("real_ip_header")) or any("$http_x_forwarded_" in word for word in words)


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find redirects to paths in servers that listen on ports of their own behind a proxy."""
    for scope, block in blocks(config, "server", "location", "if"):
        server = scope.around("server")
        if server is None or server.block is None:
            continue
        ports = [each.port for each in listeners(server.block)]
        told = "off" not in (scope.value("port_in_redirect", "on"), scope.value("absolute_redirect", "on"))
        if not told or any(port in _USUAL for port in ports) or not _is_behind_a_proxy(scope, server.block):
            continue
        for directive in block.children("return") + block.children("rewrite"):
            if _leads_to_a_path(directive):
                yield finding(
                    directive,
                    f"{directive.text} leads visitors to port {ports[0]}, and they come through a proxy",
                    expected="port_in_redirect off or absolute_redirect off",
                    fix="write port_in_redirect off in the server",
                )
