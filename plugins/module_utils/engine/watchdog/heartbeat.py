"""The time that a run has before the watchdog rolls its release back; each heartbeat begins it anew.

It is counted by the monotonic clock, so no change of the time of day moves it, and it ends when the machine does.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Callable

if TYPE_CHECKING:
    from ..protocol import Json, Pending
    from ..session import Session

__all__ = ["DEADLINE", "DECISION", "due_in", "extend", "keeper", "release", "why_overdue"]

DEADLINE = 120.0
"""Seconds between heartbeats, where the request does not say."""

DECISION = "decision.json"
"""The file beside the heartbeat that says where to ask how a roll-out of several slices ends."""

_FILE = "heartbeat.json"
_OFTEN = 0.5


def extend(session: Session, run: str, seconds: float) -> None:
    """Give a run ``seconds`` from now."""
    system = session.system
    heartbeat = {"run": run, "boot": system.boot(), "until": system.monotonic() + seconds}
    system.make_directory(session.layout.runtime, 0o700)
    system.write(session.layout.runtime / _FILE, json.dumps(heartbeat).encode(), durable=False)


def keeper(session: Session, run: str, seconds: float) -> Callable[[], None]:
    """Return what gives a run a heartbeat.

    Each step of an operation is one, and most take milliseconds, so the heartbeat is written twice a second at most.
    """
    given: list[float] = []

    def alive() -> None:
        now = session.system.monotonic()
        if not given or now - given[-1] >= _OFTEN:
            extend(session, run, seconds)
            given[:] = [now]

    return alive


def release(session: Session) -> None:
    """The pending phase has ended, and its heartbeat with it."""
    session.system.remove(session.layout.runtime / _FILE)
    if (session.layout.runtime / DECISION).exists():
        session.system.remove(session.layout.runtime / DECISION)


def due_in(session: Session, pending: Pending | Json) -> float:
    """Return the seconds until the watchdog's turn; 0 when it has come, or the heartbeat is lost or of before this
    boot.
    """
    try:
        heartbeat = json.loads((session.layout.runtime / _FILE).read_bytes())
        if heartbeat["run"] != pending["run"] or heartbeat["boot"] != session.system.boot():
            return 0.0
        return max(0.0, float(heartbeat["until"]) - session.system.monotonic())
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return 0.0


def why_overdue(session: Session, pending: Pending | Json) -> str:
    """Return why a pending phase is the watchdog's to end; nothing while its run may go on."""
    if pending.get("boot") and pending["boot"] != session.system.boot():
        return "this machine was started since"
    if due_in(session, pending) > 0:
        return ""
    return f"run {pending['run']} gave no heartbeat for {pending.get('deadline') or DEADLINE:g} s"
