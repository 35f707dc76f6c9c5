"""What a directive reads: the target as it was sent, or a path that rewrites have made of it."""

from __future__ import annotations

import re
from typing import NamedTuple

from ..config.regexes import compiled
from .cases import unknown, unread
from .letters import bit
from .machines import Machines
from .patterns import NotRegular, captures_rest
from .terms import TooMuch

__all__ = ["PathView", "Read", "found_in", "rewritten"]

_REST = re.compile(r"([^$]*)\$(?:1|\{1\})")


class PathView(NamedTuple):
    """The path at a point of the configuration.

    With a ``text`` it is that text; else it is the target without its first ``skipped`` letters, after ``prefix``.
    ``lost`` says why neither is known.
    """

    text: str | None = None
    skipped: int = 0
    prefix: str = ""
    lost: str = ""

    @property
    def is_original(self) -> bool:
        """Return whether no rewrite has changed the path."""
        return self == PathView()


class Read(NamedTuple):
    """What a condition looks at: ``reads`` of the target after a text ``before`` it, or a text alone."""

    reads: str = ""
    before: str = ""


def found_in(machines: Machines, read: Read, view: PathView, pattern: str, loose: bool) -> int:
    """Return the automaton of whether a pattern is found in what is read."""
    if read.reads == "uri" and view.lost:
        return machines.constant(unknown(f"the path after {view.lost} {'~*' if loose else '~'} {pattern}"))
    try:
        return seen(machines, read, view, machines.matched(read.reads or "uri", pattern, loose))
    except (NotRegular, TooMuch) as error:
        return machines.constant(unread(pattern, loose, error))


def seen(machines: Machines, read: Read, view: PathView, number: int) -> int:
    """Return an automaton over a plain path or text, applied to what is read."""
    if not read.reads:
        return machines.constant(machines.value(machines.after(number, read.before)))
    number = _after(machines, number, read.before)
    if read.reads != "uri" or view.is_original:
        return number
    if view.text is not None:
        return machines.constant(machines.value(_after(machines, number, view.text)))
    return machines.skipped(view.skipped, _after(machines, number, view.prefix))


def _after(machines: Machines, number: int, text: str) -> int:
    for each in text:
        number = machines.step(number, bit(ord(each)) or bit(200))
    return number


def rewritten(view: PathView, pattern: str, target: str) -> PathView:
    """Return what a path is after a rewrite that applies."""
    path = target.partition("?")[0]
    if "$" not in path:
        return PathView(text=path)
    lost = f"rewrite {pattern} {target}"
    if view.text is not None:
        regex = compiled(pattern)
        match = regex.search(view.text) if regex else None
        if match is None or re.search(r"\$(?!\d|\{\d\})", path):
            return PathView(lost=lost)
        return PathView(text=re.sub(r"\$\{?(\d)\}?", lambda found: _group(match, int(found[1])), path))
    prefix = captures_rest(pattern)
    shape = _REST.fullmatch(path)
    if prefix is None or shape is None or view.lost:
        return PathView(lost=lost)
    if view.prefix.startswith(prefix):
        return PathView(skipped=view.skipped, prefix=shape[1] + view.prefix[len(prefix) :])
    if prefix.startswith(view.prefix):
        return PathView(skipped=view.skipped + len(prefix) - len(view.prefix), prefix=shape[1])
    return PathView(lost=lost)


def _group(match: re.Match[str], number: int) -> str:
    return (match[number] or "") if number <= match.re.groups else ""
