"""``confirm`` and ``rollback``: the two ends of a pending release. The lock lets exactly one of them win."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...untrusted import ReleaseId
from .. import state as states
from ..admission import is_strict, refuse_drill
from ..generation import generation_problems
from ..session import Fault, Problem, Session, problems_of
from ..timestamps import seconds_of
from ..trees.external_files import fingerprints
from ..trees.release_inventory import remove_unknown
from ..watchdog.arm import arm, disarm
from ..watchdog.heartbeat import DEADLINE, DECISION, why_overdue
from ..watchdog.heartbeat import release as end_heartbeat

if TYPE_CHECKING:
    from ..protocol import ConfirmRequest, Json, RollbackRequest
    from ..serving import Served
    from ..watchdog.decision import Asked

# Seconds in which the run that confirmed a release may still roll back it, on a host that takes signed statements only.
_JUST_CONFIRMED = 3600

__all__ = ["asked_for", "confirm", "confirm_decided", "end_pending", "let_watchdog_go", "recover", "rollback", "times"]


def confirm(session: Session, request: ConfirmRequest, bundle: bytes = b"") -> Json:
    """Accept the pending release of this run, and prune what nobody needs.

    Confirming twice changes nothing. Raises ``Fault``, which says who was first, when it is not this run's to accept.
    """
    release = request["release"]
    with session.store.lock(session.run, "confirm"):
        state = session.store.load()
        pending, accepted = state["pending"], state["confirmed"]
        if pending is None and accepted and accepted["release"] == release:
            return {"changed": False, "release": release, "pruned": []}
        if not _confirmable(session, pending, release, session.run["id"]):
            raise Fault(_not_confirmable(session, release, state))
        state = _accepted(session, state, session.run)
        pruned = _prune(session, state, int(request.get("keep", 5)))
        session.journal("confirm", release=release, mark="end", pruned=pruned)
        let_watchdog_go(session, pending["run"])
        return {"changed": True, "release": release, "pruned": pruned}


def _accepted(session: Session, state: Json, run: Json, by: str = "") -> Json:
    """Accept what is pending, and return the state. Raises ``Fault`` where it does not serve as it was switched."""
    pending = state["pending"]
    release = pending["release"]
    refuse_drill(session, release)
    session.journal("confirm", release=release, mark="begin", **({"by": by} if by else {}))
    problems = generation_problems(session, state, pending)
    if problems:
        session.journal("confirm", release=release, mark="failed", why=problems[0].what)
        raise Fault(*problems)
    meta = session.store.meta(release)
    session.store.save_meta(release, {**meta, "outside": fingerprints(meta)})
    state = states.confirmed(state, run, session.system.now(), by)
    session.save(state)
    return state


def asked_for(session: Session, pending: Json) -> Asked | None:
    """Return how the roll-out of what is pending ends, by the store; None where this host has none to ask."""
    if not (session.layout.runtime / DECISION).exists():
        return None
    from ..watchdog.decision import ask

    return ask(session, pending)


def confirm_decided(session: Session, state: Json, by: str, why: str) -> Json | None:
    """Accept what is pending, as was decided for every slice of its roll-out. The caller has the lock.

    Returns None where it does not serve any more, so that only the rollback is left.
    """
    pending = state["pending"]
    release = pending["release"]
    if not _confirmable(session, pending, release, pending["run"]):
        session.warn(f"release {release[:12]} was to be confirmed, and does not serve any more")
        return None
    try:
        _accepted(session, state, {**session.run, "id": pending["run"]}, f"{by}, as was decided: {why}")
    except Fault as fault:
        session.warn(f"release {release[:12]} was to be confirmed, and could not be: {fault}")
        return None
    session.journal("confirm", release=release, mark="end", pruned=[])
    let_watchdog_go(session, pending["run"])
    note = f"release {release[:12]} of run {pending['run']} is confirmed by {by}, as was decided for all slices"
    return {"changed": True, "release": release, "pruned": [], "note": note}


def _confirmable(session: Session, pending: Json | None, release: str, run: str) -> bool:
    return (
        pending is not None
        and pending["release"] == release
        and pending["run"] == run
        and pending["phase"] == "serving"
        and pending.get("boot") == session.system.boot()
        and session.layout.linked() == release
    )


def _not_confirmable(session: Session, release: str, state: Json) -> Problem:
    pending, accepted, last = state["pending"], state["confirmed"], state["last"]
    if pending:
        seen = f"pending is {pending['release'][:12]} of run {pending['run']}, phase {pending['phase']}"
        if pending.get("boot") != session.system.boot():
            seen += ", and this machine was started since"
    elif last and (last["release"], last["run"]) == (release, session.run["id"]):
        seen = f"it {states.ended(last)}"
    else:
        seen = f"nothing is pending, confirmed is {accepted['release'][:12] if accepted else 'nothing'}"
    return Problem(
        f"release {release[:12]} cannot be confirmed on this host",
        "it is pending, of this run, and serves",
        seen,
        "deploy it again",
    )


def _prune(session: Session, state: Json, keep: int) -> list[str]:
    pruned = states.prunable(state, keep)
    for release in pruned:
        # The state forgets it first: what is left on disk after a crash is then only waste.
        del state["releases"][release]
    if pruned:
        session.save(state)
    remove_unknown(session, state)
    return pruned


def _watchdog_the_way(session: Session) -> None:
    """What was confirmed has no watchdog any more; the rollback from it gets one, for it may be cut short, too."""
    try:
        arm(session, session.run["id"], DEADLINE)
    except Fault as fault:
        session.warn(str(fault))


def let_watchdog_go(session: Session, run: str) -> None:
    """The pending phase of a run has ended: nobody has to watch it any more."""
    end_heartbeat(session)
    disarm(session, run)


def rollback(session: Session, request: RollbackRequest, bundle: bytes = b"") -> Json:
    """Roll back what this run (or the run ``of``) did here, be it pending or confirmed."""
    run = str(request.get("of") or session.run["id"])
    with session.store.lock(session.run, "rollback"):
        state = session.store.load()
        to = states.rollback(state, run)
        if to is None:
            return {
                "changed": False,
                "release": state["live"],
                "rolled_back": None,
                "broken": False,
                **_ended_before(state, run),
            }
        _hold_confirmed(session, state)
        timeout = float((request.get("options") or {}).get("check_timeout", 10.0))
        by = (
            f"run {session.run['id']}"
            if run == session.run["id"]
            else f"{session.run['who']} from {session.run['from']}"
        )
        answer = _roll_back(session, state, to, by, timeout)
    from .traffic import counted

    # Without the lock: the host is back, and nobody has to wait for this.
    attempt = state["pending"] or state["confirmed"] or {}
    return {**answer, "traffic": counted(session, str(attempt.get("since")), attempt.get("release", to), to)}


def _ended_before(state: Json, run: str) -> Json:
    """Return why nothing of ``run`` is left to roll back: another has seen to it, or it changed nothing."""
    note = states.ending(state, run)
    if not note:
        return {"note": "nothing to roll back"}
    last = state["last"]
    return {"note": note, **({"rolled_back_by": last["by"]} if last["outcome"] == "rolled_back" else {})}


def _hold_confirmed(session: Session, state: Json) -> None:
    """A run may roll back what it has just confirmed, for another host could not. Later that is a rollback, which is
    signed where receipts are: else whoever may log in could go back from release to release. Raises ``Fault``.
    """
    if state["pending"] is not None or not is_strict(session):
        return
    accepted = state["confirmed"]
    if seconds_of(session.system.now()) - seconds_of(str(accepted["since"])) > _JUST_CONFIRMED:
        what = (
            f"release {accepted['release'][:12]} was confirmed at {accepted['since']}, and this host takes no rollback"
        )
        do = "run sluice.nginx.rollback with gates_signing_key, which signs a permission"
        raise Fault(Problem(f"{what} of it any more", "a signed permission", fix=do))


def end_pending(session: Session, state: Json, by: str, why: str) -> Json:
    """Roll a pending release back because its run's time is over. The caller has the lock."""
    pending = state["pending"]
    session.journal("watchdog", release=pending["release"], of=pending["run"], why=why)
    session.warn(f"release {pending['release'][:12]} of run {pending['run']} is rolled back by {by}: {why}")
    return _roll_back(session, state, pending["before"], by, 10.0)


