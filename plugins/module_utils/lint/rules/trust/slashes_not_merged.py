"""With ``merge_slashes off`` a second slash leads around the places that refuse: ``//admin/`` is not ``/admin/``.

A location by a prefix no longer takes a path with two slashes, and a program behind ``location /`` mostly reads it as
the one that was refused. Whoever needs the slashes in some paths refuses by an expression, as ``location ~ ^/+admin``.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...scopes import blocks, location_kind

LEVEL = "medium"
NEW = "high"

_REFUSED = (["401"], ["403"], ["404"])
_ASKS = ("auth_basic", "auth_request", "auth_jwt")


def _refuses(location: Directive) -> bool:
    if any(each.args == ["all"] for each in location.children("deny")):
        return True
    asks = [each for name in _ASKS for each in location.children(name)]
    return any(each.args[:1] in _REFUSED for each in location.children("return")) or any(
        each.args[:1] not in ([], ["off"]) for each in asks
    )


def _is_passed_by(server: Directive) -> Directive | None:
    """Return a prefix that refuses, where a program answers for all other paths."""
    locations = server.children("location")
    whole = next((each for each in locations if location_kind(each) == ("", "/")), None)
    if whole is None or _refuses(whole):
        return None
    within = [each.name for each in whole.block or []]
    if not any(name.endswith("_pass") or name == "try_files" for name in within):
        return None
    prefixes = [each for each in locations if location_kind(each)[0] in ("", "^~") and each is not whole]
    return next((each for each in prefixes if _refuses(each)), None)


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find servers that keep slashes as they are, and refuse by prefixes."""
    for scope, server in blocks(config, "server"):
        off = next((each for each in scope.effective("merge_slashes") if each.args == ["off"]), None)
        refusal = _is_passed_by(server) if off is not None else None
        if off is not None and refusal is not None:
            path = location_kind(refusal)[1]
            yield finding(
                off,
                f"/{path} leads around {refusal.text}, which refuses",
                expected="merge_slashes on, or refusals by expressions as ^/+",
                fix="remove it, or write the refusals as location ~ ^/+",
            )
