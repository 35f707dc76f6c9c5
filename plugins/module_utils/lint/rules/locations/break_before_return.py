"""A ``rewrite`` with ``break`` stands before a ``return``, so requests that it fits are not returned.

``break`` ends what ``rewrite``, ``return``, ``if`` and ``set`` do in a request: it is answered by the location itself,
with a file where there is no upstream. A ``return`` sends the path that is written in it: ``$request_uri`` is never
rewritten.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...scopes import blocks

LEVEL = "medium"
NEW = "high"

# Where one of these stands as well, it answers what the rewrite is for.
_ANSWERS = (
    *("proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass", "memcached_pass", "root", "alias"),
    *("try_files", "index", "content_by_lua_block", "content_by_lua_file", "js_content", "location", "autoindex"),
)


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find rewrites that keep requests from the return of a block that does nothing else."""
    for scope, block in blocks(config, "location"):
        if any(name in scope.own for name in _ANSWERS):
            continue
        inside = [each for each in block.block or [] if each.name in ("rewrite", "return")]
        last = next((number for number, each in enumerate(inside) if each.name == "return"), 0)
        for directive in inside[:last]:
            if directive.args[-1] == "break":
                yield finding(
                    directive,
                    f"what {directive.text} fits does not come to {inside[last].text}",
                    expected="a return that every request of the block comes to",
                    fix="return what the rewrite captures, in a location of its own",
                )
