"""The regular expressions that a directive is written with."""

from __future__ import annotations

from collections.abc import Iterator

from ..config.parse import Directive
from .scopes import location_kind

__all__ = ["expressions"]


def expressions(directive: Directive) -> Iterator[tuple[Directive, str]]:
    """Yield the expressions of a location, rewrite, condition or map, each with its line: in a map that is the row."""
    args = directive.args
    if directive.name == "location" and location_kind(directive)[0].startswith("~"):
        yield directive, location_kind(directive)[1]
    elif directive.name == "rewrite" and args:
        yield directive, args[0]
    elif directive.name == "if" and len(args) == 3 and "~" in args[1]:
        yield directive, args[2]
    elif directive.name == "map":
        rows = (row for row in directive.block or () if row.name.startswith("~"))
        yield from ((row, row.name.removeprefix("~").removeprefix("*")) for row in rows)
