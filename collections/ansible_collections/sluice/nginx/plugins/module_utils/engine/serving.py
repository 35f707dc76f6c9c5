"""Making nginx serve a release, proved; and the way back to another one."""

from __future__ import annotations

import copy
import threading
from typing import TYPE_CHECKING, NamedTuple

from ..errors import SluiceError
from . import state as states
from .host.nginx import expected_workers, find_master, start
from .host.processes import Master, find_masters, is_alive, open_logs, workers_of
from .logs import mark, new_lines, severe
from .proof import Proof, Sample
from .session import Fault, Problem, Session
from .trees.installed import has_release, repair
from .trees.live import point

if TYPE_CHECKING:
    from .forms import Json

__all__ = [
    "SEVERE",
    "Served",
    "check_problems",
    "go_back",
    "mark_logs",
    "reload_and_prove",
    "run_contract",
    "watched_logs",
]

SEVERE = frozenset({"emerg", "alert", "crit"})
_POLL = 0.007
# Of a release whose `nginx -t` was never measured, in seconds.
_UNKNOWN_TEST = 8.0


class Served(NamedTuple):
    """A proved reload: when the signal was sent, milliseconds since then, the pids of the workers that it ended,
    those that serve as [pid, start], and the checks' outcomes.
    """

    signalled_at: float
    old_pids: list[int]
    workers: list[list[int]]
    checks: list[Json]
    to_worker: int
    to_proof: int


def watched_logs(session: Session, master: Master, *metas: Json) -> list[str]:
    """List the error logs in which a fault of the reload may appear: those that the master has open, and those of the
    releases.

    Which of two releases' logs nginx writes to depends on how far it got.
    """
    access = {path for meta in metas for path in (meta.get("facts") or {}).get("access_logs") or []}
    errors = {path for meta in metas for path in (meta.get("facts") or {}).get("error_logs") or []}
    return sorted((errors | set(open_logs(session.system.proc, master.pid))) - access)


def mark_logs(session: Session, paths: list[str]) -> dict[str, list[int]]:
    """Remember the logs' ends, and warn of those that cannot be read."""
    marks, unreadable = mark(paths)
    for path in unreadable:
        session.warn(f"the log {path} cannot be read, so it cannot be judged")
    return marks


def reload_and_prove(
    session: Session,
    meta: Json,
    marks: dict[str, list[int]],
    *,
    test_seconds: float | None,
    levels: frozenset[str] = SEVERE,
    check_timeout: float = 10.0,
) -> Served:
    """Tell nginx to reload, prove that workers of the new configuration and only they serve, and hold the release to
    its contract.

    Raises ``Fault``.
    """
    system = session.system
    master = find_master(session)
    before = workers_of(system.proc, master)
    serving = sum(not worker.draining for worker in before)
    proof = Proof(before, expected_workers(master, meta.get("facts") or {}, serving))
    checks = _Checks(meta.get("contract") or [], check_timeout)
    bound = 5.0 + 3 * (_UNKNOWN_TEST if test_seconds is None else test_seconds)
    started = system.monotonic()
    with session.step("reload", master=master.pid):
        system.reload(master.pid)
    with session.step("prove"):
        proved_at = _prove(session, master, proof, marks, levels, started + bound, checks)
    with session.step("check", checks=len(checks.contract)):
        outcomes = checks.finish()
    workers = [list(key) for key in proof.new]
    first_at = proof.first_at if proof.first_at is not None else proved_at
    return Served(
        started,
        [pid for pid, _ in proof.old],
        workers,
        outcomes,
        round((first_at - started) * 1000),
        round((proved_at - started) * 1000),
    )


def _prove(
    session: Session,
    master: Master,
    proof: Proof,
    marks: dict[str, list[int]],
    levels: frozenset[str],
    until: float,
    checks: _Checks,
) -> float:
    """Sample until the proof is done;

    returns when. The checks run while workers are watched, as both take about as long.
    """
    system = session.system
    watched = copy.deepcopy(marks)
    old_pids = frozenset(pid for pid, _ in proof.old)
    known = old_pids
    while True:
        workers = workers_of(system.proc, master, known)
        known |= {worker.pid for worker in workers}
        lines = [line for path, at in watched.items() for line in severe(new_lines(path, at), old_pids, levels)]
        now = system.monotonic()
        verdict = proof.feed(Sample(now, is_alive(system.proc, master), tuple(workers), tuple(lines)))
        if verdict.state == "failed":
            raise Fault(Problem(verdict.why, "a reload into the release", nginx=verdict.nginx or _last_words(marks)))
        if verdict.state == "settled":
            checks.begin()
        if verdict.state == "proved":
            return now
        if now > until:
            raise Fault(
                Problem(
                    f"the reload did not take: {proof.missing() or 'workers did not stay'}",
                    "workers of the new configuration, and only they",
                    "nginx answered the signal with nothing",
                    nginx=_last_words(marks),
                )
            )
        system.sleep(_POLL)


