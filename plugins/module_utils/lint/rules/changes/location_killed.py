r"""A ``location`` that requests reached in the live release is there as before, and no request reaches it any more.

A new ``location ~ ^/(img|css)/`` takes all of ``location /img/``, which nobody edited: its files, headers and limits
count no more. One that does the same as the other is no loss.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...findings import finding
from ...reach import unreached
from ...scopes import altered

LEVEL = "high"


def _content(location: Directive | None) -> list[str]:
    return sorted(each.text for each in location.walk()) if location is not None else []


def compare(config: Config, live: Config) -> Iterator[Finding]:
    """Find locations that stand in a server of both releases, were reached in live, and are dead now."""
    for before, now in altered(config, live):
        if before.block is None or now.block is None or now.kind != "server":
            continue
        dead = unreached(now.block)
        if not dead:
            continue
        had = {each.text for each in before.block.children("location")}
        gone = {each.location.text for each in unreached(before.block)}
        for each in dead:
            if each.location.text in had - gone and _content(each.taker)[:-1] != _content(each.location)[:-1]:
                taker = f"{each.taker.text} takes" if each.taker else "the expressions take"
                yield finding(
                    each.taker or each.location,
                    f"{each.location.text} is never reached any more: {taker} all that it is for",
                    expected=f"requests for {each.location.text} reach it, as in the live release",
                    fix=f"write ^~ before its prefix, make the expression narrower, or remove {each.location.text}",
                )
