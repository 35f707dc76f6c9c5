"""``activate``: install, adopt, test, switch, reload, prove, check; and all the rollback when any of it fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ...manifest import PathDifference, entries_from_json
from ...untrusted import ReleaseId
from .. import state as states
from ..admission import demand
from ..host.nginx import Tried, build, build_problems, find_master, master_problems, own_logs, try_tree
from ..host.processes import Master, open_logs
from ..host.starter import remember, starter_of
from ..host.system import NoNamespace
from ..labelling import denial_problems, prepare_labels
from ..logs import logs_of
from ..obstacles.files import file_problems
from ..obstacles.look import obstacles
from ..pending import pending_problem
from ..rollback import roll_back
from ..serving import Served, mark_logs, prove_serving, watched_logs
from ..session import Fault, Problem, Session, problems_of, shown
from ..trees import installed
from ..trees.drift import drift, drift_problem, is_ours, odd_problems, sorted_drift
from ..trees.live import point
from ..trees.release_inventory import has_release
from ..watchdog.arm import arm
from ..watchdog.heartbeat import DEADLINE, keeper
from .finalize import let_watchdog_go, recover, times

if TYPE_CHECKING:
    from ..protocol import ActivateRequest, Json, ReleaseFacts, RequestOptions

__all__ = ["activate"]

# A day, in seconds.
_LONGEST = 86400.0


class _Activated(NamedTuple):
    """What is to be activated; ``meta`` is stored beside it."""

    id: ReleaseId
    meta: Json
    check_timeout: float
    test_timeout: float
    deadline: float
    decision: Json | None


def activate(session: Session, request: ActivateRequest, bundle: bytes) -> Json:
    """Make a release live and pending, and watch it where the request says for how long.

    Raises ``Fault`` for what stops it before anything is switched.
    """
    release = _read(session, request)
    began = session.system.now()
    answer = _activate(session, request, release, bundle)
    if answer.get("rolled_back") is not None:
        from .traffic import counted

        # Without the lock: the host is back, and nobody has to wait for this.
        answer["traffic"] = counted(session, began, release.id, answer["before"])
    elif "seconds" in request and not answer.get("problems"):
        session.alive()
        answer["bake"] = _bake(session, release, float(request["seconds"]), request.get("options") or {})
    return answer


def _bake(session: Session, release: _Activated, seconds: float, options: RequestOptions) -> Json:
    """Bake without the lock. What is found is not the switch's: the release stays pending, and the run decides."""
    from .bake import watch

    try:
        # Its checks held a moment ago.
        found = watch(session, release.id, seconds, options, asked=seconds <= 0)
    except Exception as error:
        found = {"problems": problems_of(error)}
    return {**found, "problems": [problem.to_json() for problem in found.get("problems", [])]}


def _activate(session: Session, request: ActivateRequest, release: _Activated, bundle: bytes) -> Json:
    with session.store.lock(session.run, "activate"):
        state = recover(session, session.store.load())
        if state["pending"]:
            return _again(session, state, release)
        _admit(session, state, request, release)
        master = find_master(session)
        built = build(session, master, remember=True)
        facts = release.meta["facts"]
        # Beside the facts, which the receipt binds.
        release.meta["logs"] = own_logs(facts, built)
        problems = master_problems(session, master, built, facts)
        if built is not None:
            problems += build_problems(built, facts, release.meta.get("platform") or {})
        starter = starter_of(session, master)
        problems += file_problems(session) + obstacles(session, master, built, starter, facts)
        if problems:
            raise Fault(*problems)
        first = not is_ours(session, state)
        policy = request.get("drift") or "refuse"
        differences = [] if first else _drift(session, state, policy)
        odd = odd_problems(session) if first or (differences and policy != "discard") else []
        if odd:
            raise Fault(*odd)
        if _is_finalized(state, release) and not first and not differences:
            return {"changed": False, "release": release.id, "before": state["live"], "checks": []}
        remember(session, starter)
        session.journal("activate", release=release.id, mark="begin", receipt=request.get("receipt"))
        prepare_labels(session)
        if differences:
            session.journal(
                "discard drift" if policy == "discard" else "adopt drift", mark="end", paths=len(differences)
            )
        if first or (differences and policy != "discard"):
            with session.step("adopt"):
                known = None if first else _adopted_facts(session.store.meta(state["live"]))
                state = installed.adopt(session, state, known or _running_facts(session, master))
                session.journal("adopted", release=state["live"])
        state = _begin(session, state, release)
        return _switch(session, state, release, bundle, master, first)


