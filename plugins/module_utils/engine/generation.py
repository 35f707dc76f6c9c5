"""Workers of a pending release that are no longer those of the switch: died, or a new generation of the same release.

Whoever renews a certificate reloads nginx, whether or not a release is pending. nginx then reads the same release
again, with the new certificate. That is no fault, when it is proved as the switch was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .host.nginx import find_master
from .host.processes import workers_of
from .logs import copied, logs_of
from .pending import worker_problems
from .serving import check_problems, prove_serving
from .session import Problem, Session, problems_of
from .trees.drift import drift, sorted_drift

if TYPE_CHECKING:
    from .protocol import Json

__all__ = ["generation_problems"]


def generation_problems(session: Session, state: Json, pending: Json, check_timeout: float = 10.0) -> list[Problem]:
    """Return what is wrong with the workers that serve now; nothing where they are those of the switch, or a whole new
    generation of the same release that is proved.

    One that replaced some of them only is none: those have died.
    """
    problems = worker_problems(session, pending)
    if not problems or not _are_all_new(session, pending):
        return problems
    found = sorted_drift(session, state, drift(session, state))
    changed = [*(each.path for each in found.own), *sorted(found.package)]
    if changed:
        return [problems[0]._replace(expected="a reload of the release", actual=f"changed: {', '.join(changed[:5])}")]
    meta = session.store.meta(pending["release"])
    access = logs_of(meta, "access_logs")
    marks = {path: at for path, at in copied(pending.get("marks") or {}).items() if path not in access}
    try:
        served = prove_serving(
            session, meta, marks, test_seconds=_seconds(pending), reload=False, check_timeout=check_timeout
        )
    except Exception as error:
        return [*problems, *problems_of(error)]
    broken = check_problems(served.checks)
    if not broken:
        session.warn(
            "somebody else reloaded nginx, as after the renewal of a certificate; its new workers are of the same "
            "release, and proved"
        )
    return broken


def _are_all_new(session: Session, pending: Json) -> bool:
    """Return whether workers of the master of the switch serve, and none of the switch is among them.

    A reload replaces all of them, a death one at a time. A restart is more than a reload: what runs may be another
    binary than the one that was tested.
    """
    master = find_master(session)
    proved = {(pid, started) for pid, started in pending.get("workers") or []}
    serving = {worker.key for worker in workers_of(session.system.proc, master) if not worker.draining}
    is_same_master = bool(proved) and master.started <= min(started for _, started in proved)
    return is_same_master and bool(serving) and not serving & proved


def _seconds(pending: Json) -> float | None:
    took = pending.get("test_ms")
    return took / 1000 if isinstance(took, (int, float)) else None