def recover(session: Session, state: Json) -> Json:
    """End what a crash has left and nobody sees to any more. The caller has the lock; returns the state.

    Raises ``Fault`` when the rollback fails.
    """
    pending = state["pending"]
    why = why_overdue(session, pending) if pending else ""
    if not why:
        return state
    asked = asked_for(session, pending)
    by = f"run {session.run['id']}"
    if asked is not None and asked.decision == "confirm" and confirm_decided(session, state, by, asked.why):
        return session.store.load()
    answer = end_pending(session, state, f"run {session.run['id']}", why)
    if answer.get("broken"):
        raise Fault(*answer["problems"])
    for problem in answer.get("problems", []):
        session.warn(problem.what)
    session.rolling_back = False
    return session.store.load()


def _roll_back(session: Session, state: Json, to: ReleaseId, by: str, check_timeout: float) -> Json:
    # Here, as most pending phases are confirmed, and need nothing of the rollback.
    from ..rollback import roll_back

    pending = state["pending"]
    # What the link leads to, whatever phase was reached, somebody else may have let nginx read meanwhile.
    unread = pending is not None and pending["phase"] == "intent" and session.layout.linked() == to
    if pending is None:
        _watchdog_the_way(session)
    session.journal("rollback", release=to, mark="begin", by=by)
    began = session.system.monotonic()
    try:
        back = roll_back(session, state, to, by=by, reload=not unread, check_timeout=check_timeout)
    except Exception as error:
        return {"changed": True, "release": to, "rolled_back": False, "broken": True, "problems": problems_of(error)}
    let_watchdog_go(session, pending["run"] if pending else session.run["id"])
    answer: Json = {
        "changed": True,
        "release": back.release,
        "rolled_back": True,
        "broken": False,
        "means": back.means,
        "checks": [],
        "problems": back.broken_checks,
    }
    if back.served is not None:
        answer.update(checks=back.served.checks, workers=back.served.workers)
        answer["timings"] = times("failed", back.served, began)
    return answer


def times(name: str, served: Served, since: float) -> dict[str, int]:
    """Return how many ms after ``since`` the first worker answered, and the proof was done."""
    offset = round((served.signalled_at - since) * 1000)
    return {f"{name}_to_worker": offset + served.to_worker, f"{name}_to_proof": offset + served.to_proof}
