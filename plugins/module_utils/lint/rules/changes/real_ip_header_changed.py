"""Client addresses come from another header (``real_ip_header``), but from the same proxies (``set_real_ip_from``).

The proxies send the header that they always sent. So every visitor gets the address of a proxy: in limits, logs and
access rules.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.parse import Config
from ....verdicts.model import Finding
from ...findings import finding
from ...scopes import BlockScope, altered

LEVEL = "high"

_USUAL = "X-Real-IP"


def _trusted(scope: BlockScope) -> set[str]:
    return {word for each in scope.effective("set_real_ip_from") for word in each.args}


def compare(config: Config, live: Config) -> Iterator[Finding]:
    """Find blocks that trust another header of the proxies that the live release trusts."""
    for old, scope in altered(config, live):
        header = scope.effective("real_ip_header")
        if not header or not _trusted(scope) or not old.effective("real_ip_header"):
            continue
        was, now = old.value("real_ip_header", _USUAL), scope.value("real_ip_header", _USUAL)
        if was.lower() != now.lower() and _trusted(old) == _trusted(scope):
            yield finding(
                header[0],
                f"client addresses are taken from {now}, but in the live release from {was}",
                expected=f"real_ip_header {was}, since set_real_ip_from names the same proxies",
                fix="write the header that these proxies send, or name the new proxies in set_real_ip_from",
            )
