"""How many arguments a directive has: checked once, so that what reads a configuration may rely on it.

The numbers are nginx's own, from crossplane's table. Too few are a fault, and so are too many of what opens a block;
whatever else nginx refuses, `nginx -t` says.
"""

from __future__ import annotations

import functools

from ..packages import analyzer
from ..textfmt import count

__all__ = ["Context", "fault", "within"]

Context = tuple[str, ...]
"""The names of the blocks around a directive, as crossplane's table has them."""

_MOST_COUNTED = 8
# Names that modules of others use as well, with other arguments.
_AMBIGUOUS = frozenset({"sticky", "status", "state", "match", "api", "perl"})
# What stands in these blocks is rows, and no directives: the least and the most arguments of one.
_ROWS = {"map": (1, 1), "geo": (1, 1), "split_clients": (1, 1), "charset_map": (1, 1), "types": (1, None)}
_ROWS_WITHOUT_ARGUMENT = frozenset({"hostnames", "volatile", "ranges", "proxy_recursive"})


def within(context: Context, name: str) -> Context:
    """Return the context of what stands in a block called ``name``."""
    if context and context[0] == "http" and name == "location":
        return ("http", "location")
    return (*context, name)


def fault(name: str, arguments: int, *, block: bool, context: Context) -> str:
    """Return what is wrong with a directive of so many arguments; empty where nothing is."""
    if context and context[-1] in _ROWS and name != "include":
        return _fault_of_row(name, arguments, context[-1])
    if name in _AMBIGUOUS:
        return ""
    known = _known(name, context)
    if known is None:
        return ""
    least, most, blocks = known
    too_many = most is not None and arguments > most and (blocks or name == "include")
    if arguments < least or too_many:
        return f"{name} has {count(arguments, 'argument')}, and nginx expects {_words(least, most)}"
    return f'directive "{name}" has no opening "{{"' if blocks and not block else ""


def _fault_of_row(name: str, arguments: int, table: str) -> str:
    least, most = _ROWS[table]
    if arguments == 0 and name in _ROWS_WITHOUT_ARGUMENT:
        return ""
    if arguments < least or (most is not None and arguments > most):
        expected = "one value" if most else "one or more values"
        return f"the row {name} of {table} has {count(arguments, 'value')}, and nginx expects {expected}"
    return ""


@functools.cache
def _known(name: str, context: Context) -> tuple[int, int | None, bool] | None:
    """Return the least and the most arguments, and whether a block must follow; None for what is not in the table."""
    masks = analyzer.DIRECTIVES.get(name)
    if not masks:
        return None
    here = analyzer.CONTEXTS.get(context)
    masks = [mask for mask in masks if here and mask & here] or masks
    blocks = all(mask & analyzer.NGX_CONF_BLOCK for mask in masks)
    most = [_most(mask) for mask in masks]
    highest = None if None in most else max(each or 0 for each in most)
    return min(map(_least, masks)), highest, blocks


def _exactly(mask: int) -> list[int]:
    return [number for number in range(_MOST_COUNTED) if mask & analyzer.NGX_CONF_NOARGS << number]


def _least(mask: int) -> int:
    if mask & analyzer.NGX_CONF_ANY:
        return 0
    open_ended = [1] * bool(mask & analyzer.NGX_CONF_1MORE) + [2] * bool(mask & analyzer.NGX_CONF_2MORE)
    return min([*_exactly(mask), *open_ended, *([1] if mask & analyzer.NGX_CONF_FLAG else [])], default=0)


def _most(mask: int) -> int | None:
    if mask & (analyzer.NGX_CONF_ANY | analyzer.NGX_CONF_1MORE | analyzer.NGX_CONF_2MORE):
        return None
    return max([*_exactly(mask), *([1] if mask & analyzer.NGX_CONF_FLAG else [])], default=0)


def _words(least: int, most: int | None) -> str:
    if most is None:
        return f"{least} or more"
    if least == most:
        return str(least)
    return f"{least} or {most}" if most == least + 1 else f"{least} to {most}"
