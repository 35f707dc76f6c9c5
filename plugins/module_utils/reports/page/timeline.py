"""The roll-out as a time line: for each host what it was asked and when, on one axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ...record.summary import HostSummary
from ...textfmt import duration, seconds

__all__ = ["MOST_HOSTS", "HostRow", "Segment", "Tick", "Timeline", "timeline"]

MOST_HOSTS = 200

_NAMES = {
    "preflight": "looked at",
    "activate": "switched, and checked",
    "pending": "pending: checks and bake",
    "confirm": "confirmed",
    "rollback": "rolled back",
    "failed": "failed",
}


class Segment(NamedTuple):
    """A stretch of time; ``left`` and ``width`` are percent of the axis."""

    kind: str
    left: float
    width: float
    title: str


class Tick(NamedTuple):
    """A moment on the axis, or a mark on a host's row: ``good`` tells whether the host was well then."""

    left: float
    words: str
    good: bool = True


class HostRow(NamedTuple):
    """A host: ``end`` is confirmed, rolled_back, failed, pending or untouched; ``words`` say the row for the blind."""

    host: str
    segments: list[Segment]
    marks: list[Tick]
    end: str
    serves: str
    done: str
    words: str


class Timeline(NamedTuple):
    """``kinds`` are the segments that occur, with their words, for the legend; ``more`` hosts are not shown."""

    rows: list[HostRow]
    ticks: list[Tick]
    kinds: list[tuple[str, str]]
    begin: float
    length: float
    more: int


class _Axis(NamedTuple):
    begin: float
    length: float

    def at(self, moment: float) -> float:
        return round(min(100.0, max(0.0, (moment - self.begin) / self.length * 100)), 2)

    def segment(self, kind: str, since: float, until: float) -> Segment:
        left = self.at(since)
        title = f"{_NAMES[kind]}: {duration(since, until)}, from +{since - self.begin:.1f} s"
        return Segment(kind, left, round(max(0.4, self.at(until) - left), 2), title)


_Event = Mapping[str, Any]


def timeline(events: Sequence[_Event], hosts: Mapping[str, HostSummary]) -> Timeline | None:
    """Lay out what the hosts were asked; None where no host was. Those that failed come first when there are many."""
    by_host: dict[str, list[_Event]] = {}
    moments = []
    for event in events:
        if event["host"] and seconds(event["at"]) is not None:
            by_host.setdefault(str(event["host"]), []).append(event)
            moments += [at for at in (seconds(event["answer"].get("asked")), seconds(event["at"])) if at is not None]
    if not moments:
        return None
    axis = _Axis(min(moments), max(0.1, max(moments) - min(moments)))
    names = sorted(by_host)
    if len(names) > MOST_HOSTS:
        names.sort(key=lambda name: all(event["good"] for event in by_host[name]))
    rows = [_row(name, by_host[name], hosts.get(name, HostSummary("?", "")), axis) for name in names[:MOST_HOSTS]]
    there = {segment.kind for row in rows for segment in row.segments}
    kinds = [(kind, words) for kind, words in _NAMES.items() if kind in there]
    return Timeline(rows, _ticks(axis), kinds, axis.begin, axis.length, len(names) - len(rows))


def _row(host: str, events: list[_Event], known: HostSummary, axis: _Axis) -> HostRow:
    segments: list[Segment] = []
    marks: list[Tick] = []
    switched: float | None = None
    end = "untouched"
    for event in events:
        phase, good, answer = event["phase"], bool(event["good"]), event["answer"]
        at = seconds(event["at"]) or axis.begin
        began = seconds(answer.get("asked"))
        began = at if began is None else min(began, at)
        if phase == "preflight":
            segments.append(axis.segment("preflight" if good else "failed", began, at))
        elif phase == "activate":
            proved = min(at, began + sum(float(step.get("ms") or 0) for step in answer.get("steps") or []) / 1000)
            segments.append(axis.segment("activate" if good else "failed", began, proved if good else at))
            switched = proved if good else None
            end = "pending" if good else "rolled back" if answer.get("rolled_back") else "failed"
        elif phase == "bake":
            marks.append(Tick(axis.at(at), f"checks and logs {'well' if good else 'NOT well'}", good))
        elif phase in ("finalize", "retry_rollback"):
            if switched is not None:
                segments.append(axis.segment("pending", switched, began))
                switched = None
            kind = "confirm" if answer.get("operation") == "confirm" else "rollback"
            segments.append(axis.segment(kind if good else "failed", began, at))
            end = {"confirm": "confirmed", "rollback": "rolled back"}[kind] if good else "failed"
        else:
            continue
        if not good and phase in ("preflight", "bake"):
            end = "failed"
    if switched is not None:
        segments.append(axis.segment("pending", switched, axis.begin + axis.length))
    words = "; ".join([*(segment.title for segment in segments), *_bad(marks)])
    return HostRow(
        host, segments, marks, end, known.serves, known.done, words or "nothing is known of what it was asked"
    )


def _bad(marks: Sequence[Tick]) -> list[str]:
    bad = sum(not mark.good for mark in marks)
    rounds = f"{len(marks)} rounds of checks and logs" if len(marks) > 1 else "one round of checks and logs"
    return [f"{rounds}, {f'{bad} NOT well' if bad else 'all well'}"] if marks else []


def _ticks(axis: _Axis) -> list[Tick]:
    step = next((step for step in _STEPS if axis.length / step <= 6), axis.length / 6)
    number = int(axis.length / step)
    return [Tick(axis.at(axis.begin + n * step), f"+{duration(0, n * step)}" if n else "0") for n in range(number + 1)]


_STEPS = (0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)
