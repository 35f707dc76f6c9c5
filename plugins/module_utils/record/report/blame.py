"""Whose line it is: each set of changes that makes gates fail, laid out for the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ...words import count
from .moments import lasting
from .room import cut

__all__ = ["Guilty", "Part", "read_blame"]

_MOST_SETS, _MOST_PARTS, _MOST_LINES = 10, 20, 40
_LONG = 160


class Part(NamedTuple):
    """A part of the change; ``made`` is the file that it came from, and the variable."""

    place: str
    made: str
    old: list[str]
    new: list[str]


class Guilty(NamedTuple):
    """What fails, the parts that are guilty of it together, and ``words`` on how sure that is."""

    fails: str
    parts: list[Part]
    words: str


def read_blame(blame: Any) -> list[Guilty]:
    """Read the ``blame`` of a release; nothing where nobody has looked, or nothing came of it."""
    if not isinstance(blame, dict) or not (blame.get("parts") or blame.get("note")):
        return []
    parts = [_part(part) for part in blame.get("parts") or []]
    tried = f"{count(int(blame.get('tried') or 0), 'trial')} in {lasting(blame.get('seconds'))}"
    note = str(blame.get("note") or "")
    if not blame.get("sets"):
        whole = "" if blame.get("whole") else "the search did not come to its end"
        return [Guilty(str(blame.get("gate", "")), _some(parts), "; ".join(filter(None, (tried, whole, note))))]
    found = [_guilty(row, parts, tried) for row in blame["sets"][:_MOST_SETS]]
    more = len(blame["sets"]) - len(found)
    note = "; ".join(filter(None, (note, f"{count(more, 'more set')} in run.json" if more > 0 else "")))
    return [*found, *([Guilty("", [], note)] if note else [])]


def _guilty(row: Mapping[str, Any], parts: Sequence[Part], tried: str) -> Guilty:
    fails = "; ".join(
        f"{gate}: {cut(str(whats[0]), _LONG)}" + (f" (and {len(whats) - 1} more)" if len(whats) > 1 else "")
        for gate, whats in (row.get("fails") or {}).items()
        if whats
    )
    mine = [parts[number] for number in row.get("parts") or [] if 0 <= number < len(parts)]
    together = len(mine) + int(row.get("more") or 0)
    words = [tried]
    if not mine:
        words.append("no smaller part of the change was found that fails so")
    elif not row.get("whole"):
        words.append("the smallest part that is known to fail so")
    elif together > 1:
        words.append(f"these {together} parts are guilty together")
    if together > len(mine[:_MOST_PARTS]) > 0:
        words.append(f"{count(together - len(mine[:_MOST_PARTS]), 'more part')} not shown")
    if row.get("heals"):
        words.append("without it the rest of the change passes")
    elif row.get("heals") is False:
        words.append("without it the rest of the change fails so as well")
    return Guilty(fails, _some(mine), "; ".join(words))


def _some(parts: Sequence[Part]) -> list[Part]:
    return list(parts[:_MOST_PARTS])


def _part(part: Mapping[str, Any]) -> Part:
    place = f"{part.get('file', '')}:{part['line']}" if part.get("line") else str(part.get("file", ""))
    variable = f"variable {part['variable']}" if part.get("variable") else ""
    made = ", ".join(filter(None, (str(part.get("origin") or ""), variable)))
    return Part(place, made, _lines(part.get("old")), _lines(part.get("new")))


def _lines(lines: Any) -> list[str]:
    found = [str(line) for line in lines or []]
    more = len(found) - _MOST_LINES
    return found[:_MOST_LINES] + ([f"… {count(more, 'more line')}, in run.json"] if more > 0 else [])
