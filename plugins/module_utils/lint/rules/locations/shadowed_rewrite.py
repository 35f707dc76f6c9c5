"""A rewrite is never reached, because an earlier one ends the way of every request that it is for.

``rewrite ^/about https://shop.example/ permanent`` without a ``$`` takes ``/about/team`` as well, and the rewrite for
``/about/team`` below it is dead. nginx tries rewrites in the order of the file, not the longest first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ....config.parse import Config, Directive
from ....config.regexes import Regex, compiled
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...scopes import blocks
from ...varied import varied

LEVEL = "medium"
NEW = "high"

# Each expression is tried on what those below it are for: as often in one block, then nothing more is said.
_MOST_TRIES = 500_000
_REDIRECTS = ("http://", "https://", "$scheme")


def _ends(rewrite: Directive) -> bool:
    """Return whether no other rewrite of the block is tried after this one has matched."""
    return len(rewrite.args) > 2 or rewrite.args[1].startswith(_REDIRECTS)


def _first_that_takes(paths: Sequence[str], earlier: list[tuple[Directive, Regex]]) -> Directive | None:
    return next((each for each, regex in earlier if all(regex.search(path) for path in paths)), None)


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find rewrites for nothing but what matches an earlier one that leads elsewhere."""
    for _, block in blocks(config, "server", "location"):
        earlier: list[tuple[Directive, Regex]] = []
        tries = 0
        for rewrite in block.children("rewrite"):
            if len(rewrite.args) < 2:
                continue
            paths = varied(rewrite.args[0])
            tries += len(earlier) * len(paths)
            if tries > _MOST_TRIES:
                break
            taken = _first_that_takes(paths, earlier) if paths else None
            if taken is not None and taken.args[1:] != rewrite.args[1:]:
                yield finding(
                    rewrite,
                    f"this rewrite is never reached: {taken.args[0]} before it takes all that it is for",
                    expected=f"the narrower rewrite first; the earlier is {taken.file}:{taken.line}",
                    fix="move it before the other, or end the other's expression with $",
                )
            regex = compiled(rewrite.args[0])
            if regex is not None and _ends(rewrite):
                earlier.append((rewrite, regex))
