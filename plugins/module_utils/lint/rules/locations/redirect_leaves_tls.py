"""A place of a site that speaks TLS redirects to the same host by plain HTTP.

``return 302 http://$host/login`` sends the visitor's next request, with its cookies, in clear; where plain HTTP is
redirected to TLS, he comes back with one request more. A whole server that sends everybody to HTTP is meant so. Where
something in front of nginx speaks TLS, as ``if ($http_x_forwarded_proto = http) { return 301 https://…; }`` says,
``$scheme`` is ``http`` as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ....config.facts import listeners, server_names
from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding

LEVEL = "medium"
NEW = "high"

_PLAIN = re.compile(r"^http://(\$\{?(?:host|http_host|server_name)\b\}?|[^/$]+)(?=/|$|\$)")


_OWN_SCHEME = re.compile(r"^\$\{?scheme\}?://(\$\{?(?:host|http_host|server_name)\b\}?|[^/$]+)(?=/|$|\$)")
_TOLD = re.compile(r"\$\{?http_x_(?:forwarded_(?:proto|scheme)|scheme)\b")


def _is_behind_tls(server: Directive) -> bool:
    """Return whether a server without TLS sends those to TLS who did not come with it."""
    if any(each.tls for each in listeners(server)):
        return False
    conditions = [each for each in server.children("if") if each.args and _TOLD.search(each.args[0])]
    lines = [line for each in conditions for line in each.block or ()]
    return any(_target(line).startswith("https://") for line in lines if line.name in ("return", "rewrite"))


def _is_own(host: str, names: Sequence[str]) -> bool:
    return host.startswith("$") or any(
        host == name or (name[:1] in ".*" and f".{host}".endswith(name.lstrip("*"))) for name in names if name
    )


def _places(server: Directive) -> Iterator[Directive]:
    """Yield the redirects of a server, unless they are for all of it."""
    for block in server.walk():
        is_whole = block is server or (block.name == "location" and block.args == ["/"])
        for directive in [*block.children("return"), *block.children("rewrite")]:
            if not (is_whole and directive.name == "return"):
                yield directive


def _target(directive: Directive) -> str:
    if directive.name == "rewrite":
        return directive.args[1] if len(directive.args) > 1 else ""
    # Another status has a text.
    return directive.args[-1] if len(directive.args) == 1 or directive.args[0].startswith("3") else ""


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find redirects of TLS servers to their own hosts by HTTP."""
    for server in config.servers():
        behind = _is_behind_tls(server)
        if not behind and not all(each.tls for each in listeners(server)):
            continue
        names = server_names(server)
        for directive in _places(server):
            target = _target(directive)
            match = _PLAIN.match(target) or (_OWN_SCHEME.match(target) if behind else None)
            if match and _is_own(match[1], names):
                yield finding(
                    directive,
                    f"the redirect to {target} leaves TLS",
                    expected=f"https://{target.partition('://')[2]}",
                    fix="write https" if behind else "write https, or $scheme",
                )
