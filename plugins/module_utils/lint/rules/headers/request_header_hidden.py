"""A ``proxy_hide_header`` names a header of requests, which no answer has.

It hides headers of the upstream's answer from the visitor. What shall not reach the upstream is taken out by
``proxy_set_header Authorization ""``.
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
        *("authorization", "proxy-authorization", "cookie", "host", "user-agent", "referer", "accept"),
        *("accept-encoding", "accept-language", "accept-charset", "if-match", "if-none-match", "if-modified-since"),
        *("if-unmodified-since", "if-range", "range", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"),
        *("x-real-ip", "expect", "te", "x-requested-with", "access-control-request-method"),
        *("access-control-request-headers", "upgrade-insecure-requests", "dnt"),
    }
)


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find headers of requests that are to be hidden from visitors."""
    for directive in config.named(*_HIDES):
        header = directive.args[0] if directive.args else ""
        if header.lower() in _OF_REQUESTS:
            setter = directive.name.replace("hide", "set")
            fix = f'{setter} {header} ""' if setter in ("proxy_set_header", "grpc_set_header") else "fastcgi_param"
            yield finding(
                directive,
                f"{directive.name} hides headers of answers, and {header} is one of requests",
                expected="a header that upstreams answer with",
                fix=f"write {fix}" if "param" not in fix else "leave it out of what the upstream is told",
            )
