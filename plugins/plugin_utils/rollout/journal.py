"""The journal of a run as a step writes it: what is wrong is shown at once."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.decisions import RunFaults
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import Event, Run, RunRecord
from ansible_collections.sluice.nginx.plugins.module_utils.redactor.releases import door_of
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.textfmt import sentence
from ansible_collections.sluice.nginx.plugins.module_utils.untrusted import read_release_id
from ansible_collections.sluice.nginx.plugins.plugin_utils.fleet import Answer, failure
from ansible_collections.sluice.nginx.plugins.plugin_utils.live import LiveLine
from ansible_collections.sluice.nginx.plugins.plugin_utils.showing import show, warn

__all__ = ["ShownJournal", "open_record"]


def open_record(run: Run, options: Mapping[str, Any], state: Path) -> RunRecord:
    """Return the record of a run, whose door knows the secrets of the releases that the controller has of those that
    hosts get.
    """
    named = {str(each) for each in options["releases"].values() if each}
    if options["stored"]:
        events = RunRecord(run).events()
        named = {str(event.answer.get("release")) for event in events if event.phase == "preflight"}
    stores = [ReleaseStore(state / name) for name in ("releases", "live")]
    found = []
    for identity, store in itertools.product(sorted(named), stores):
        # One that is gone, or is none, is reported where it is asked for.
        with contextlib.suppress(SluiceError):
            found.append(store.get(read_release_id(identity)))
    return RunRecord(run, door_of(found))


class ShownJournal:
    """Writes events to the journal of a run, and shows their problems: above the line of what runs while there is one.

    ``screen`` is that line.
    """

    def __init__(self, record: RunRecord, display: Any) -> None:
        self.door = record.door
        self.display = display
        self.screen: LiveLine | None = None
        self._record = record

    def events(self) -> list[Event]:
        """Return the events so far. Raises ``SluiceError``."""
        return list(self._record.events())

    @property
    def bad(self) -> list[Event]:
        """The events that fail the run, the first one first."""
        return RunFaults.of(self._record.events()).bad

    @property
    def is_bad(self) -> bool:
        """Return whether anything has failed the run so far."""
        return bool(self.bad)

    def note(self, phase: str, host: str, answer: Answer) -> None:
        """Write what a phase came to on a host, or of the run where ``host`` is empty."""
        self._record.note(phase, host, good=bool(answer.get("ok")), answer=answer)
        for problem in answer.get("problems", []):
            line = f"{host or 'the run'}: {phase}: {sentence(problem)}"
            if self.screen is None:
                self.say(line, color="red")
            else:
                self.screen.line(line, "bad")

    def fail(self, phase: str, words: str, **more: str) -> None:
        """Note that the run has failed, and why; ``fix`` says what to do."""
        self.note(phase, "", {**failure(words), "problems": [{"what": words, **more}]})

    def say(self, line: str, color: str | None = None) -> None:
        """Show a line."""
        show(self.display, line, self.door, color=color)

    def warn(self, line: str) -> None:
        """Show a warning."""
        warn(self.display, line, self.door)
