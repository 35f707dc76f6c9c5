"""``activate``: install, adopt, test, switch, reload, prove, check; and all the way back when any of it fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ...manifest import entries_from_json
from .. import state as states
from ..host.nginx import Tried, build, find_master, master_problems, try_tree
from ..host.processes import Master, open_logs, workers_of
from ..host.system import NoNamespace
from ..serving import Served, go_back, mark_logs, reload_and_prove, watched_logs
from ..session import Fault, Problem, Session, problems_of
from ..trees import installed
from ..trees.live import point

if TYPE_CHECKING:
    from ..forms import ActivateRequest, Facts, Json

__all__ = ["activate", "drift_problem", "pending_problem"]


class _Release(NamedTuple):
    """What is to be activated; ``meta`` is stored beside it."""

    id: str
    meta: Json
    check_timeout: float
    test_timeout: float


def activate(session: Session, request: ActivateRequest, bundle: bytes) -> Json:
    """Make a release live and pending. Raises ``Fault`` for what stops it before anything is switched."""
    with session.store.lock(session.run, "activate"):
        release = _read(session, request)
        state = session.store.load()
        if state["pending"]:
            return _again(session, state, release)
        master = find_master(session)
        problems = master_problems(session, master, build(session, master), release.meta["facts"])
        if problems:
            raise Fault(*problems)
        state, settled = _settle_drift(session, state, request.get("drift") or "refuse")
        if settled and state["live"] == release.id:
            return {"changed": False, "release": release.id, "before": state["live"], "checks": []}
        session.journal("activate", release=release.id, mark="begin", receipt=request.get("receipt"))
        if not installed.is_ours(session, state):
            with session.step("adopt"):
                state = installed.adopt(session, state, _running_facts(session, master))
                session.save(state)
        with session.step("install"):
            state = _install(session, state, release, bundle)
        state = states.begun(state, release.id, session.run, session.system.now())
        session.save(state)
        return _switch(session, state, release, master)


def _read(session: Session, request: ActivateRequest) -> _Release:
    form = request["release"]
    release = form["id"]
    options = request.get("options") or {}
    timeouts = (float(options.get("check_timeout", 10.0)), float(options.get("test_timeout", 120.0)))
    if request.get("stored"):
        meta = session.store.meta(release)
        if not meta:
            raise Fault(
                Problem(f"this host has no release {release[:12]}", do="see the status of the host for those it has")
            )
        return _Release(release, {"facts": {}, **meta}, *timeouts)
    meta = {
        "id": release,
        "origin": "pushed",
        "manifest": form["manifest"],
        "kept": form.get("kept") or [],
        "facts": form.get("facts") or {},
        "contract": form.get("contract") or [],
        "platform": form.get("platform") or {},
        "receipt": request.get("receipt"),
    }
    return _Release(release, meta, *timeouts)


def _again(session: Session, state: Json, release: _Release) -> Json:
    """A pending release is there already: fine when it is this one of this run, and serves."""
    pending = state["pending"]
    if pending["run"] == session.run["id"] and pending["release"] == release.id and pending["phase"] == "serving":
        return {"changed": False, "release": release.id, "before": pending["before"], "checks": []}
    raise Fault(pending_problem(pending))


def pending_problem(pending: Json) -> Problem:
    """Say whose release is on trial."""
    return Problem(
        f"the host has a pending release {pending['release'][:12]} of run {pending['run']}",
        "no release that is neither confirmed nor reverted",
        f"{pending['who']} from {pending['from']} began at {pending['since']}, phase {pending['phase']}",
        "wait until that run has ended; if it died, playbooks/unlock.yml takes it back",
    )


def _settle_drift(session: Session, state: Json, wish: str) -> tuple[Json, bool]:
    """See to drift as wished. Also tells whether the live release, confirmed and whole, was already there."""
    differences = installed.drift(session, state)
    if not differences:
        accepted = state["confirmed"]
        return state, accepted is not None and accepted["release"] == state["live"] and installed.is_ours(
            session, state
        )
    if wish == "adopt":
        with session.step("adopt drift", paths=len(differences)):
            state = installed.adopt(session, state, session.store.meta(state["live"]).get("facts") or {})
            # The link leads to the copy before anything else, since the drifted tree is about to become its own release
            # again.
            point(session, state["live"])
            session.save(state)
        return state, False
    if wish == "discard":
        with session.step("discard drift", paths=len(differences)):
            installed.repair(session, state["live"])
            point(session, state["live"])
        return state, False
    raise Fault(drift_problem(differences))


def drift_problem(differences: list[Any]) -> Problem:
    """Say which paths are not as the release left them, at most twenty."""
    listed = [f"{path} ({what})" for path, what in differences[:20] if path != installed.NOT_LINKED]
    if any(path == installed.NOT_LINKED for path, _ in differences):
        listed.insert(0, "/etc/nginx no longer leads to the live release")
    more = f" and {len(differences) - 20} more" if len(differences) > 20 else ""
    return Problem(
        "the live tree was changed on the host since it was deployed (drift)",
        "the files of the live release",
        ", ".join(listed) + more,
        "adopt it (keeps a copy as a release to go back to) or discard it, or bring the change into the deployed tree",
    )


def _running_facts(session: Session, master: Master) -> Facts:
    """What can be known of a configuration that somebody else wrote: its logs, and how many workers it has."""
    workers = [worker for worker in workers_of(session.system.proc, master) if not worker.draining]
    return {
        "error_logs": open_logs(session.system.proc, master.pid),
        "access_logs": [],
        "worker_processes": len(workers) or None,
    }


def _install(session: Session, state: Json, release: _Release, bundle: bytes) -> Json:
    installed.keep(session, release.meta.get("kept") or [])
    if not installed.has_release(session, release.id):
        owners = release.meta.get("origin") == "adopted"
        installed.install(session, release.id, entries_from_json(release.meta["manifest"]), bundle, owners)
    session.store.save_meta(release.id, release.meta)
    return states.installed(state, release.id, str(release.meta.get("origin", "pushed")), session.system.now())


def _switch(session: Session, state: Json, release: _Release, master: Master) -> Json:
    before: str = state["pending"]["before"]
    answer: Json = {"changed": False, "release": before, "before": before, "checks": [], "timings": {}}
    timings = answer["timings"]
    swapped = reloaded = False
    try:
        tested = _test_apart(session, release, master)
        with session.step("swap", release=release.id):
            swapped = True
            point(session, release.id)
        state = states.moved(state, "switched")
        session.save(state)
        if tested is None:
            tested = _test_in_place(session, release, master)
        timings["test"] = round(tested.seconds * 1000)
        logs = watched_logs(session, master, release.meta, session.store.meta(before))
        marks = mark_logs(session, logs)
        access = mark_logs(session, sorted(set(release.meta["facts"].get("access_logs") or [])))
        # Written before the signal: whoever recovers must reload unless it is sure that there was none.
        reloaded = True
        state = states.moved(state, "reloaded", marks={**marks, **access}, test_ms=timings["test"])
        session.save(state)
        served = reload_and_prove(
            session, release.meta, marks, test_seconds=tested.seconds, check_timeout=release.check_timeout
        )
        state = states.moved(state, "serving", workers=served.workers, old_pids=served.old_pids)
        session.save(state)
    except Exception as error:
        answer["problems"] = problems_of(error)
        session.journal("failed", release=release.id, why=str(error)[:500])
        _take_back(session, state, before, answer, swapped, reloaded, release.check_timeout)
        return answer
    session.journal("activate", release=release.id, mark="end")
    return {**answer, **_success(served, release.id), "timings": {**timings, **_times("reload", served, 0)}}


def _success(served: Served, release: str) -> Json:
    return {"changed": True, "release": release, "checks": served.checks, "workers": served.workers}


def _times(name: str, served: Served, offset: int) -> dict[str, int]:
    return {f"{name}_to_worker": offset + served.to_worker, f"{name}_to_proof": offset + served.to_proof}


def _test_apart(session: Session, release: _Release, master: Master) -> Tried | None:
    """Test the tree at its real path while nobody else sees it there; nothing where the host does not allow that."""
    with session.step("test apart"):
        try:
            tested = try_tree(session, master, session.layout.release(release.id), release.test_timeout)
        except NoNamespace:
            return None
        return _passed(session, tested)


def _test_in_place(session: Session, release: _Release, master: Master) -> Tried:
    with session.step("test in place"):
        return _passed(session, try_tree(session, master, None, release.test_timeout))


def _passed(session: Session, tested: Tried) -> Tried:
    for line in tested.warnings:
        session.warn(line)
    if not tested.ok:
        raise Fault(
            Problem(
                "nginx refuses the release on this host (nginx -t)", "a configuration that passes", nginx=tested.output
            )
        )
    return tested


def _take_back(
    session: Session, state: Json, before: str, answer: Json, swapped: bool, reloaded: bool, check_timeout: float
) -> None:
    """Bring the host back and say how that went, in ``answer``."""
    failed_at = session.system.monotonic()
    session.going_back = True
    if not swapped:
        session.save(states.taken_back(state, before))
        answer.update(reverted=None, broken=False)
        return
    try:
        _, served = go_back(session, state, before, reload=reloaded, check_timeout=check_timeout)
    except Exception as error:
        answer["problems"] += [
            problem._replace(what=f"the way back failed too: {problem.what}") for problem in problems_of(error)
        ]
        session.journal("way back failed", release=before, why=str(error)[:500])
        answer.update(reverted=False, broken=True)
        return
    answer.update(reverted=True, broken=False)
    if served is not None:
        offset = round((served.signalled_at - failed_at) * 1000)
        answer["timings"].update(_times("failed", served, offset))
