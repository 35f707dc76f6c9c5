"""Another header tells who asks (``real_ip_header``), and the proxies that it is believed from are the same: they send
the header that they always sent, so every visitor has the address of a proxy, in limits, logs and access rules.
"""

from __future__ import annotations

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import Context
from ...scopes import Scope, altered

LEVEL = "high"

_USUAL = "X-Real-IP"


def _believed(scope: Scope) -> set[str]:
    return {word for each in scope.effective("set_real_ip_from") for word in each.args}


def run(config: Config, context: Context) -> list[Finding]:
    """Find blocks that believe another header of the proxies that the live release believes."""
    if context.live is None:
        return []
    # What many blocks inherit is one change.
    findings: dict[int, Finding] = {}
    for old, scope in altered(config, context.live):
        said = scope.effective("real_ip_header")
        if not said or not _believed(scope) or not old.effective("real_ip_header"):
            continue
        was, now = old.value("real_ip_header", _USUAL), scope.value("real_ip_header", _USUAL)
        if was.lower() != now.lower() and _believed(old) == _believed(scope):
            findings.setdefault(
                id(said[0]),
                Finding(
                    f"visitors' addresses are taken from {now} here, and from {was} in the live release",
                    file=said[0].file,
                    line=said[0].line,
                    expected=f"real_ip_header {was}, since set_real_ip_from names the same proxies",
                    seen=f"real_ip_header {now}",
                    mend="write the header that these proxies send, or name the new proxies in set_real_ip_from",
                ),
            )
    return list(findings.values())
