"""What is to be said of a release on trial."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .guard.lease import due_in
from .host.nginx import find_master
from .host.processes import workers_of
from .session import Problem, Session

if TYPE_CHECKING:
    from .forms import Json

__all__ = ["pending_problem", "worker_problems"]


def pending_problem(session: Session, pending: Json) -> Problem:
    """Say whose release is on trial, and until when."""
    if pending.get("broken"):
        return Problem(
            f"this host is broken: no way back from release {pending['release'][:12]} (run {pending['run']}) succeeded",
            f"release {pending['before'][:12]} serves",
            "; ".join(pending["broken"]),
            "mend what is said here on the host; the guard goes on trying, and playbooks/unlock.yml tries at once",
        )
    return Problem(
        f"the host has a pending release {pending['release'][:12]} of run {pending['run']}",
        "no release that is neither confirmed nor reverted",
        f"{pending['who']} from {pending['from']} began at {pending['since']}, phase {pending['phase']}",
        f"wait until that run has ended; if it died, the guard takes it back in {due_in(session, pending):.0f} s, "
        "and playbooks/unlock.yml takes it back now",
    )


def worker_problems(session: Session, pending: Json) -> list[Problem]:
    """Say whether the workers that the trial was proved with are still those that serve."""
    expected = {(pid, started) for pid, started in pending.get("workers") or []}
    found = {worker.key for worker in workers_of(session.system.proc, find_master(session)) if not worker.draining}
    if found == expected:
        return []
    return [
        Problem(
            "nginx's workers are no longer those of the switch: they died, or somebody else reloaded nginx",
            f"workers {_pids(expected)}",
            f"workers {_pids(found)}",
        )
    ]


def _pids(keys: set[tuple[int, int]]) -> str:
    return ", ".join(str(pid) for pid, _ in sorted(keys)) or "none"
