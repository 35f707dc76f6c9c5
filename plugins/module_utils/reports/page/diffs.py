"""A unified diff as lines that a page marks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ...textfmt import count

__all__ = ["FileDiff", "Line", "read_changes"]

_MOST_LINES = 300
_MOST_OPEN = 60


class Line(NamedTuple):
    """``kind`` is add, del, at or same."""

    kind: str
    text: str


class FileDiff(NamedTuple):
    """A changed file: ``added`` and ``removed`` are numbers of lines; ``note`` is what there is instead of a diff."""

    file: str
    origin: str
    lines: list[Line]
    added: int
    removed: int
    note: str
    shown: bool


class _Left:
    def __init__(self, lines: int) -> None:
        self.lines = lines


def read_changes(changes: list[Mapping[str, Any]], most: int) -> list[FileDiff]:
    """Read the changes of a release; of all of them together ``most`` lines are kept."""
    left = _Left(most)
    return [_read(change, left) for change in changes]


def _read(change: Mapping[str, Any], left: _Left) -> FileDiff:
    rows = str(change["diff"]).splitlines()
    # The two heads repeat the name of the file.
    body = [row for row in rows if not row.startswith(("--- ", "+++ "))] if len(rows) > 2 else []
    added = sum(row.startswith("+") for row in body)
    removed = sum(row.startswith("-") for row in body)
    bound = max(0, min(_MOST_LINES, left.lines))
    left.lines -= len(body[:bound])
    note = "" if body else " ".join(rows).strip("()")
    if len(body) > bound:
        note = f"{count(len(body) - bound, 'more line')} in run.json"
    lines = [Line(_KINDS.get(row[:1], "same"), row) for row in body[:bound]]
    return FileDiff(str(change["file"]), str(change["origin"]), lines, added, removed, note, len(lines) <= _MOST_OPEN)


_KINDS = {"+": "add", "-": "del", "@": "at"}
