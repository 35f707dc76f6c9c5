r"""No request reaches a ``location``: expressions before it take all that it is for.

nginx tries expressions before it takes a prefix, so ``location /img/`` is dead beside ``location ~
^/(img|css)/``, and so is ``~ \.php$`` after ``~ \.(php|html)$``. What stands in it does nothing, whoever edits it. That
is worked out for all paths, not tried with some.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...reach import Unreached, unreached
from ...scopes import blocks, location_kind

LEVEL = "low"


def _is_said(dead: Unreached) -> bool:
    """Return whether ``shadowed_regex`` says it: the same expression a second time."""
    taker: Directive | None = dead.taker
    return taker is not None and location_kind(taker)[1] == location_kind(dead.location)[1]


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find locations that nothing is left for."""
    for _, server in blocks(config, "server"):
        for dead in unreached(server):
            if not _is_said(dead):
                taker = f"{dead.taker.text} takes" if dead.taker else "the expressions take"
                yield finding(
                    dead.location,
                    f"{dead.location.text} is never reached: {taker} all that it is for",
                    expected="a location that some request reaches",
                    fix="remove it, write ^~ before its prefix, or make the expression narrower",
                )
