"""Whether an edit takes requests from a line that nobody edited: a wide regex before a narrow prefix, a new order."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import chain, islice

from ..config.match import Trace, choose_location
from ..config.parse import Directive
from ..config.regexes import compiled
from .changes import DirectiveChange
from .units import normal

__all__ = ["Shadow", "shadowed", "took_already"]

# Groups in groups in groups.
_DEEPEST = 5
_DECIDE = ("location", "rewrite", "return")
# A dot is seldom escaped, and mostly means a dot.
_RUN = re.compile(r"[\w/.-]+")
_GROUP = re.compile(r"\((?:[^()\\]|\\.)*\)[?*+]?|\[[^\]]*\][?*+]?|\\[wdsWDSbB][?*+]?|[.][?*+]")
_ENDING = re.compile(r"\0[.-][\w.]*\$?$")
_WORD = re.compile(r"\w{2,}")
_SIGN = re.compile(r"[^\w/]")
_MOST_WORDS = 200
Shadow = tuple[Directive, Directive]


def shadowed(before: Trace, after: Trace, changes: Sequence[DirectiveChange], path: str = "") -> Shadow | None:
    """Return the line that decided and was left alone, and the edited one that decides in its place; None for neither.

    An edit that names the path more closely than the line that decided before is what it set out to do; so is a word
    or a name more in a pattern that took such paths from that line before.
    """
    old, new = _decider(before), _decider(after)
    if old is None or new is None or _alike(old, new):
        return None
    modified = {
        id(each.new)
        for each in changes
        if each.old and each.new and each.new.name == "location" and each.old.args[-1:] == each.new.args[-1:]
    }
    edited = {id(part) for change in changes for part in (change.new,) if part is not None}
    gone = {id(change.old) for change in changes if change.old is not None}
    if id(old) in gone or not _is_within(new, edited, after):
        return None
    known = _literal(old)
    # With another modifier a location takes what its path never named.
    if known <= 1 or (_literal(new) >= known and id(new) not in modified):
        return None
    return None if path and took_already(before, after, changes, path) else (old, new)


def took_already(before: Trace, after: Trace, changes: Sequence[DirectiveChange], path: str) -> bool:
    """Return whether the pattern that decides now, with a word more, took such paths from the other line before."""
    old, new = (next((met for met in reversed(way.met) if met.name == "location"), None) for way in (before, after))
    return old is not None and new is not None and _took_already(before, changes, (old, new), path)


def _took_already(before: Trace, changes: Sequence[DirectiveChange], pair: Shadow, path: str) -> bool:
    """Return whether the line took paths from the other one in the live release too, with words that were in it
    before.
    """
    line, taken = next((each.old for each in changes if each.new is pair[1] and each.old), None), pair[0]
    if line is None or line.name != "location" or taken.name != "location" or not before.met:
        return False
    server = before.met[0]
    words, known = (set(_WORD.findall(each.args[-1])) for each in (pair[1], line))
    alike = (path.replace(came, word) for came in words - known if came in path for word in sorted(known))
    fits = _of(taken)
    return any(
        choose_location(server, one) is line and fits(one) for one in islice(chain(_shorter(path), alike), _MOST_WORDS)
    )


def _shorter(path: str) -> Iterator[str]:
    """Yield a path without one of its names, or one of its signs: a pattern that takes more of them in a row, or any,
    took it with fewer.
    """
    names = path.split("/")
    for at in range(1, len(names) - 1):
        yield "/".join([*names[:at], *names[at + 1 :]])
    for sign in _SIGN.finditer(path):
        yield path[: sign.start()] + path[sign.end() :]


def _of(location: Directive) -> Callable[[str], bool]:
    """Return what tells whether a location fits a path by itself."""
    pattern = location.args[-1]
    if location.args[0].startswith("~"):
        found = compiled(pattern, location.args[0] == "~*")
        return lambda path: bool(found and found.search(path))
    return lambda path: path.startswith(pattern)


def _decider(way: Trace) -> Directive | None:
    """The last location or final rewrite that a request met."""
    found = [met for met in way.met if met.name in _DECIDE and met.args]
    inside = [met for met in found if met.name != "return" or way.met.index(met) == 1]
    return inside[-1] if inside else None


def _alike(one: Directive, other: Directive) -> bool:
    return one.name == other.name and normal(one.name, one.args) == normal(other.name, other.args)


def _is_within(line: Directive, edited: Collection[int], way: Trace) -> bool:
    return id(line) in edited or any(id(met) in edited for met in way.met if met.name == "location")


def _literal(line: Directive) -> int:
    """How closely a line names a path: the letters that it holds as they are; far more for an exact one."""
    if line.name == "return":
        return 0
    if line.name == "location" and line.args[0] == "=":
        return 10_000
    pattern = line.args[-1] if line.name == "location" else line.args[0]
    is_regex = line.name == "rewrite" or line.args[0].startswith("~")
    if not is_regex:
        return len(pattern)
    # An escaped letter of no meaning is itself: a dot, a dash.
    plain = re.sub(r"\\([^\w\s])", "-", pattern)
    for _ in range(_DEEPEST):
        plain = _GROUP.sub("\0", plain)
    runs = [len(run) for run in _RUN.findall(plain.strip("^$"))]
    # From the beginning of the path on, all of its words count, but for an ending.
    if plain.startswith("^/") and plain.count("\0/") and "|" not in plain:
        return sum(runs) - (runs[-1] if _ENDING.search(plain) else 0)
    return max(runs, default=0)
