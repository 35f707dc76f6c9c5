"""A ``proxy_pass`` asks port 443 without TLS, or port 80 with it, and gets an error for every request.

Where it names an ``upstream``, all of its servers have that port; without one it is 80, also for ``https://``. It is
the same for ``grpc_pass`` with ``grpc://`` and ``grpcs://``. What listens on the same machine, and services of a
cluster, whose ports say little, pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.parse import Config, Directive
from ....untrusted import whole_number
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding

LEVEL = "medium"
NEW = "high"

_TARGET = re.compile(
    r"(?:(?P<scheme>https?|grpcs?)://)?(?P<host>\[[^]]+\]|[^/:\[\]$]+)(?::(?P<port>\d+))?"
    r"(?:[/?].*|\$request_uri)?",
    re.I,
)
_PLAIN, _TLS = 80, 443
# Proxies beside nginx take plain requests at any port.
_LOCAL = re.compile(r"(?:127\.[\d.]+|localhost|\[::1\]|unix)(?::.*)?$|.*\.svc(?:\.[\w.-]+)?(?::.*)?$", re.I)
_OTHER_SCHEME = {"http": "https", "https": "http", "grpc": "grpcs", "grpcs": "grpc"}


def _port_of_all(upstream: Directive) -> int | None:
    """Return the port that all servers of an upstream have; None where they differ, or one has none that is known."""
    ports: set[int | None] = set()
    for server in upstream.children("server"):
        address = server.args[0] if server.args else ""
        if not address or _LOCAL.match(address) or any(word.startswith("service=") for word in server.args):
            return None
        port = re.search(r":(\d+)$", address)
        ports.add(whole_number(port[1]) if port else _PLAIN)
    return ports.pop() if len(ports) == 1 else None


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find targets whose scheme is not that of their port."""
    upstreams = {each.args[0].lower(): each for each in config.http() if each.name == "upstream" and each.args}
    for line in config.named("proxy_pass", "grpc_pass"):
        match = _TARGET.fullmatch(line.args[0]) if line.args else None
        scheme = match["scheme"] or ("grpc" if line.name == "grpc_pass" else "") if match else ""
        if match is None or not scheme or _LOCAL.match(match["host"]):
            continue
        scheme, upstream = scheme.lower(), upstreams.get(match["host"].lower())
        port = whole_number(match["port"]) if match["port"] else upstream and _port_of_all(upstream)
        if port == (_PLAIN if scheme.endswith("s") else _TLS):
            yield finding(
                line,
                f"port {port} of {match['host']} is asked {'with' if scheme.endswith('s') else 'without'} TLS",
                expected=f"{_OTHER_SCHEME[scheme]}:// for port {port}",
                fix=f"write {_OTHER_SCHEME[scheme]}://, or the other port",
            )
