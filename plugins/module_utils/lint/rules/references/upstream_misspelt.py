"""An upstream used and never named: the target of a ``*_pass`` is one slip away from an upstream's name.

nginx takes it for a host then, and asks the name server for it, at the start or, with a variable, at each request.
"""

from __future__ import annotations

import re

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import Context
from ...near import meant

LEVEL = "high"

_PASSES = ("proxy_pass", "grpc_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "memcached_pass", "set")
_HOST = re.compile(r"^(?:https?://|grpcs?://)?([A-Za-z][\w.-]*)(?=$|/)")


def run(config: Config, context: Context) -> list[Finding]:
    """Find targets that nearly have the name of an upstream; rows of maps as well."""
    upstreams = frozenset(each.args[0] for each in config.named("upstream") if each.args and each.block is not None)
    rows = [row for block in config.named("map", "split_clients", "geo") for row in block.block or []]
    findings = []
    for directive in [*config.named(*_PASSES), *rows]:
        match = _HOST.match(directive.args[-1] if directive.args else "")
        right = meant(match[1], upstreams) if match and match[1] not in upstreams else ""
        if match and right:
            findings.append(
                Finding(
                    f"no upstream is called {match[1]}; did you mean {right}?",
                    file=directive.file,
                    line=directive.line,
                    expected=f"one of {', '.join(sorted(upstreams))}, or a host with a name of its own",
                    seen=" ".join([directive.name, *directive.args]),
                    mend=f"write {right}",
                )
            )
    return findings