def _drift(session: Session, state: Json, policy: str) -> list[PathDifference]:
    """Return the drift that does not stop this; shared paths that were replaced are taken over. Raises ``Fault``."""
    differences = drift(session, state)
    found = sorted_drift(session, state, differences)
    if found.shared:
        with session.step("take over"):
            installed.take_over(session, found.shared)
        differences = drift(session, state)
        found = sorted_drift(session, state, differences)
    if found.stops(policy):
        raise Fault(drift_problem(session, state, found))
    return differences


def _is_finalized(state: Json, release: _Activated) -> bool:
    accepted = state["confirmed"]
    return state["live"] == release.id and accepted is not None and accepted["release"] == release.id


def _admit(session: Session, state: Json, request: ActivateRequest, release: _Activated) -> None:
    """Hold the release to the receipt of its gates. Raises ``Fault``."""
    demand(session, state, request, release.id, release.meta)


def _begin(session: Session, state: Json, release: _Activated) -> Json:
    """The pending phase begins: the watchdog is armed before the intent is written, and the intent before anything is
    done.

    What was adopted just now is part of the same change of the state: there is no moment between the two.
    """
    run = session.run
    if release.decision:
        # Most runs are no slices of a roll-out.
        from ..watchdog.decision import remember as remember_store

        remember_store(session, run["id"], release.decision)
    arm(session, run["id"], release.deadline)
    session.alive = keeper(session, run["id"], release.deadline)
    facts = {"before": state["live"], "who": run["who"], "from": run["from"], "deadline": release.deadline}
    session.journal("pending", release=release.id, **facts)
    boot = session.system.boot()
    state = states.begun(state, release.id, run, session.system.now(), boot, release.deadline)
    session.save(state)
    return state


def _read(session: Session, request: ActivateRequest) -> _Activated:
    form = request["release"]
    release = form["id"]
    options: Json = {**(request.get("options") or {})}
    timeouts = (
        _seconds(options, "check_timeout", 10.0),
        _seconds(options, "test_timeout", 120.0),
        _seconds(options, "confirm_timeout", DEADLINE),
        request.get("decision"),
    )
    if request.get("stored"):
        meta = session.store.meta(release)
        if not meta:
            raise Fault(
                Problem(f"this host has no release {release[:12]}", fix="see the status of the host for those it has")
            )
        return _Activated(release, {"facts": {}, "origin": "pushed", **meta}, *timeouts)
    meta = {
        "id": release,
        "origin": "pushed",
        "manifest": form["manifest"],
        "shared": form.get("shared") or [],
        "facts": form.get("facts") or {},
        "contract": form.get("contract") or [],
        "platform": form.get("platform") or {},
        "receipt": request.get("receipt"),
        "signature": request.get("signature") or "",
    }
    return _Activated(release, meta, *timeouts)


def _seconds(options: Json, name: str, usual: float) -> float:
    """Read a time. Raises ``Fault`` for what is none, as NaN: it would be stored, and nobody could read that again."""
    seconds = float(options.get(name, usual))
    if 0 < seconds <= _LONGEST:
        return seconds
    raise Fault(Problem(f"{name} is no time that this host can wait", f"seconds, up to {_LONGEST:.0f}", f"{seconds:g}"))


def _again(session: Session, state: Json, release: _Activated) -> Json:
    """A pending release is there already: fine when it is this one of this run, and serves."""
    pending = state["pending"]
    if pending["run"] == session.run["id"] and pending["release"] == release.id and pending["phase"] == "serving":
        return {"changed": False, "release": release.id, "before": pending["before"], "checks": []}
    raise Fault(pending_problem(session, pending))


def _running_facts(session: Session, master: Master) -> ReleaseFacts:
    """What can be known of a configuration that somebody else wrote: its logs.

    How many workers it wants is not: right after a reload, that of a renewal say, there are those of before as well.
    """
    return {"error_logs": open_logs(session.system.proc, master.pid), "access_logs": [], "worker_processes": None}


def _adopted_facts(meta: Json) -> ReleaseFacts | None:
    """What is known of a release that was changed on the host is what was known of it before."""
    facts: ReleaseFacts | None = meta.get("facts")
    return facts and {**facts, **(meta.get("logs") or {})}


