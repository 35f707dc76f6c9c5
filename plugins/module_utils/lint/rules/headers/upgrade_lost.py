"""An upstream is to be asked for an upgrade, as WebSocket needs one, and something that belongs to it is missing.

``proxy_set_header Upgrade $http_upgrade`` works with HTTP/1.1 (``proxy_http_version 1.1``; nginx asks with 1.0 unless
told otherwise, up to 1.29.6) and with ``Connection: upgrade``. Without either the connection stays plain HTTP, and
browsers try again and again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...scopes import BlockScope, scopes

LEVEL = "medium"
NEW = "high"

_CLIENT = "$http_upgrade"
# From this version on nginx asks with HTTP/1.1 by itself.
_SINCE = (1, 29, 7)
_READ = re.compile(r"^\$\{?(\w+)\}?$")


def _header(scope: BlockScope, name: str) -> Directive | None:
    found = [each for each in scope.effective("proxy_set_header") if len(each.args) > 1]
    return next((each for each in found if each.args[0].lower() == name), None)


def _never_upgrades(value: str, maps: dict[str, Directive]) -> bool:
    """Return whether a value of ``Connection`` is no upgrade, whatever a client asks for."""
    name = _READ.match(value)
    if name is None:
        return "$" not in value and "upgrade" not in value.lower()
    block = maps.get(name[1])
    if block is None or block.args[0] != _CLIENT:
        return False
    # A row without text is for clients that ask for nothing.
    rows = [each.args[0] for each in block.block or [] if each.args and each.name]
    return not any("upgrade" in each.lower() or "$" in each for each in rows)


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find locations that hand on what a client wants to upgrade to, and not that it wants to."""
    maps = {each.args[1].lstrip("$"): each for each in config.named("map") if len(each.args) > 1}
    for scope in scopes(config):
        passes = scope.own.get("proxy_pass", ())
        upgrade = _header(scope, "upgrade") if passes else None
        if upgrade is None or _CLIENT not in upgrade.args[1]:
            continue
        version = next(iter(scope.effective("proxy_http_version")), None)
        if version.args[:1] == ["1.0"] if version else context.version < _SINCE:
            yield finding(
                version or passes[0],
                "the upstream is asked with HTTP/1.0, which knows no upgrade",
                expected="proxy_http_version 1.1, beside proxy_set_header Upgrade",
                fix="write proxy_http_version 1.1 in this block",
            )
        connection = _header(scope, "connection")
        if connection is None or _never_upgrades(connection.args[1], maps):
            yield finding(
                connection or upgrade,
                "the upstream is told what to upgrade to, and not to upgrade",
                expected="proxy_set_header Connection upgrade, or a variable that is upgrade where clients ask for it",
                fix="write proxy_set_header Connection $connection_upgrade, with map $http_upgrade $connection_upgrade "
                '{ default upgrade; "" close; } beside the servers',
            )
