"""A header is set to the bare name of a header or variable: a ``$`` is missing.

``proxy_set_header X-Real-IP remote_addr`` tells the application that each visitor is "remote_addr", and
``proxy_set_header X-Forwarded-For CF-Connecting-IP`` that each one is "CF-Connecting-IP".
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...known_names import HEADERS

LEVEL = "high"

# What is a value as well as a name: ``Connection Upgrade``, ``Vary Origin``.
_TAKE_NAMES = {"connection", "vary", "te", "trailer", "upgrade", "access-control-request-headers", "cache-control"}
_HEADERS = {header.lower(): header for header in HEADERS}
_VARIABLES = frozenset(
    {
        *("host", "http_host", "server_name", "remote_addr", "remote_port", "remote_user", "realip_remote_addr"),
        *("scheme", "https", "proxy_add_x_forwarded_for", "proxy_host", "request_uri", "uri", "document_uri", "args"),
        *("query_string", "server_addr", "server_port", "request_id", "http_upgrade", "http_cookie", "http_referer"),
        *("http_user_agent", "connection_upgrade", "ssl_client_s_dn", "ssl_client_verify", "request_method"),
    }
)


def _meant(value: str) -> str:
    """Return the variable that was meant by a value; "" where it may be meant as it is."""
    if value in _VARIABLES or value.startswith(("http_x_", "ssl_client_")):
        return "" if value == "https" else f"${value}"
    return f"$http_{value.lower().replace('-', '_')}" if value.lower() in _HEADERS and "-" in value else ""


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find headers for upstreams whose value is the name of a header or a variable."""
    for directive in config.named("proxy_set_header", "grpc_set_header"):
        if len(directive.args) < 2 or directive.args[0].lower() in _TAKE_NAMES:
            continue
        meant = _meant(directive.args[1])
        if meant:
            yield finding(
                directive,
                f"{directive.args[0]} is the text {directive.args[1]} in every request; did you mean {meant}?",
                expected=f"{directive.name} {directive.args[0]} {meant}",
                fix=f"write {meant}",
            )