def _install(session: Session, release: _Activated, bundle: bytes) -> None:
    installed.keep(session, release.meta.get("shared") or [])
    if not has_release(session, release.id):
        owners = release.meta.get("origin") == "adopted"
        manifest = entries_from_json(release.meta["manifest"])
        installed.install(session, release.id, manifest, bundle, owners, release.meta.get("facts"))
    session.store.save_meta(release.id, release.meta)


def _switch(session: Session, state: Json, release: _Activated, bundle: bytes, master: Master, first: bool) -> Json:
    before: ReleaseId = state["pending"]["before"]
    answer: Json = {"changed": False, "release": before, "before": before, "checks": [], "timings": {}}
    timings = answer["timings"]
    # Where drift of this very release is discarded, installing it changes what the link leads to.
    swapped = reloaded = session.layout.linked() == release.id
    since = session.system.now()
    try:
        with session.step("install"):
            _install(session, release, bundle)
            state = states.installed(state, release.id, str(release.meta["origin"]), session.system.now())
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
        access = mark_logs(session, sorted(logs_of(release.meta, "access_logs")))
        # Written before the signal: whoever recovers must reload unless it is sure that there was none.
        reloaded = True
        state = states.moved(state, "reloaded", marks={**marks, **access}, test_ms=timings["test"])
        session.save(state)
        served = prove_serving(
            session,
            release.meta,
            marks,
            test_seconds=tested.seconds,
            check_timeout=release.check_timeout,
            fail_fast=True,
        )
        state = states.moved(state, "serving", workers=served.workers, old_pids=served.old_pids)
        session.save(state)
    except Exception as error:
        # The kernel's word on why comes last: it is no fault of the configuration alone.
        answer["problems"] = problems_of(error) + denial_problems(session, since)
        session.journal("failed", release=release.id, why=str(error)[:500])
        failed_at = getattr(error, "at", None) or session.system.monotonic()
        link = session.layout.linked()
        untouched = not swapped and (first or link == before)
        reloaded = reloaded or link not in (before, release.id)
        _roll_back(session, state, answer, untouched, reloaded, failed_at, release.check_timeout)
        return answer
    session.journal("activate", release=release.id, mark="end")
    session.alive()
    return {
        **answer,
        **_success(served, release.id),
        "timings": {**timings, **times("reload", served, served.signalled_at)},
    }


def _success(served: Served, release: str) -> Json:
    return {"changed": True, "release": release, "checks": served.checks, "workers": served.workers}


def _test_apart(session: Session, release: _Activated, master: Master) -> Tried | None:
    """Test the tree at its real path while nobody else sees it there; nothing where the host does not allow that."""
    with session.step("test apart"):
        try:
            tested = try_tree(session, master, session.layout.release(release.id), release.test_timeout)
        except NoNamespace:
            return None
        return _passed(session, tested)


def _test_in_place(session: Session, release: _Activated, master: Master) -> Tried:
    with session.step("test in place"):
        return _passed(session, try_tree(session, master, None, release.test_timeout))


def _passed(session: Session, tested: Tried) -> Tried:
    for line in tested.warnings:
        session.warn(shown(line))
    if not tested.ok:
        raise Fault(
            Problem(
                "nginx refuses the release on this host (nginx -t)", "a configuration that passes", nginx=tested.output
            )
        )
    return tested


def _roll_back(
    session: Session, state: Json, answer: Json, untouched: bool, reloaded: bool, failed_at: float, check_timeout: float
) -> None:
    """Bring the host back and say how that went, in ``answer``."""
    before, run = state["pending"]["before"], session.run["id"]
    session.rolling_back = True
    if untouched:
        session.journal("not switched", release=before, by=f"run {run}")
        session.save(states.rolled_back(state, before, f"run {run}", session.system.now()))
        let_watchdog_go(session, run)
        answer.update(rolled_back=None, broken=False)
        return
    try:
        back = roll_back(session, state, before, by=f"run {run}", reload=reloaded, check_timeout=check_timeout)
    except Exception as error:
        answer["problems"] += [
            problem._replace(what=f"the rollback failed too: {problem.what}") for problem in problems_of(error)
        ]
        answer.update(rolled_back=False, broken=True)
        return
    let_watchdog_go(session, run)
    answer.update(rolled_back=True, broken=False, release=back.release, means=back.means)
    answer["problems"] += back.broken_checks
    if back.served is not None:
        answer["timings"].update(times("failed", back.served, failed_at))
