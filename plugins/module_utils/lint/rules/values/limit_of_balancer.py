"""Requests are limited by the address that connects, and that is a proxy's: all visitors share one limit.

A server without TLS that sends ``Strict-Transport-Security``, or asks ``X-Forwarded-Proto`` whether a visitor came by
TLS, stands behind something that speaks TLS. ``$binary_remote_addr`` is the address of that, as long as no
``set_real_ip_from`` says whom to believe, so a limit for one visitor is one for all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.facts import listeners
from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...variables import made_of

LEVEL = "medium"
NEW = "high"

_ZONES = ("limit_req_zone", "limit_conn_zone")
_CONNECTS = frozenset({"binary_remote_addr", "remote_addr"})
# By what a visitor is known who comes through a proxy.
_KNOWN_BY = re.compile(r"http_|cookie_|arg_|jwt_|proxy_protocol|request_id|ssl_client")
_ASKED = re.compile(r"\$\{?http_x_(?:forwarded_(?:proto(?:col)?|ssl|scheme)|scheme|url_scheme)\b")
_HSTS = "strict-transport-security"


def _is_behind_tls(server: Directive) -> bool:
    """Return whether what a server says makes sense behind something that speaks TLS only."""
    for each in server.walk():
        if each.name == "add_header" and each.args[:1] and each.args[0].lower() == _HSTS:
            return True
        if each.name == "if" and any(_ASKED.search(word) for word in each.args):
            return True
    return False


def _shares(server: Directive, zones: dict[str, Directive]) -> Iterator[Directive]:
    """Yield the zones that a server limits by."""
    for each in server.walk():
        if each.name in ("limit_req", "limit_conn"):
            named = [word.removeprefix("zone=") for word in each.args if each.name == "limit_conn" or "zone=" in word]
            yield from (zones[name] for name in named if name in zones)


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find zones by the address that connects, of servers behind a proxy."""
    if any(config.named("set_real_ip_from", "real_ip_header")):
        return
    zones: dict[str, Directive] = {}
    for zone in config.named(*_ZONES):
        key = made_of(config, zone.args[0]) if zone.args else frozenset()
        if key & _CONNECTS and not any(_KNOWN_BY.match(name) for name in key):
            name = next((word for word in zone.args if word.startswith("zone=")), "")
            zones[name.removeprefix("zone=").partition(":")[0]] = zone
    if not zones or any(each.tls for server in config.servers() for each in listeners(server)):
        return
    shared = {
        id(zone): zone for server in config.servers() if _is_behind_tls(server) for zone in _shares(server, zones)
    }
    for zone in shared.values():
        yield finding(
            zone,
            f"all visitors share this limit: {zone.args[0]} is the address of what speaks TLS in front of this nginx",
            expected="set_real_ip_from and real_ip_header, or a key that names the visitor",
            fix="add set_real_ip_from ADDRESS_OF_THE_PROXY and real_ip_header X-Forwarded-For",
        )
