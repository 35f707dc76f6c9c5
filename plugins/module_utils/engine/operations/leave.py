"""``leave``: make ``/etc/nginx`` a plain directory again, and remove every trace of Sluice from this host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import state as states
from ..checks import contract_of
from ..host.nginx import build, running_masters, try_tree
from ..host.processes import workers_of
from ..host.system import NoNamespace
from ..labelling import forget_labels
from ..pending import pending_problem
from ..rollback import roll_back
from ..serving import check_problems, run_contract
from ..session import Fault, Problem, problems_of
from ..store import Locked
from ..traces import find_foreign, find_traces, leaving, remove_traces
from ..trees.directory import directory_problems, make_directory, put_directory
from ..trees.drift import drift, drift_problem, sorted_drift
from ..trees.installed import adopt
from ..watchdog.arm import arm
from ..watchdog.heartbeat import DEADLINE, keeper
from .finalize import end_pending, let_watchdog_go

if TYPE_CHECKING:
    from pathlib import Path

    from ...untrusted import ReleaseId
    from ..host.processes import Master
    from ..protocol import Json, LeaveRequest
    from ..session import Session

__all__ = ["leave"]

_CHECK_TIMEOUT = 10.0


def leave(session: Session, request: LeaveRequest, bundle: bytes = b"") -> Json:
    """Take Sluice off this host. nginx serves the same files, and is not told anything.

    Until ``/etc/nginx`` is proved to be as good as before, the host has a pending release: the live one, which the
    watchdog would lead it back to. Then the state says that the host was never touched, and what is left of Sluice is
    waste. Raises ``Fault``; nothing is removed then.
    """
    if session.own:
        what = "the host's own engine does not remove itself: whoever has its key could then bring what is not signed"
        do = "run sluice.nginx.leave as an administrator: -e rollout_engine_command= and a user who is root"
        raise Fault(Problem(what, "root by another way", fix=do))
    if request.get("looking"):
        return {**_told(session), "changed": False, "problems": _look(session, request)}
    answer = _told(session)
    if not answer["changed"]:
        return answer
    with session.store.lock(session.run, "leave"):
        state = _recovered(session, session.store.load())
        problems = _problems(session, state, request)
        if problems:
            raise Fault(*problems)
        answer = _told(session)
        if answer["release"] is not None:
            state = _turn(session, state, answer["release"])
        # From here on the host is one that Sluice never touched, whatever happens.
        session.save({**states.empty(), "version": state["version"]})
        let_watchdog_go(session, session.run["id"])
        session.alive = _no_sign
        forget_labels(session)
        return {**answer, "removed": remove_traces(session)}


def _told(session: Session) -> Json:
    """Return what there is to be removed, and what stays for others."""
    release, removed = session.layout.linked(), [str(path) for path in find_traces(session)]
    return {"changed": bool(release or removed), "release": release, "removed": removed, "left": find_foreign(session)}


def _no_sign() -> None:
    """No watchdog waits for a heartbeat any more, and one would be a trace."""


def _look(session: Session, request: LeaveRequest) -> list[Problem]:
    """Return what is in the way, without a lock, since that would write."""
    holder = session.store.holder()
    if holder:
        raise Locked(holder)
    return _problems(session, session.store.load(), request)


def _recovered(session: Session, state: Json) -> Json:
    """Roll back what an earlier ``leave`` has begun here and not ended. The caller has the lock, so it is dead."""
    pending = state["pending"]
    if not pending or pending["run"] != session.run["id"]:
        return state
    answer = end_pending(session, state, f"run {session.run['id']}", "it was cut short")
    if answer.get("broken"):
        raise Fault(*answer["problems"])
    session.rolling_back = False
    return session.store.load()


def _problems(session: Session, state: Json, request: LeaveRequest) -> list[Problem]:
    pending = state["pending"]
    if pending and pending["run"] != session.run["id"]:
        return [pending_problem(session, pending)]
    problems = []
    differences = [] if pending else drift(session, state)
    found = sorted_drift(session, state, differences)
    policy = request.get("drift") or "refuse"
    if differences and (policy == "discard" or found.stops(policy)):
        do = "-e rollout_drift=adopt leaves them as they are now; or deploy with -e rollout_drift=discard first"
        problems.append(drift_problem(session, state, found)._replace(fix=do))
    if session.layout.linked() is not None:
        problems += directory_problems(session)
    return problems + _test(session, None)


def _test(session: Session, place: Path | None) -> list[Problem]:
    """Return what ``nginx -t`` finds in the directory, as if it were ``/etc/nginx``, or in what is there."""
    master = _master(session)
    if master is None and build(session) is None:
        session.warn("nginx is not installed on this host, so it was not asked (nginx -t)")
        return []
    try:
        tested = try_tree(session, master, place)
    except NoNamespace:
        # What is not tested apart is tested in its place.
        return []
    if tested.ok:
        return []
    where = "what is to be /etc/nginx" if place else "/etc/nginx"
    return [Problem(f"nginx refuses {where} (nginx -t)", "a configuration that passes", nginx=tested.output)]


def _master(session: Session) -> Master | None:
    """Return the nginx that runs here: to leave a host it need not run."""
    masters = running_masters(session)
    return masters[0] if len(masters) == 1 else None


def _turn(session: Session, state: Json, release: ReleaseId) -> Json:
    """Make the link a directory, and prove that nginx serves as before. Returns the state. Raises ``Fault`` when it is
    a link again.
    """
    run, meta = session.run, session.store.meta(release)
    if drift(session, state):
        with session.step("adopt"):
            state = adopt(session, state, meta.get("facts") or {})
            session.journal("adopted", release=state["live"])
    before: ReleaseId = state["live"]
    arm(session, run["id"], DEADLINE)
    session.alive = keeper(session, run["id"], DEADLINE)
    session.journal("pending", release=before, before=before, who=run["who"], deadline=DEADLINE)
    state = states.begun(state, before, run, session.system.now(), session.system.boot(), DEADLINE)
    session.save(state)
    try:
        workers = _workers(session)
        broken = {outcome["name"] for outcome in _outcomes(session, meta) if not outcome["ok"]}
        with session.step("copy"):
            place = make_directory(session)
        with session.step("test apart"):
            _hold(_test(session, place))
        with session.step("swap", release=before):
            put_directory(session, place)
        with session.step("test in place"):
            _hold(_test(session, None))
        # What did not hold before is nobody's fault here.
        _hold(check_problems([each for each in _outcomes(session, meta) if each["name"] not in broken]))
        if _workers(session) != workers:
            raise Fault(Problem("somebody else reloaded nginx meanwhile", "the same workers", fix="try again"))
    except Exception as error:
        problems = problems_of(error)
        try:
            session.rolling_back = True
            swapped = session.layout.linked() != before
            roll_back(session, state, before, by=f"run {run['id']}", reload=swapped, check_timeout=_CHECK_TIMEOUT)
            let_watchdog_go(session, run["id"])
            session.system.remove(leaving(session))
        except Exception as worse:
            problems += [each._replace(what=f"the rollback failed too: {each.what}") for each in problems_of(worse)]
        raise Fault(*problems) from error
    return state


def _hold(problems: list[Problem]) -> None:
    if problems:
        raise Fault(*problems)


def _outcomes(session: Session, meta: Json) -> list[Json]:
    """Return the outcomes of the live release's checks, where nginx runs."""
    return run_contract(session, contract_of(session, meta), _CHECK_TIMEOUT) if _master(session) else []


def _workers(session: Session) -> set[tuple[int, int]]:
    """Return the workers that take connections: as long as they are the same, nginx has read nothing anew."""
    master = _master(session)
    found = workers_of(session.system.proc, master) if master else []
    return {worker.key for worker in found if not worker.draining}
