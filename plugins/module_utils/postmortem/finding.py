"""Which run is meant, and which runs there were in a window of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ..closest_match import closest_matches
from ..errors import SluiceError
from ..record.index import RunRow, rows
from ..record.model import FAILED, read_record
from ..textfmt import moment

__all__ = ["find_run", "runs_around"]

_MOST_TOLD = 5
# How long before a window the last change of it is looked for, and in how many runs.
_LOOK_BACK = timedelta(days=7)
_MOST_BEFORE = 50
_REACHED = ("confirmed", "rolled back", "broken")


def find_run(runs: Path, wanted: str) -> Path:
    """Return the folder of a run: its id, the beginning of it, or ``last``, the last one that has a postmortem.

    Raises ``SluiceError``, which lists those that are near, for one that is not there or not the only one.
    """
    there = rows(runs)
    told = [row for row in there if row.result in FAILED]
    if wanted == "last":
        if told:
            return runs / told[0].id
        raise SluiceError(f"no run was stopped, rolled back or left broken: {_listed(there)}")
    matching = [row for row in there if wanted and row.id.startswith(wanted)]
    if len(matching) == 1:
        return runs / matching[0].id
    if matching:
        raise SluiceError(f"{wanted!r} is the beginning of {len(matching)} runs; write more of it: {_listed(matching)}")
    names = closest_matches(wanted, [row.id for row in there], _MOST_TOLD, 0.5)
    near = [row for row in there if row.id in names] or told or there
    raise SluiceError(f"there is no run {wanted!r}; near to it, or last, are {_listed(near)}")


def _listed(found: Sequence[RunRow]) -> str:
    listed = "; ".join(f"{row.id} ({row.result})" for row in found[:_MOST_TOLD])
    return listed or "there is no run at all"


def runs_around(
    runs: Path, start: datetime, end: datetime, hosts: Sequence[str] = ()
) -> tuple[list[Mapping[str, Any]], list[str]]:
    """Read the runs that were under way between two times, and the last one before them that reached hosts, oldest
    first; and say in sentences what could not be read. Those that have nothing to do with ``hosts`` are left out.
    """
    found: list[Mapping[str, Any]] = []
    troubles = []
    before = 0
    for row in rows(runs):
        began = moment(row.started) or _named(row.id)
        if began is None or began > end:
            continue
        if began < start:
            before += 1
            if before > _MOST_BEFORE or began < start - _LOOK_BACK:
                break
        try:
            record = read_record(runs / row.id)
        except SluiceError as error:
            troubles.append(str(error))
            continue
        if hosts and not _hosts_of(record) & set(hosts):
            continue
        ended = moment(record["run"]["ended"])
        if ended is not None and ended >= start:
            found.append(record)
        elif record["result"] in _REACHED:
            found.append(record)
            break
    return found[::-1], troubles


def _hosts_of(record: Mapping[str, Any]) -> set[str]:
    gated = {host for row in record["releases"] for host in row["hosts"]}
    return gated | {event["host"] for event in record["events"] if event["host"]}


def _named(identity: str) -> datetime | None:
    """When a run began, by its id."""
    return moment(identity.partition("-")[0])
