"""A block sets one header, and so loses all headers of its outer blocks.

nginx inherits ``add_header`` and ``proxy_set_header`` only into blocks that have none of their own. A harmless
``add_header Cache-Control`` removes ``Strict-Transport-Security``, and one ``proxy_set_header`` removes the ``Host``
that the application needs. Reported for security headers and for headers that pass on who asks for what.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
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


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find blocks whose own headers remove security or forwarding headers of an outer block."""
    for scope in scopes(config):
        for name, watched in _WATCHED.items():
            own = scope.own.get(name, ())
            if not own or scope.outer is None or f"{name}_inherit" in scope.own:
                continue
            outer = {each.args[0].lower(): each for each in scope.outer.effective(name) if each.args}
            kept = {each.args[0].lower() for each in own if each.args}
            lost = [each for header, each in outer.items() if header in watched and header not in kept]
            if lost:
                headers = ", ".join(each.args[0] for each in lost)
                yield finding(
                    own[0],
                    f"this {name} replaces every {name} of the outer blocks: {headers} is no longer set here",
                    expected=f"{name} {headers} in this block as well",
                    fix=f"repeat here what {lost[0].file}:{lost[0].line} sets",
                )
