"""The target of a ``*_pass`` is one typing error away from the name of an upstream.

nginx takes ``bakcend`` beside ``upstream backend`` for a host and asks the name server for it: when it starts or,
with a variable, at each request.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....closest_match import typo_of
from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding

LEVEL = "high"

_PASSES = ("proxy_pass", "grpc_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "memcached_pass", "set")
_HOST = re.compile(r"^(?:https?://|grpcs?://)?([A-Za-z][\w.-]*)(?=$|/)")


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find targets that nearly have the name of an upstream; rows of maps as well."""
    upstreams = frozenset(each.args[0] for each in config.named("upstream") if each.args and each.block is not None)
    rows = [row for block in config.named("map", "split_clients", "geo") for row in block.block or []]
    for directive in [*config.named(*_PASSES), *rows]:
        match = _HOST.match(directive.args[-1] if directive.args else "")
        right = typo_of(match[1], upstreams) if match and match[1] not in upstreams else ""
        if match and right:
            yield finding(
                directive,
                f"upstream {match[1]} does not exist; did you mean {right}?",
                expected=f"one of {', '.join(sorted(upstreams))}, or a host with a name of its own",
                fix=f"write {right}",
            )
