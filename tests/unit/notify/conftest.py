"""A run with a journal, and servers for its messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import Event, Run, RunRecord

from . import servers

OLD, NEW = "a" * 64, "b" * 64

# Each event of a journal is five seconds after the one before.
_START = "2026-11-21T14:{:02}:{:02}.000Z"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run whose record is in a folder of its own."""
    folder = tmp_path / ".sluice/runs/20261121T140000-1f2e"
    folder.mkdir(parents=True)
    (folder / "journal.jsonl").touch()
    return Run(folder.name, str(folder), "ada", "ctl", "2026-11-21T14:00:00.000Z")


@pytest.fixture
def journal() -> Callable[..., list[Event]]:
    """Make a journal of ``(host, phase, what was wrong or None, more of the answer)``; the host ``""`` is the run."""

    def made(*rows: tuple[str, str, str | None, dict[str, Any]]) -> list[Event]:
        events = []
        for number, (host, phase, wrong, more) in enumerate(rows, start=1):
            answer: dict[str, Any] = {"operation": phase, "problems": [{"what": wrong}] if wrong else []}
            if phase == "preflight":
                answer |= {"live": OLD, "release": NEW, "changes_needed": True, "has_release": False}
            if phase == "activate":
                answer |= {"before": OLD, "release": NEW}
            at = _START.format(number * 5 // 60, number * 5 % 60)
            events.append(Event(at, phase, host, wrong is None, {**answer, **more}))
        return events

    return made


@pytest.fixture
def written(run: Run) -> Callable[[list[Event]], None]:
    """Write events into the journal of the run."""

    def write(events: list[Event]) -> None:
        for event in events:
            RunRecord(run).note(event.phase, event.host, good=event.good, answer=event.answer)

    return write


@pytest.fixture(scope="session")
def _receiver() -> Iterator[servers.Receiver]:
    with servers.receiver() as made:
        yield made


@pytest.fixture
def receiver(_receiver: servers.Receiver) -> servers.Receiver:
    """The sandbox's receiver, with nothing in it."""
    import urllib.request

    asked = urllib.request.Request(f"http://127.0.0.1:{_receiver.http}/messages", method="DELETE")
    urllib.request.urlopen(asked, timeout=servers.TIMEOUT).close()
    return _receiver


@pytest.fixture
def hanging() -> Iterator[int]:
    """The port of a server that never says a word."""
    with servers.hanging() as port:
        yield port
