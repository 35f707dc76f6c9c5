"""A line about answers names a header that only requests have: ``add_header X-Forwarded-Proto``, or a hidden one.

``add_header`` tells the visitor, and ``proxy_hide_header`` hides what the upstream answers from him. What the upstream
is told, or shall not be told, is ``proxy_set_header X-Forwarded-Proto $scheme`` and ``proxy_set_header Authorization
""``.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding

LEVEL = "medium"
NEW = "high"

_HIDES = ("proxy_hide_header", "fastcgi_hide_header", "uwsgi_hide_header", "scgi_hide_header", "grpc_hide_header")
_OF_REQUESTS = frozenset(
    {
        *("authorization", "proxy-authorization", "cookie", "host", "user-agent", "referer", "accept-charset"),
        *("if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range", "range", "expect"),
        *("x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port", "x-real-ip", "te"),
        *("access-control-request-method", "access-control-request-headers", "upgrade-insecure-requests"),
    }
)


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find headers of requests that are added to answers, or hidden in them."""
    for directive in config.named("add_header", *_HIDES):
        header = directive.args[0] if directive.args else ""
        if header.lower() not in _OF_REQUESTS:
            continue
        added = directive.args[1] if directive.name == "add_header" and len(directive.args) > 1 else '""'
        yield finding(
            directive,
            f"{directive.name} is about answers, and {header} is a header of requests",
            expected="a header that answers have",
            fix=f"write proxy_set_header {header} {added} for the upstream, or remove the line",
        )
