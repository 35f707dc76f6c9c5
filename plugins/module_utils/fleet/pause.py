"""A wait between two waves, for a time or for a person, who answers by a file in the record of the run."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import SluiceError
from ..storage import write_text
from ..textfmt import now
from ..untrusted import printable
from .run_record import Run, visitor
from .waves import PERSON, read_seconds

__all__ = [
    "CONTINUE",
    "DECISIONS",
    "HEARTBEAT",
    "STOP",
    "Decided",
    "Waiting",
    "begin_wait",
    "decide_wait",
    "end_wait",
    "find_waiting",
    "read_decision",
]

CONTINUE, STOP, HEARTBEAT = "continue", "stop", "heartbeat"
DECISIONS = (CONTINUE, STOP)
ATTENTIVE = 10.0
"""Seconds within which a person's answer, or an alarm, is heard."""

_WAITING, _DECISION = "waiting.json", "decision.json"


class Decided(NamedTuple):
    """What a person decided, and who that was."""

    decision: str
    who: str


class Waiting:
    """How long a run waits between two waves, in seconds, and how long hosts are watched at once meanwhile.

    Raises ``InputError`` for what is no time.
    """

    def __init__(self, pause: object, limit: float, deadline: float) -> None:
        self.is_for_person = pause == PERSON
        path = "rollout_pause_limit" if self.is_for_person else "rollout_waves.pause"
        self.seconds = read_seconds(path, limit if self.is_for_person else pause, 0)
        self.round = min(deadline / 3, ATTENTIVE)

    def answer(self, decided: Decided | None) -> dict[str, Any]:
        """Return what the journal notes of the end of the wait: time is up where nobody ``decided``."""
        if not self.is_for_person or (decided and decided.decision == CONTINUE):
            return {"ok": True, "who": decided.who if decided else ""}
        if decided:
            return {"ok": False, "who": decided.who, "problems": [{"what": f"{decided.who} stopped the run"}]}
        what = f"nobody let the run go on within {self.seconds:g} s"
        fix = "run it again, and sluice.nginx.continue in time, or raise rollout_pause_limit"
        return {"ok": False, "problems": [{"what": what, "fix": fix}]}


def begin_wait(run: Run, after: str) -> None:
    """Note that the run waits for a person after a wave. An answer from before does not count."""
    end_wait(run)
    write_text(Path(run.folder, _WAITING), json.dumps({"after": after, "since": now(), "pid": os.getpid()}))


def end_wait(run: Run) -> None:
    """Note that the run waits no longer."""
    for name in (_WAITING, _DECISION):
        Path(run.folder, name).unlink(missing_ok=True)


def read_decision(run: Run) -> Decided | None:
    """Return what a person decided since the wait began; None while nobody has."""
    content = _read(Path(run.folder, _DECISION))
    if content is None or content.get("decision") not in DECISIONS:
        return None
    return Decided(str(content["decision"]), printable(str(content.get("who") or "somebody")))


def find_waiting(runs: Path, wanted: str) -> Path:
    """Return the folder of the run that waits: the only one, or the one whose id begins with ``wanted``.

    Raises ``SluiceError`` where none waits, or more than one does.
    """
    waiting = sorted(path.parent for path in runs.glob(f"*/{_WAITING}") if _is_alive(path))
    found = [folder for folder in waiting if folder.name.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    if found:
        raise SluiceError(f"{len(found)} runs wait; name one: {', '.join(folder.name for folder in found)}")
    named = f"run {printable(wanted)} waits for nobody: it is at work, has ended, or never was" if wanted else ""
    there = (
        f"those that wait: {', '.join(folder.name for folder in waiting)}" if waiting else "no run waits for a person"
    )
    raise SluiceError(f"{named}; {there}" if named else there)


def decide_wait(folder: Path, decision: str) -> str:
    """Let the run whose record is in ``folder`` go on, or stop it; returns after which wave it waited."""
    waiting = _read(folder / _WAITING) or {}
    me = visitor("continue")
    write_text(folder / _DECISION, json.dumps({"decision": decision, "who": f"{me.who} from {me.host}", "at": now()}))
    return printable(str(waiting.get("after") or "a wave"))


def _is_alive(path: Path) -> bool:
    """Return whether the process that wrote that it waits is there still; one that was killed left its words."""
    pid = (_read(path) or {}).get("pid")
    return isinstance(pid, int) and pid > 1 and Path("/proc", str(pid)).exists()


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
