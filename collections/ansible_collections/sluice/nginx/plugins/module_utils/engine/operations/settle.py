"""``confirm`` and ``revert``: the two ends of a pending release. The lock lets exactly one of them win."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import state as states
from ..serving import go_back
from ..session import Fault, Problem, Session, problems_of
from ..trees.installed import linked_release

if TYPE_CHECKING:
    from ..forms import ConfirmRequest, Json, RevertRequest

__all__ = ["confirm", "revert"]


def confirm(session: Session, request: ConfirmRequest) -> Json:
    """Accept the pending release of this run, and prune what nobody needs.

    Confirming twice changes nothing. Raises ``Fault``.
    """
    release = request["release"]
    with session.store.lock(session.run, "confirm"):
        state = session.store.load()
        pending, accepted = state["pending"], state["confirmed"]
        if pending is None and accepted and accepted["release"] == release:
            return {"changed": False, "release": release, "pruned": []}
        if (
            pending is None
            or pending["release"] != release
            or pending["run"] != session.run["id"]
            or pending["phase"] != "serving"
        ):
            raise Fault(_not_confirmable(release, state))
        session.journal("confirm", release=release, mark="begin")
        state = states.confirmed(state, session.run, session.system.now())
        session.save(state)
        pruned = _prune(session, state, int(request.get("keep", 5)))
        session.journal("confirm", release=release, mark="end", pruned=pruned)
        return {"changed": True, "release": release, "pruned": pruned}


def _not_confirmable(release: str, state: Json) -> Problem:
    pending, accepted = state["pending"], state["confirmed"]
    if pending:
        seen = f"pending is {pending['release'][:12]} of run {pending['run']}, phase {pending['phase']}"
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
        session.save(state)
        for path in (session.layout.release(release), session.layout.bundle(release), session.layout.meta(release)):
            session.system.remove(path)
    return pruned


def revert(session: Session, request: RevertRequest) -> Json:
    """Take back what this run (or the run ``of``) did here, be it pending or confirmed."""
    run = str(request.get("of") or session.run["id"])
    check_timeout = float((request.get("options") or {}).get("check_timeout", 10.0))
    with session.store.lock(session.run, "revert"):
        state = session.store.load()
        to = states.way_back(state, run)
        if to is None:
            return {
                "changed": False,
                "release": state["live"],
                "reverted": None,
                "broken": False,
                "note": "nothing to take back",
            }
        pending = state["pending"]
        # Once the link was switched, a restart of nginx may have read it, whatever phase was reached.
        unread = pending is not None and pending["phase"] == "intent" and linked_release(session) != pending["release"]
        session.journal("revert", release=to, mark="begin", of=run)
        began = session.system.monotonic()
        try:
            _, served = go_back(session, state, to, reload=not unread, check_timeout=check_timeout)
        except Exception as error:
            session.journal("way back failed", release=to, why=str(error)[:500])
            return {"changed": True, "release": to, "reverted": False, "broken": True, "problems": problems_of(error)}
        answer: Json = {"changed": True, "release": to, "reverted": True, "broken": False, "checks": []}
        if served is not None:
            offset = round((served.signalled_at - began) * 1000)
            answer["checks"] = served.checks
            answer["workers"] = served.workers
            answer["timings"] = {
                "failed_to_worker": offset + served.to_worker,
                "failed_to_proof": offset + served.to_proof,
            }
        return answer
