"""The record of a run: ``.sluice/runs/RUN/`` with the journal, which every worker appends to, and ``run.json``."""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import secrets
import socket
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import SluiceError
from ..release.store import write_json

__all__ = ["Event", "Record", "Run", "now", "open_run", "visitor"]

SCHEMA = 1


def now() -> str:
    """This moment, ISO-8601 in UTC with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class Run:
    """One run of a playbook: who started it, where and when. ``folder`` holds its record."""

    id: str
    folder: str
    who: str
    host: str
    started: str

    def to_json(self) -> dict[str, str]:
        """The run as plain data."""
        return asdict(self)

    def asking(self) -> dict[str, str]:
        """What a host is told of who asks."""
        return {"id": self.id, "who": self.who, "from": self.host}


@dataclass(frozen=True)
class Event:
    """A line of the journal: what a phase came to on a host (or, with no host, of the run as a whole)."""

    at: str
    phase: str
    host: str
    good: bool
    answer: dict[str, Any]


def open_run(runs: Path) -> Run:
    """Start a record below ``runs``. Raises ``SluiceError`` when the folder cannot be written."""
    started = now()
    stamp = started.replace("-", "").replace(":", "").split(".")[0]
    name = f"{stamp}-{secrets.token_hex(2)}"
    folder = runs / name
    try:
        folder.mkdir(parents=True)
        (folder / "journal.jsonl").touch()
    except OSError as error:
        raise SluiceError(
            f"the record of the run cannot be written to {folder}: {error.strerror}; give this user the folder {runs}"
        ) from error
    return Run(name, str(folder), getpass.getuser(), socket.gethostname(), started)


def visitor(name: str) -> Run:
    """Who asks hosts outside of any run, and so has no record."""
    return Run(name, "", getpass.getuser(), socket.gethostname(), now())


class Record:
    """Reads and writes the record of a run. Several processes may write at once."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._journal = Path(run.folder, "journal.jsonl")

    def note(self, phase: str, host: str, *, good: bool, answer: dict[str, Any]) -> Event:
        """Append an event."""
        event = Event(now(), phase, host, good, answer)
        line = json.dumps(asdict(event), ensure_ascii=False, default=str) + "\n"
        with self._journal.open("a", encoding="utf-8") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            stream.write(line)
            stream.flush()
            os.fsync(stream.fileno())
        return event

    def events(self) -> Iterator[Event]:
        """Yield the events so far, oldest first."""
        # Not splitlines(), which ends a line at characters that JSON leaves as they are.
        for line in self._journal.read_text(encoding="utf-8").split("\n")[:-1]:
            yield Event(**json.loads(line))

    def show(self, name: str, text: str) -> Path:
        """Write a report for people into the record; tells its path."""
        path = Path(self.run.folder, f"{name}.txt")
        path.write_text(f"{text}\n", encoding="utf-8")
        return path

    def write(self, content: dict[str, Any]) -> Path:
        """Write ``run.json``: the run, ``content``, and the journal."""
        path = Path(self.run.folder, "run.json")
        write_json(
            path,
            {
                "schema": SCHEMA,
                "run": self.run.to_json(),
                **content,
                "events": [asdict(event) for event in self.events()],
            },
        )
        return path
