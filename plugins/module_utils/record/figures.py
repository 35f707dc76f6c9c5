"""What the runs of a team come to: how often it deploys, how long that takes, how much fails, how soon it is back.

The four figures are those of DORA (deployment frequency, lead time for changes, change failure rate, time to restore),
as far as records of runs tell them.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from ..errors import SluiceError
from ..redactor.redactor import Redactor
from ..textfmt import count, duration, seconds
from .model import read_record

__all__ = ["Caught", "Figure", "Figures", "Week", "figures"]

_WEEKS = 12
_WEEK = 7 * 86400.0
_MOST_RUNS = 500
_BAD = ("rolled back", "broken")
_DEPLOYED = ("confirmed", *_BAD)
_NONE = "none"
_DOOR = Redactor()

_Record = Mapping[str, Any]


class Figure(NamedTuple):
    """A figure: what it is, its value, and what it counts."""

    name: str
    value: str
    words: str


class Week(NamedTuple):
    """The runs of a week, which begins on a Monday; ``failed`` are those that were rolled back or left broken."""

    begins: str
    confirmed: int
    failed: int
    stopped: int


class Caught(NamedTuple):
    """What a gate has stopped: in how many runs, and what it found the last time."""

    gate: str
    runs: int
    latest: str


class Figures(NamedTuple):
    """All figures since a day. ``left_out`` runs are older, too many, or cannot be read."""

    since: str
    figures: list[Figure]
    weeks: list[Week]
    caught: list[Caught]
    drifted: int
    left_out: int

    @property
    def most(self) -> int:
        """The most runs of a week."""
        return max((each.confirmed + each.failed + each.stopped for each in self.weeks), default=0)


class _CountedRun:
    """What counts of a record."""

    def __init__(self, record: _Record) -> None:
        run = record["run"]
        self.began, self.ended = seconds(run["started"]) or 0.0, seconds(run["ended"]) or 0.0
        self.result = str(record["result"])
        self.releases = frozenset(str(row["release"]) for row in record["releases"] if row["release"])
        touched = [row for row in record["hosts"].values() if row.get("touched")]
        self.is_deployment = self.result in _DEPLOYED and bool(touched)
        # A rollback asks no gate.
        self.is_rollback = (
            self.is_deployment and bool(record["releases"]) and not any(row["verdicts"] for row in record["releases"])
        )
        self.failed = dict(_failed_gates(record)) if self.result == "stopped" else {}
        self.has_drift = any(str(each.get("what", "")).endswith("(drift)") for each in record["failures"])
        self.detected, self.restored = _times(record["events"]) if self.result in _BAD else (None, None)


def _failed_gates(record: _Record) -> Iterator[tuple[str, str]]:
    """Yield the gates that failed, with the first thing that each found."""
    for row in reversed(record["releases"]):
        for verdict in row["verdicts"]:
            if verdict["result"] == "fail":
                yield str(verdict["gate"]), _DOOR.line(verdict["summary"])


def _times(events: Sequence[_Record]) -> tuple[float | None, float | None]:
    """Return how many seconds went by from the first switch to the first thing that was wrong, and from there until
    the last host was back.
    """
    switched = [seconds(each["answer"].get("asked")) for each in events if each["phase"] == "activate" and each["host"]]
    began = min((at for at in switched if at is not None), default=None)
    bad = [seconds(each["at"]) for each in events if not each["good"] and each["host"]]
    noticed = min((at for at in bad if at is not None and began is not None and at >= began), default=None)
    if began is None or noticed is None:
        return None, None
    back = [
        seconds(each["at"]) for each in events if each["good"] and each["phase"] in ("finalize", "fix") and each["host"]
    ]
    restored = max((at for at in back if at is not None and at >= noticed), default=None)
    return noticed - began, restored - noticed if restored is not None else None


def figures(runs: Path, now: datetime | None = None) -> Figures | None:
    """Return the figures of the last twelve weeks, of five hundred runs at most; None where there was no run."""
    until = now or datetime.now(UTC)
    monday = (until - timedelta(days=until.weekday(), weeks=_WEEKS - 1)).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    try:
        names = sorted((entry.name for entry in os.scandir(runs) if entry.is_dir()), reverse=True)
    except OSError:
        return None
    counted, left_out = list[_CountedRun](), 0
    for number, name in enumerate(name for name in names if not name.startswith(".")):
        try:
            run = _CountedRun(read_record(runs / name)) if number < _MOST_RUNS else None
        except SluiceError:
            run = None
        if run is None or not monday.timestamp() <= run.began <= until.timestamp():
            left_out += 1
        else:
            counted.append(run)
    if not counted:
        return None
    counted.sort(key=lambda each: each.began)
    weeks = [_week(monday + timedelta(weeks=n), counted) for n in range(_WEEKS)]
    caught = _caught(counted)
    drifted = sum(each.has_drift for each in counted)
    return Figures(f"{monday:%Y-%m-%d}", list(_figures(counted, until)), weeks, caught, drifted, left_out)


def _week(begins: datetime, counted: Iterable[_CountedRun]) -> Week:
    first = begins.timestamp()
    runs = [each for each in counted if first <= each.began < first + _WEEK]
    return Week(
        f"{begins:%Y-%m-%d}",
        sum(each.is_deployment and each.result == "confirmed" for each in runs),
        sum(each.is_deployment and each.result in _BAD for each in runs),
        sum(each.result == "stopped" for each in runs),
    )


def _figures(counted: Sequence[_CountedRun], until: datetime) -> Iterator[Figure]:
    deployed = [each for each in counted if each.is_deployment and not each.is_rollback]
    good = [each for each in deployed if each.result == "confirmed"]
    # Of a young project the weeks before its first run do not count.
    weeks = max(1.0, (until.timestamp() - counted[0].began) / _WEEK)
    yield Figure("Deployments", f"{len(good) / weeks:.1f} a week", f"{count(len(good), 'run')} confirmed on every host")
    leads = [_lead(each, counted) for each in good]
    yield Figure("Lead time", _median(leads), "median from the first run that examined a release to its confirmation")
    by_hand = [each for each in counted if each.is_rollback and each.result == "confirmed"]
    failed = len(deployed) - len(good) + len(by_hand)
    words = (
        f"{count(len(deployed) - len(good), 'deployment')} rolled back or broken, {len(by_hand):,} rolled back by hand"
    )
    yield Figure("Failed changes", _share(failed, len(deployed)), f"of {count(len(deployed), 'deployment')}: {words}")
    detect = [each.detected for each in deployed if each.detected is not None]
    yield Figure("Time to detect", _median(detect), "median from the first switch to the first sign that it is wrong")
    restore = [each.restored for each in deployed if each.restored is not None]
    restore += [each.ended - before.ended for each in by_hand if (before := _before(each, good)) is not None]
    yield Figure(
        "Time to restore", _median(restore), "median until every host was back; by hand from the deployment on"
    )
    stopped = sum(each.result == "stopped" for each in counted)
    yield Figure(
        "Stopped by gates",
        _share(stopped, stopped + len(deployed)),
        f"{count(stopped, 'run')}, and no host was touched",
    )


def _lead(run: _CountedRun, counted: Sequence[_CountedRun]) -> float:
    """Return how long a release took, from the first run that had it, after the last time that it was deployed."""
    same = [each for each in counted if each.releases & run.releases and each.began <= run.began]
    deployed = [each.ended for each in same if each.is_deployment and each is not run and each.result == "confirmed"]
    return run.ended - min(each.began for each in same if each.began >= max(deployed, default=0.0) or each is run)


def _before(run: _CountedRun, good: Iterable[_CountedRun]) -> _CountedRun | None:
    """Return the last good deployment before a rollback."""
    return max((each for each in good if each.ended <= run.began), key=lambda each: each.ended, default=None)


def _median(values: Sequence[float]) -> str:
    return duration(0.0, float(median(values))) if values else _NONE


def _share(part: int, whole: int) -> str:
    return f"{part / whole * 100:.0f} %" if whole else _NONE


def _caught(counted: Iterable[_CountedRun]) -> list[Caught]:
    numbers: Counter[str] = Counter()
    latest: dict[str, str] = {}
    for run in counted:
        numbers.update(run.failed.keys())
        latest.update(run.failed)
    return [Caught(gate, number, latest[gate]) for gate, number in numbers.most_common()]
