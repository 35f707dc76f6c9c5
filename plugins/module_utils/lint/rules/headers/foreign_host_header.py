"""Requests go on to a service of others, but with the visitor's ``Host``, which that service does not know.

A content network, a bucket or a hosted application chooses by ``Host`` whose content it serves, and answers 404 or 403
to one that is not its own. Without ``proxy_ssl_server_name on`` it does not even learn the name when TLS begins. Names
of the site's own domain pass, unless they say that they belong to such a service, as ``cdn.shop.example``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.facts import server_names
from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import LintContext
from ...domains import is_public, owner, owner_of_server_name
from ...findings import finding
from ...scopes import BlockScope, blocks

LEVEL = "medium"
NEW = "high"

_TARGET = re.compile(r"(https?)://([^/$:]+)(?::\d+)?(?:/.*)?")
_VISITORS = ("$host", "$http_host", "$host:$server_port", "$server_name")
_OF_SERVICES = frozenset({"cdn", "s3", "storage", "bucket", "blob", "cloudfront", "fastly", "akamai"})


def _host_sent(scope: BlockScope) -> str:
    """Return what is sent as ``Host``; "" for nginx's own choice, the name in ``proxy_pass``."""
    headers = [each.args[1] for each in scope.effective("proxy_set_header") if each.args[0].lower() == "host"]
    return headers[-1] if headers else ""


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find proxies to public names that get the ``Host`` of this site."""
    names = {name for server in config.servers() for name in server_names(server)}
    owners = {owner_of_server_name(name) for name in names}
    upstreams = {each.args[0].lower() for each in config.named("upstream") if each.args}
    for scope, block in blocks(config, "location", "if"):
        for directive in block.children("proxy_pass"):
            match = _TARGET.fullmatch(directive.args[0] if directive.args else "")
            if match is None or _host_sent(scope) not in _VISITORS:
                continue
            scheme, host = match[1], match[2].lower()
            if host in upstreams or host in names or not is_public(host):
                continue
            of_service = not _OF_SERVICES.isdisjoint(re.split(r"[^a-z0-9]", host))
            if owner(host) not in owners or of_service:
                silent = scheme == "https" and scope.value("proxy_ssl_server_name", "off") != "on"
                yield finding(
                    directive,
                    f"{host} gets {_host_sent(scope)} as Host, a name that is not its own"
                    + (", and no name at all when TLS begins" if silent else ""),
                    expected=f"proxy_set_header Host {host}" + ("; proxy_ssl_server_name on" if silent else ""),
                    fix="set the Host that the other end serves",
                )
