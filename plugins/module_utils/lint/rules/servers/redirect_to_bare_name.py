"""A redirect leads to the server's own name, which has no domain.

``$server_name`` is the first name of the server as it is written. ``server_name shop`` is a label for people who read
the configuration, and no visitor's browser finds ``https://shop/``; ``$host`` is the host that was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.facts import server_names
from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding

LEVEL = "medium"
NEW = "high"

_TO_NAME = re.compile(r"(?:https?|\$scheme)://\$\{?server_name\b")
_BARE = re.compile(r"[A-Za-z][\w-]*")
_LOCAL = "localhost"


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find redirects to the name of a server that is a word alone."""
    for server in config.servers():
        first = server_names(server)[0]
        if not _BARE.fullmatch(first) or first == _LOCAL:
            continue
        for directive in server.walk():
            if directive.name in ("return", "rewrite") and any(_TO_NAME.match(word) for word in directive.args):
                yield finding(
                    directive,
                    f"{directive.text} sends visitors to {first}, which has no domain",
                    expected="$host, or a host that is written out",
                    fix="write $host instead of $server_name",
                )
