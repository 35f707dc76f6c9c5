"""The record of a run: ``.sluice/runs/RUN/`` with the journal, which every worker appends to, and ``run.json``."""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import json
import os
import re
import secrets
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import SluiceError
from ..record.model import SCHEMA, VERSION
from ..record.summary import RunSummary
from ..redactor.redactor import Redactor
from ..storage import make_folder, write_text
from ..textfmt import now
from ..untrusted import printable

__all__ = ["Event", "Run", "RunRecord", "open_run", "read_run_id", "visitor"]

_RUN_ID = re.compile(r"\d{8}T\d{6}Z?-[0-9a-f]{4}\Z", re.ASCII)


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

    def to_json(self) -> dict[str, Any]:
        """The event as plain data. The answer is its own and no copy: answers are large, and are only read."""
        return dict(vars(self))


def read_run_id(value: object) -> str:
    """Return ``value`` as the id of a run, as ``20261121T151128-ab12``, which may become part of a path or of the name
    of a container. Raises ``SluiceError``.
    """
    if isinstance(value, str) and _RUN_ID.match(value):
        return value
    shown = printable(repr(value)[:80])
    raise SluiceError(f"{shown} is no id of a run; expected one such as 20261121T151128-ab12")


def open_run(runs: Path) -> Run:
    """Start a record below ``runs``. Raises ``SluiceError`` when the folder cannot be written."""
    started = now()
    stamp = started.replace("-", "").replace(":", "").split(".")[0]
    name = f"{stamp}-{secrets.token_hex(2)}"
    folder = runs / name
    try:
        make_folder(runs)
        folder.mkdir(mode=0o700)
        os.close(os.open(folder / "journal.jsonl", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise SluiceError(
            f"the record of the run cannot be written to {folder}: {error.strerror}; give this user the folder {runs}"
        ) from error
    return Run(name, str(folder), *_here(), started)


def visitor(name: str) -> Run:
    """Who asks hosts outside of any run, and so has no record."""
    return Run(name, "", *_here(), now())


def _here() -> tuple[str, str]:
    """The user, which is what the environment says, and this machine."""
    return printable(getpass.getuser()), printable(socket.gethostname())


class RunRecord:
    """Reads and writes the record of a run. Several processes may write at once.

    All that is written passes ``door``, which knows the secrets of the run.
    """

    def __init__(self, run: Run, door: Redactor | None = None) -> None:
        self.run = run
        self.door = door or Redactor()
        self._journal = Path(run.folder, "journal.jsonl")
        # A step looks at the journal again and again, which only grows: what was read is kept, and where that ends.
        self._read: list[Event] = []
        self._end = 0

    def note(self, phase: str, host: str, *, good: bool, answer: dict[str, Any]) -> Event:
        """Append an event."""
        event = Event(now(), phase, printable(host), good, self.door.data(answer))
        line = json.dumps(event.to_json(), ensure_ascii=False, default=self.door.line) + "\n"
        with self._journal.open("ab", buffering=0) as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            _append(stream.fileno(), line.encode("utf-8", "backslashreplace"))
        return event

    def events(self) -> Iterator[Event]:
        """Yield the events so far, oldest first. Raises ``SluiceError`` for a journal that cannot be read."""
        self._read_on()
        yield from list(self._read)

    def _read_on(self) -> None:
        try:
            with self._journal.open("rb") as stream:
                if os.fstat(stream.fileno()).st_size < self._end:
                    self._read, self._end = [], 0
                stream.seek(self._end)
                data = stream.read()
        except OSError as error:
            raise SluiceError(f"the journal of the run, {self._journal}, cannot be read: {error.strerror}") from error
        # Not splitlines(), which ends a line at characters that JSON leaves as they are.
        for line in data.split(b"\n")[:-1]:
            try:
                text = line.decode("utf-8")
            except ValueError as error:
                raise SluiceError(f"the journal of the run, {self._journal}, is damaged: {error}") from error
            try:
                self._read.append(_read_event(json.loads(text)))
            except (ValueError, TypeError, RecursionError) as error:
                words = f"line {len(self._read) + 1} of {self._journal} is damaged: {error}"
                raise SluiceError(words) from error
            self._end += len(line) + 1

    def show(self, name: str, text: str) -> Path:
        """Write a report for people into the record; tells its path."""
        path = Path(self.run.folder, f"{name}.txt")
        write_text(path, f"{self.door.text(text)}\n")
        return path

    @property
    def path(self) -> Path:
        """Of ``run.json``."""
        return Path(self.run.folder, "run.json")

    def write(
        self,
        summary: RunSummary,
        events: Sequence[Event],
        releases: Sequence[Mapping[str, Any]] = (),
        inventory: str = "",
    ) -> None:
        """Write ``run.json``: the summary, what the gates said by the journal, and the journal.

        ``releases`` and ``inventory`` are those of a run without gates. Raises ``OSError``.
        """
        gates = next((event.answer for event in reversed(events) if event.phase == "gate"), {})
        shown = self.door.data(summary.to_json())
        content = {
            "schema": SCHEMA,
            "sluice": VERSION,
            "run": {**self.run.to_json(), "ended": now()},
            "result": shown.pop("result"),
            "outcome": shown.pop("outcome"),
            "signed": gates.get("signed"),
            "emergency": gates.get("emergency"),
            "offer": gates.get("offer") or "",
            "inventory": gates.get("inventory") or self.door.line(inventory),
            "hosts": shown.pop("hosts"),
            # What is above is the head, which the index of all runs reads alone.
            "releases": gates["releases"] if "releases" in gates else self.door.data(list(releases)),
            **shown,
        }
        write_text(self.path, _written(content, [_without_releases(event) for event in events]), sync=True)


def _written(content: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> str:
    """Return a record as it is written: each event is a line, which takes a fifth of the time that indented ones do."""
    head = json.dumps(content, indent=1, ensure_ascii=False, default=str).removesuffix("\n}")
    rows = ",\n  ".join(json.dumps(event, ensure_ascii=False, default=str) for event in events)
    return f'{head},\n "events": [\n  {rows}\n ]\n}}\n'


def _read_event(row: Any) -> Event:
    """Raises ``TypeError`` for what is no event, or has another type."""
    event = Event(**row)
    if not isinstance(event.good, bool) or not isinstance(event.answer, dict):
        raise TypeError("expected good: true or false, and answer: an object")
    if not all(isinstance(text, str) for text in (event.at, event.phase, event.host)):
        raise TypeError("expected at, phase and host: texts")
    problems = event.answer.get("problems")
    if problems is not None and not (isinstance(problems, list) and all(isinstance(each, dict) for each in problems)):
        raise TypeError("expected answer.problems: a list of objects")
    return event


def _append(handle: int, line: bytes) -> None:
    """Append a whole line or nothing: half of one would spoil the next. Raises ``SluiceError``."""
    size = os.fstat(handle).st_size
    try:
        while line:
            line = line[os.write(handle, line) :]
        os.fsync(handle)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.ftruncate(handle, size)
        raise SluiceError(
            f"the journal of the run cannot be written: {error.strerror}; nothing is done to hosts without it. "
            "Those pending go back by their watchdog, or at once by sluice.nginx.unlock"
        ) from error


def _without_releases(event: Event) -> dict[str, Any]:
    """What the gates said of the releases has a place of its own in the record."""
    return {**event.to_json(), "answer": {name: value for name, value in event.answer.items() if name != "releases"}}
