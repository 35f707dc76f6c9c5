"""What is to be said of a pending release."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .host.nginx import find_master
from .host.processes import Master, workers_of
from .session import Problem, Session
from .watchdog.heartbeat import due_in

if TYPE_CHECKING:
    from .protocol import Json

__all__ = ["pending_problem", "worker_problems"]


def pending_problem(session: Session, pending: Json) -> Problem:
    """Return whose release is pending, and until when."""
    if pending.get("broken"):
        return Problem(
            f"this host is broken: no rollback from release {pending['release'][:12]} (run {pending['run']}) succeeded",
            f"release {pending['before'][:12]} serves",
            "; ".join(pending["broken"]),
            "fix what is said here on the host; the watchdog goes on trying, and sluice.nginx.unlock tries at once",
        )
    return Problem(
        f"the host has a pending release {pending['release'][:12]} of run {pending['run']}",
        "no release that is neither confirmed nor rolled back",
        f"{pending['who']} from {pending['from']} began at {pending['since']}, phase {pending['phase']}",
        f"wait until that run has ended; if it died, the watchdog rolls it back in {due_in(session, pending):.0f} s, "
        "and sluice.nginx.unlock rolls it back now",
    )


def worker_problems(session: Session, pending: Json) -> list[Problem]:
    """Return a problem where other workers serve than those that the pending phase was proved with."""
    expected = {(pid, started) for pid, started in pending.get("workers") or []}
    master = find_master(session)
    found = {worker.key for worker in workers_of(session.system.proc, master) if not worker.draining}
    if found == expected:
        return []
    return [
        Problem(
            f"nginx's workers are no longer those of the switch: {_why(master, expected)}",
            f"workers {_pids(expected)}",
            f"workers {_pids(found)}",
        )
    ]


def _why(master: Master, workers: set[tuple[int, int]]) -> str:
    # A master that is younger than the workers of the switch is not theirs.
    if workers and master.started > max(started for _, started in workers):
        return "nginx was restarted meanwhile, or its package upgraded the running binary"
    return "they died, or somebody else reloaded nginx"


def _pids(keys: set[tuple[int, int]]) -> str:
    return ", ".join(str(pid) for pid, _ in sorted(keys)) or "none"
