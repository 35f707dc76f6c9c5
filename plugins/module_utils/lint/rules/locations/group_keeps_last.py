r"""A target uses a group that is repeated as a whole, and such a group keeps what it matched last.

Of ``location ~ ^/u/([a-z0-9])*$`` the group ``$1`` is the last letter of the name. The sign of a repetition stands
within the parentheses, as in ``([a-z0-9]*)``, or they are around what is repeated: ``((?:[a-z]+/)*)``.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...groups import numbers, repeated
from ...scopes import location_kind

LEVEL = "medium"
NEW = "high"

_SIGNS = ("~", "~*")


def _uses(config: Config) -> Iterator[tuple[Directive, str, str]]:
    """Yield lines with an expression, and what uses its groups."""
    for directive in config.named("location", "if", "rewrite", "map"):
        args = directive.args
        if directive.name == "location" and location_kind(directive)[0] in _SIGNS:
            yield directive, location_kind(directive)[1], _own(directive)
        elif directive.name == "if" and len(args) == 3 and args[1] in _SIGNS:
            yield directive, args[2], _own(directive)
        elif directive.name == "rewrite" and len(args) > 1:
            yield directive, args[0], args[1]
        elif directive.name == "map":
            rows = [row for row in directive.block or () if row.name.startswith("~")]
            yield from ((row, row.name.removeprefix("~").removeprefix("*"), " ".join(row.args)) for row in rows)


def _own(block: Directive) -> str:
    """Return what is written in a block, up to the first line whose groups are others; blocks within may have theirs.

    The expression of a ``rewrite`` sets the groups anew.
    """
    words: list[str] = []
    for line in block.block or ():
        if line.name == "rewrite":
            break
        if line.block is None:
            words += line.args
    return " ".join(words)


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find groups that are used and keep only the last of their repetitions."""
    for directive, pattern, used in _uses(config):
        wanted = sorted(set(numbers(used)) & repeated(pattern)) if "$" in used else []
        if wanted:
            yield finding(
                directive,
                f"${wanted[0]} is only the last repetition of its group in {pattern}",
                expected="the sign of the repetition within the parentheses, as in ([a-z]*)",
                fix=f"move the sign into the parentheses, or put others around the whole for ${wanted[0]}",
            )
