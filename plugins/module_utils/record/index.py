"""The index of all runs, read from the heads of their records."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import SluiceError
from ..redactor.redactor import Redactor
from ..textfmt import date_time, duration
from ..untrusted import whole_number
from .model import RESULTS, SCHEMA, read_record

__all__ = ["RunRow", "heads", "rows"]

# Records are written with the head first and indented by one, so that the index need not read all of each.
_HEAD_ENDS = b'\n "releases": '
_MOST_HEAD = 1 << 18
_DOOR = Redactor()
_LINKS = ("report.html", "postmortem.md", "run.json")


class RunRow(NamedTuple):
    """A run. ``result`` is one of the record's, or unknown; then ``outcome`` says why."""

    id: str
    started: str
    took: str
    who: str
    result: str
    outcome: str
    hosts: str
    links: tuple[str, ...]


def rows(runs: Path) -> list[RunRow]:
    """Read every run; one whose record cannot be read is a row that says why."""
    return [_row(folder) for folder in _folders(runs)]


def heads(runs: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the head of each record below ``runs`` that can be read, the oldest first."""
    for row in reversed(_folders(runs)):
        with contextlib.suppress(SluiceError):
            yield _head(row)


def _folders(runs: Path) -> list[Path]:
    """Return the folders of runs, the newest first; none where nothing has run yet."""
    try:
        names = sorted((entry.name for entry in os.scandir(runs) if entry.is_dir()), reverse=True)
    except OSError:
        return []
    return [runs / name for name in names if not name.startswith(".")]


def _row(folder: Path) -> RunRow:
    there = set(os.listdir(folder))
    links = tuple(name for name in _LINKS if name in there)
    try:
        head = _head(folder)
        run = head["run"]
        took = duration(run["started"], run["ended"])
        result, outcome = str(head["result"]), str(head["outcome"])
        if result == "passed" and _went_on(folder):
            result = "unknown"
            outcome = "the gates passed, and the roll-out was not concluded: it is under way, or was ended"
        hosts = str(len(head["hosts"])) if head["hosts"] else ""
        who = _DOOR.line(f"{run['who']} on {run['host']}")
        return RunRow(folder.name, date_time(run["started"]), took, who, result, _DOOR.line(outcome), hosts, links)
    except SluiceError as error:
        return RunRow(folder.name, _named(folder.name), "", "", "unknown", _DOOR.line(error), "", links)


def _head(folder: Path) -> Mapping[str, Any]:
    """Read what stands on top of a record; all of it where it was not written by Sluice. Raises ``SluiceError``."""
    try:
        with (folder / "run.json").open("rb") as stream:
            begin = stream.read(4096)
            while _HEAD_ENDS not in begin and len(begin) < _MOST_HEAD and (more := stream.read(1 << 16)):
                begin += more
            stream.seek(-min(3, stream.seek(0, os.SEEK_END)), os.SEEK_END)
            is_whole = stream.read() == b"\n}\n"
    except OSError:
        return read_record(folder)
    cut = begin.find(_HEAD_ENDS)
    if cut > 0 and is_whole:
        try:
            head = json.loads(begin[:cut].rstrip().rstrip(b",") + b"}")
        except (ValueError, RecursionError):
            return read_record(folder)
        if _is_head(head):
            return dict(head)
    return read_record(folder)


def _is_head(head: Any) -> bool:
    return (
        isinstance(head, dict)
        and head.get("schema") == SCHEMA
        and isinstance(head.get("result"), str)
        and head["result"] in RESULTS
        and isinstance(head.get("outcome"), str)
        and isinstance(head.get("hosts"), dict)
        and isinstance(head.get("run"), dict)
        and all(isinstance(head["run"].get(name), str) for name in ("started", "ended", "who", "host"))
    )


def _went_on(folder: Path) -> bool:
    """Return whether hosts were asked after the gates had passed, of which the record says nothing."""
    try:
        with (folder / "journal.jsonl").open("rb") as stream:
            # The first words of a line, which can be long, tell the phase.
            return any(b'"phase": "gate"' not in line[:120] for line in stream)
    except OSError:
        return False


def _named(name: str) -> str:
    """When a run began, by its name."""
    stamp = name.split("-", 1)[0]
    if len(stamp) != 15 or stamp[8] != "T" or whole_number(stamp[:8] + stamp[9:]) is None:
        return ""
    return f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]} {stamp[9:11]}:{stamp[11:13]}:{stamp[13:]} UTC"
