"""``index.html`` of all runs."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from ..fleet.drills import Drill, DrillStep, read_drills
from ..record.figures import figures
from ..record.index import rows
from ..record.lived import Lived, lived
from ..record.model import RESULTS
from ..redactor.redactor import Redactor
from ..textfmt import count, date_time, duration, short
from .page.render import environment

__all__ = ["history"]

_MOST_LIVED = 20
_MOST_DRILLS = 20
_DOOR = Redactor()


def history(runs: Path, now: datetime | None = None) -> str:
    """Return the page over all runs below ``runs``, the newest first, with the figures of the weeks before ``now``."""
    found = rows(runs)
    counted = Counter(row.result for row in found)
    counts = [(result, counted[result]) for result in (*RESULTS, "unknown") if counted[result]]
    return (
        environment()
        .get_template("history.html.j2")
        .render(
            rows=found,
            counts=counts,
            results=RESULTS,
            told=figures(runs, now),
            lived=_lived(runs, now),
            drills=_drills(runs),
        )
    )


class _LivedRow(NamedTuple):
    """A row of the table that says where releases have lived."""

    release: str
    inventory: str
    hosts: str
    lives: str
    took: str


def _lived(runs: Path, now: datetime | None) -> list[_LivedRow]:
    found = lived(runs, (now or datetime.now(UTC)).isoformat())[:_MOST_LIVED]
    return [
        _LivedRow(short(each.release), each.inventory, count(each.hosts, "host"), _lives(each), _took(each))
        for each in found
    ]


def _lives(each: Lived) -> str:
    if each.now:
        return f"on {count(each.now, 'host')} now, since {date_time(each.since)}"
    return f"{'rolled back by hand' if each.rolled_back else 'until'} {date_time(each.until)}"


def _took(each: Lived) -> str:
    return duration(0.0, each.hours * 3600)


class _DrillRow(NamedTuple):
    """A row of the table of drills: a step of one."""

    at: str
    inventory: str
    host: str
    step: str
    ok: bool
    words: str
    took: str


def _drills(runs: Path) -> list[_DrillRow]:
    found = itertools.islice(read_drills(runs.parent / "drills"), _MOST_DRILLS)
    return [_drill_row(drill, step) for drill in found for step in drill.steps]


def _drill_row(drill: Drill, step: DrillStep) -> _DrillRow:
    took = "" if step.seconds is None else duration(0.0, step.seconds)
    words = _DOOR.line(step.words)
    return _DrillRow(date_time(drill.at), _DOOR.line(drill.inventory), drill.host, step.name, step.ok, words, took)
