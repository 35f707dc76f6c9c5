"""Requests, 5xx and times out of access logs, second by second; and which requests they were that got a 5xx."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ..untrusted import whole_number
from .timestamps import LOCAL, is_local, logged_at

if TYPE_CHECKING:
    from .protocol import Json

__all__ = ["BEFORE", "TrafficCounts", "seconds_taken"]

# Seconds before a switch that are told beside those after it.
BEFORE = 30
_MOST_STEPS = 120
# Of requests that got a 5xx: so many different ones are counted, and so many told, each up to so many letters.
_MOST_NAMES, _MOST_TOLD, _MOST_LETTERS = 200, 5, 120
_SECONDS = ('"request_time":', " request_time=", " rt=")


class TrafficCounts:
    """Counts what was logged from ``start`` on and before ``end``, both in seconds since 1970, in at most 120 steps.

    ``unread`` lines show no status or no time.
    """

    def __init__(self, start: int, end: int) -> None:
        span = max(1, end - start)
        self.unread = 0
        self._start, self._step = start, -(-span // _MOST_STEPS)
        # Requests, 5xx, milliseconds, and the requests that show these.
        self._rows: list[list[float]] = [[0, 0, 0.0, 0] for _ in range(0, span, self._step)]
        self._first = 0
        self._failing: dict[str, int] = {}
        # Lines of one second follow each other, so a time is seldom read anew.
        self._stamp = ""
        self._row: list[float] | None = None

    def known_from(self, second: int) -> None:
        """Let the window begin here, as not all that was logged before is known."""
        step = -((self._start - second) // self._step)
        self._first = min(max(self._first, step), len(self._rows) - 1)

    def add(self, line: str, failed: bool) -> None:
        """Count the line of a request; ``failed`` is one with 5xx."""
        at = line.find(" [") + 2
        known = self._stamp and line[at : at + LOCAL] == self._stamp
        row = self._row if known else self._find_row(line, at)
        if row is None:
            return
        row[0] += 1
        if failed:
            row[1] += 1
            name = _request_of(line)
            if name in self._failing or len(self._failing) < _MOST_NAMES:
                self._failing[name] = self._failing.get(name, 0) + 1
        # Most formats have none, and to look closer costs more than all the rest.
        if "rt=" in line or "request_time" in line:
            seconds = seconds_taken(line)
            if seconds is not None:
                row[2] += seconds * 1000
                row[3] += 1

    def _find_row(self, line: str, at: int) -> list[float] | None:
        second = logged_at(line, at)
        if second is None:
            self.unread += 1
            return None
        step = (second - self._start) // self._step
        row = self._rows[step] if self._first <= step < len(self._rows) else None
        if is_local(line, at):
            self._stamp, self._row = line[at : at + LOCAL], row
        return row

    def to_json(self, began: str) -> Json:
        """Return it as ``TrafficForm`` says; ``began`` is when that began for which it was counted (ISO-8601)."""
        rows = self._rows[self._first :]
        start = self._start + self._first * self._step
        failing = sorted(self._masked().items(), key=lambda each: (-each[1], each[0]))
        return {
            "start": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(start)),
            "step": self._step,
            "began": began,
            "requests": [int(row[0]) for row in rows],
            "errors": [int(row[1]) for row in rows],
            "ms": [round(row[2] / row[3], 1) if row[3] else None for row in rows],
            "failing": [{"request": name, "count": count} for name, count in failing[:_MOST_TOLD]],
            "unread": self.unread,
        }

    def _masked(self) -> dict[str, int]:
        """What failed, by names that have no visitor's secret; those that then are the same are one."""
        if not self._failing:
            return {}
        # Here, as mostly nothing has failed.
        from ..redaction import masked_path

        found: dict[str, int] = {}
        for name, count in self._failing.items():
            shown = masked_path(name)
            found[shown] = found.get(shown, 0) + count
        return found


def _request_of(line: str) -> str:
    """Read what was asked for, as ``GET /cart``. What stands behind a question mark may be anybody's secret."""
    if line[:1] == "{":
        found = _value(line, '"request":')
        if not found:
            method = _value(line, '"request_method":') or _value(line, '"method":')
            target = _value(line, '"request_uri":') or _value(line, '"uri":')
            found = f"{method} {target}"
    else:
        found = line.partition('"')[2].partition('"')[0]
    words = found.split()
    return f"{words[0]} {words[1].partition('?')[0]}"[:_MOST_LETTERS] if len(words) > 1 else "?"


def _value(line: str, key: str) -> str:
    return line.partition(key)[2].partition('"')[2].partition('"')[0]


def seconds_taken(line: str) -> float | None:
    """Read ``$request_time`` under this name, or as ``rt=``: from JSON, or from outside of all quotes, for what is in
    them is the client's word.
    """
    text = line if line[:1] == "{" else f" {' '.join(line.split(chr(34))[::2])}"
    for key in _SECONDS:
        value = text.partition(key)[2].lstrip('" ')
        whole, point, rest = value.partition(".")
        seconds, thousandths = whole_number(whole), whole_number(rest[:3])
        if seconds is not None and point and thousandths is not None:
            return float(f"{seconds}.{rest[:3]}")
    return None
