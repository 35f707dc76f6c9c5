"""A redirect goes to ``$server_name`` where the first name of the server is no host: a pattern, or none.

``$server_name`` is the first name as it is written, whatever the visitor asked for. With ``server_name shop.*``, or
``_``, visitors are sent to ``https://shop.*/`` or ``https://_/``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.facts import server_names
from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding

LEVEL = "high"

_TO_NAME = re.compile(r"^(?:https?|\$scheme|\$\w+)://\$\{?server_name\b")
# nginx itself leaves out the dot of ``.shop.example``.
_HOST = re.compile(r"\.?[^\W_](?:[\w.-]*[^\W_])?$")


def _redirects(server: Directive) -> Iterator[Directive]:
    for directive in server.walk():
        if directive.name in ("return", "rewrite") and any(_TO_NAME.match(arg) for arg in directive.args):
            yield directive


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find redirects to the name of a server whose first name is no host."""
    for server in config.servers():
        first = server_names(server)[0]
        if _HOST.match(first) or first.startswith("$hostname"):
            continue
        for directive in _redirects(server):
            yield finding(
                directive,
                f"{directive.text} sends visitors to {first or 'no host'}: that is the first name of its server",
                expected="$host, or a host that is written out",
                fix="write $host instead of $server_name",
            )
