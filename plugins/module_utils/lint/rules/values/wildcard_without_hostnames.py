"""A ``map`` of host names has rows with an asterisk or a leading dot, and no ``hostnames``: nginx takes them as they
are written.

``*.shop.example`` is no name that a client asks for, so such a row is never found, and the default stands for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding

LEVEL = "medium"
NEW = "high"

_OF_HOSTS = ("$host", "$http_host", "$server_name", "$ssl_server_name", "$ssl_preread_server_name")
_WILD = re.compile(r"^(?:\*\.|\.)[\w.-]+\.\w+$|^[\w-][\w.-]*\.\*$")


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find rows for many names in maps that know of exact ones only."""
    for block in config.named("map"):
        rows = block.block or []
        if block.args[:1] and block.args[0] in _OF_HOSTS and not any(each.name == "hostnames" for each in rows):
            for row in rows:
                if _WILD.match(row.name):
                    yield finding(
                        row,
                        f"{row.name} is no pattern here, and no client asks for this name",
                        expected="hostnames in the map, with which such names are patterns",
                        fix="write hostnames; as the first line of the map",
                    )
