"""Headers lost by inheritance: a block with one ``add_header`` of its own has none of the outer blocks' any more.

So a harmless ``add_header Cache-Control`` takes away Strict-Transport-Security, and one ``proxy_set_header`` takes away
the Host that the application needs.
"""

from __future__ import annotations

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import Context
from ...scopes import scopes

LEVEL = "medium"
NEW = "high"

_SECURITY = {
    *("strict-transport-security", "content-security-policy", "x-frame-options", "x-content-type-options"),
    *("referrer-policy", "permissions-policy", "cross-origin-opener-policy", "cross-origin-resource-policy"),
    *("access-control-allow-origin", "access-control-allow-credentials"),
}
_FORWARDED = {"host", "x-real-ip", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "upgrade", "connection"}
_WATCHED = {"add_header": _SECURITY, "proxy_set_header": _FORWARDED, "grpc_set_header": _FORWARDED}


def run(config: Config, context: Context) -> list[Finding]:
    """Find blocks whose own headers take security or forwarding headers of an outer block away."""
    findings = []
    for scope in scopes(config):
        for name, watched in _WATCHED.items():
            own = scope.own.get(name, ())
            if not own or scope.outer is None or f"{name}_inherit" in scope.own:
                continue
            outer = {each.args[0].lower(): each for each in scope.outer.effective(name) if each.args}
            kept = {each.args[0].lower() for each in own if each.args}
            lost = [each for header, each in outer.items() if header in watched and header not in kept]
            if lost:
                said = ", ".join(each.args[0] for each in lost)
                findings.append(
                    Finding(
                        f"this {name} takes away what is set outside of the block: {said}",
                        file=own[0].file,
                        line=own[0].line,
                        expected=f"{name} {said} in this block as well",
                        seen=" ".join([own[0].name, *own[0].args]),
                        mend=f"repeat here what {lost[0].file}:{lost[0].line} sets",
                    )
                )
    return findings
