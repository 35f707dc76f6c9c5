"""The watchdog at work: it waits until the run's time is over, and then rolls the pending release back."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from .. import state as states
from ..host.nginx import running_masters
from ..host.system import System
from ..operations.finalize import asked_for, confirm_decided, end_pending
from ..rollback import restore_link
from ..session import Fault, Session
from ..store import Layout
from .arm import LATE, arm
from .heartbeat import due_in, extend, why_overdue

if TYPE_CHECKING:
    from ..protocol import Json

__all__ = ["boot", "main", "tick", "watch", "watchdog_session"]

_LOOK = 1.0
# In which an init that does not say what it is about to do has started nginx, in seconds.
_BOOTING = 15.0
# How long an operation that holds the host may go on after the watchdog's time has come, in seconds.
_HUNG = 60.0
_WATCHDOG = {"id": "watchdog", "who": "the watchdog", "from": "this host"}
_FIRST_WAIT, _LONGEST_WAIT = 5.0, 600.0


def main(arguments: list[str]) -> int:
    """``watch RUN`` watchdogs what a run has pending; ``boot`` is what systemd starts before nginx. Returns the code to
    exit with: 1 when a rollback failed, 3 when somebody else was first.
    """
    os.umask(0o077)
    os.environ.update(PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL="C.UTF-8")
    what, *names = arguments
    session = watchdog_session(System(), Layout())
    answer = boot(session) if what == "boot" else watch(session, names[0])
    said = [str(problem.what) for problem in answer.get("problems", [])] + session.warnings
    sys.stdout.write("\n".join([str(answer.get("note", "")), *said]).strip() + "\n")
    if answer.get("late"):
        return LATE
    return 1 if answer.get("problems") else 0


def watchdog_session(system: System, layout: Layout) -> Session:
    """Return a session of the watchdog's own."""
    return Session(system, layout, _WATCHDOG)


def watch(session: Session, run: str) -> Json:
    """Wait until what ``run`` has pending is finalized, by itself or by the watchdog. Returns how that went."""
    wait = _FIRST_WAIT
    while True:
        left = _left(session, run)
        if left is None:
            return {"changed": False, "note": f"run {run} has nothing pending here"}
        if left > 0:
            session.system.sleep(min(left, _LOOK))
            continue
        answer = tick(session, run)
        if answer.get("goes_on"):
            continue
        if not answer.get("broken"):
            return answer
        # Somebody may fix what is in the way, a full disk for one, so the watchdog tries again, less and less often.
        extend(session, run, wait)
        wait = min(2 * wait, _LONGEST_WAIT)


def tick(session: Session, run: str) -> Json:
    """End what ``run`` has pending, if its time is over: as was decided for its roll-out, else by a rollback. The one
    who comes too late says who was first.
    """
    # Before the lock, since the network may take its time, and the run may come back meanwhile.
    pending = session.store.load()["pending"]
    is_due = pending is not None and pending["run"] == run and why_overdue(session, pending)
    asked = asked_for(session, pending) if is_due else None
    with session.store.lock(session.run, "watchdog", end_hung_after=_HUNG):
        state = session.store.load()
        pending = state["pending"]
        if pending is None or pending["run"] != run:
            note = states.ending(state, run) or f"run {run} has nothing pending here"
            return {"changed": False, "late": True, "note": f"the watchdog came too late: {note}"}
        why = why_overdue(session, pending)
        if not why:
            return {"changed": False, "goes_on": True, "note": f"run {run} goes on"}
        if asked is not None and asked.decision == "confirm":
            answer = confirm_decided(session, state, "the watchdog", asked.why)
            if answer is not None:
                return answer
        return end_pending(session, state, "watchdog", f"{why}; {asked.why}" if asked and asked.why else why)


def boot(session: Session) -> Json:
    """Before nginx starts: let the link lead to the release of before the pending phase, and a watchdog see to the
    rest.
    """
    pending = session.store.load()["pending"]
    if pending is None or pending.get("boot") == session.system.boot():
        return {"changed": False, "note": "nothing is pending since before this boot"}
    with suppress(Fault):
        # First, so that somebody sees to it whatever becomes of this. Where it cannot be had so early, the next contact
        # proves what nginx starts with.
        # systemd lets one start of nginx wait for another; with others the watchdog's would be a second one.
        waits = session.system.systemd() or running_masters(session)
        arm(session, pending["run"], _LOOK if waits else _BOOTING)
    if running_masters(session):
        return {"changed": False, "note": "nginx runs already; the watchdog rolls the pending release back"}
    with session.store.lock(session.run, "boot"):
        state = session.store.load()
        pending = state["pending"]
        if pending is None:
            return {"changed": False, "note": "nothing is pending any more"}
        session.journal("boot", release=pending["release"], why=why_overdue(session, pending))
        restore_link(session, state, pending["before"])
        return {"changed": True, "note": f"release {pending['before'][:12]} is what nginx starts with"}


def _left(session: Session, run: str) -> float | None:
    """Seconds until the watchdog's turn; none when there is nothing pending any more.

    It is armed before the pending phase begins, so without one the heartbeat tells whether it is still to come.
    """
    pending = session.store.load()["pending"]
    if pending is not None and pending["run"] == run:
        return due_in(session, pending)
    return due_in(session, {"run": run}) or None