def _last_words(marks: dict[str, list[int]]) -> str:
    """What nginx logged at the severe levels since the marks, at most five lines."""
    at = copy.deepcopy(marks)
    return "\n".join([line for path in at for line in severe(new_lines(path, at[path]), frozenset(), SEVERE)][-5:])


class _Checks:
    """The contract's checks, in a thread beside the proof."""

    def __init__(self, contract: list[Json], timeout: float) -> None:
        self.contract = contract
        self._timeout = timeout
        self._thread: threading.Thread | None = None
        self._outcomes: list[Json] = []
        self._error: Exception | None = None

    def begin(self) -> None:
        """Start them, once."""
        if self._thread is None and self.contract:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()

    def finish(self) -> list[Json]:
        """Wait for them. Raises ``Fault`` when one does not hold."""
        if self._thread is not None:
            self._thread.join()
        if self._error is not None:
            raise self._error
        broken = check_problems(self._outcomes)
        if broken:
            raise Fault(*broken)
        return self._outcomes

    def _run(self) -> None:
        try:
            self._outcomes = run_contract(self.contract, self._timeout)
        except Exception as error:
            self._error = error


def run_contract(contract: list[Json], timeout: float) -> list[Json]:
    """Run the checks of a contract and return their outcomes as JSON."""
    # Here, because http and ssl cost a third of the start and most operations do not ask anything.
    from ..contract.client import run_checks
    from ..contract.model import from_json

    return [outcome.to_json() for outcome in run_checks([from_json(row) for row in contract], timeout=timeout)]


def check_problems(outcomes: list[Json]) -> list[Problem]:
    """Turn the outcomes that do not hold into problems."""
    return [
        Problem(
            f"the check {outcome['name']!r} does not hold on this host: {'; '.join(outcome['problems'])}",
            seen=f"{outcome['request']}: status {outcome['status']}, {outcome['body_excerpt']!r}",
            do=f"see {outcome['source']}" if outcome.get("source") else "",
        )
        for outcome in outcomes
        if not outcome["ok"]
    ]


def go_back(
    session: Session, state: Json, to: str, *, reload: bool, check_timeout: float = 10.0
) -> tuple[Json, Served | None]:
    """Switch back to ``to``, reload, prove and hold it to its own contract; returns the new state.

    A master that has died is started. Raises ``Fault``; then the state still says ``reverting``, and it can be tried
    again.
    """
    session.going_back = True
    system = session.system
    test_ms = (state["pending"] or {}).get("test_ms")
    state = states.retreating(state, to, session.run, system.now())
    session.save(state)
    meta = session.store.meta(to)
    served = None
    with session.step("swap back", release=to):
        _make_whole(session, to)
        point(session, to)
    if reload:
        if not find_masters(system.proc):
            with session.step("start nginx"):
                said = start(session)
                if said:
                    session.warn(f"nginx had died and was started: {said}")
        master = find_master(session)
        if meta.get("contract") is None:
            session.warn(f"release {to[:12]} was adopted and has no contract, so no check was made on the way back")
        # Lines at emerg are no verdict here: nginx goes on for seconds to report why it could not take the other
        # release.
        served = reload_and_prove(
            session,
            meta,
            mark_logs(session, watched_logs(session, master, meta)),
            test_seconds=None if test_ms is None else test_ms / 1000,
            levels=frozenset(),
            check_timeout=check_timeout,
        )
    state = states.taken_back(state, to)
    session.save(state)
    session.journal("reverted", release=to)
    return state, served


def _make_whole(session: Session, release: str) -> None:
    """Repair a tree that was changed meanwhile; the one that cannot be is still better than the one that fails."""
    if has_release(session, release):
        return
    try:
        repair(session, release)
    except (OSError, SluiceError) as error:
        session.warn(f"release {release[:12]} was changed on this host and could not be repaired: {error}")
