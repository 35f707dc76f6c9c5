"""A ``proxy_pass`` leads to another site by TLS, and does not tell that site for which of its names.

nginx sends no name when it opens TLS to an upstream, unless ``proxy_ssl_server_name on`` says so. A content delivery
network, which has thousands of sites at an address, then refuses the connection, or answers with a certificate of
somebody else's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...scopes import scopes

LEVEL = "low"
NEW = "medium"

_TARGET = re.compile(r"https://((?=[^/:]*[a-z])[\w-]+(?:\.[\w-]+)+)(?::\d+)?(?:/|\$|$)", re.IGNORECASE)
# Names that only the own network has.
_WITHIN = ("internal", "local", "localdomain", "lan", "svc", "consul", "intern")


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find upstreams that are sites of others, and are not told the name."""
    own = {each.args[0].lower() for each in config.named("upstream") if each.args}
    for scope in scopes(config):
        for directive in scope.own.get("proxy_pass", ()):
            match = _TARGET.match(directive.args[0]) if directive.args else None
            if match is None or match[1].lower() in own or match[1].rpartition(".")[2].lower() in _WITHIN:
                continue
            if scope.value("proxy_ssl_server_name", "off") != "on":
                yield finding(
                    directive,
                    f"{match[1]} is not told that it is asked for by this name",
                    expected="proxy_ssl_server_name on",
                    fix="write proxy_ssl_server_name on beside it",
                )
