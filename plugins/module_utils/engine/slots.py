"""Counts of requests by what became of them and how long they took, slot by slot of a time."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from .timestamps import LOCAL, is_local, logged_at
from .traffic import seconds_taken

if TYPE_CHECKING:
    from .protocol import Json

__all__ = ["BOUNDS", "Slots"]

BOUNDS = (5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000)
"""Milliseconds up to which answers are counted together; those above the last one are counted, too."""

_UPSTREAM, _CLOSED = ("502", "504"), "499"


class Slots:
    """Counts what was logged from ``start`` on and before ``end``, in ``number`` slots of one length."""

    def __init__(self, start: int, end: int, number: int) -> None:
        self._start, self._end = start, end
        self._width = max(1, -(-(end - start) // number))
        self._rows = [[0] * (4 + len(BOUNDS) + 1) for _ in range(number)]
        # Lines of one second follow each other, so a time is seldom read anew.
        self._stamp = ""
        self._row: list[int] | None = None

    def add(self, line: str, status: str) -> None:
        """Count the line of a request."""
        at = line.find(" [") + 2
        known = self._stamp and line[at : at + LOCAL] == self._stamp
        row = self._row if known else self._find_row(line, at)
        if row is None:
            return
        row[0] += 1
        row[1] += status >= "5"
        row[2] += status in _UPSTREAM
        row[3] += status == _CLOSED
        # Most formats have none, and to look closer costs more than all the rest.
        if "rt=" in line or "request_time" in line:
            seconds = seconds_taken(line)
            if seconds is not None:
                row[4 + bisect_left(BOUNDS, seconds * 1000)] += 1

    def _find_row(self, line: str, at: int) -> list[int] | None:
        second = logged_at(line, at)
        row = None
        if second is not None and self._start <= second < self._end:
            row = self._rows[(second - self._start) // self._width]
        if is_local(line, at):
            self._stamp, self._row = line[at : at + LOCAL], row
        return row

    def to_json(self) -> list[Json]:
        """Return the counts of each slot, as ``CountForm`` says."""
        names = ("requests", "errors", "upstream", "closed")
        return [{**dict(zip(names, row)), "times": row[4:]} for row in self._rows]
