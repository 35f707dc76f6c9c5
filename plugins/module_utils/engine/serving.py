"""Making nginx serve a release, proved, and holding it to its contract."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from .checks import ask, contract_of, not_asked
from .host.nginx import expected_workers, find_master
from .host.processes import Master, is_alive, open_logs, workers_of
from .logs import Limit, copied, logs_of, mark
from .proof import Proof, Sample
from .quic import warn_of_quic
from .records import SEVERE, Pids, Records
from .session import Fault, Problem, Session

if TYPE_CHECKING:
    from threading import Thread

    from .protocol import Json

__all__ = [
    "SEVERE",
    "Served",
    "check_problems",
    "mark_logs",
    "prove_serving",
    "run_contract",
    "watched_logs",
]

# Seconds between two looks at the workers: until the first new one is there, until the old ones have stopped listening,
# and as long as only new ones serve. Whatever ends that leaves a trace which a later look finds as well: a worker that
# is missing, one that drains, a line in a log.
_POLL, _POLL_STARTED, _POLL_FINALIZED = 0.007, 0.02, 0.05
# How long the other checks may go on when one has failed, in seconds: a fault is told better by two of them.
_GRACE = 0.05
# Of logs that are written faster than they are read, so much is read between two looks: in bytes, and in seconds.
_MOST_AT_ONCE, _LONGEST_AT_ONCE = 4 << 20, 0.2
# Of a release whose `nginx -t` was never measured, in seconds.
_UNKNOWN_TEST = 8.0


class Served(NamedTuple):
    """A proved reload or start: when the signal was sent, milliseconds since then, the pids of the workers that it
    ended, those that serve as [pid, start], and the checks' outcomes.
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
    access = {path for meta in metas for path in logs_of(meta, "access_logs")}
    errors = {path for meta in metas for path in logs_of(meta, "error_logs")}
    return sorted((errors | set(open_logs(session.system.proc, master.pid))) - access)


def mark_logs(session: Session, paths: list[str]) -> dict[str, list[int]]:
    """Remember the logs' ends, and warn of those that cannot be read."""
    marks, unreadable = mark(paths)
    for path in unreadable:
        session.warn(f"the log {path} cannot be read, so it cannot be judged")
    return marks


def prove_serving(
    session: Session,
    meta: Json,
    marks: dict[str, list[int]],
    *,
    test_seconds: float | None,
    reload: bool = True,
    levels: frozenset[str] = SEVERE,
    check_timeout: float = 10.0,
    fail_fast: bool = False,
) -> Served:
    """Let nginx reload (or take it as just started), prove that workers of the configuration on disk and only they
    serve, and ask the release its contract.

    ``fail_fast``: a check that does not hold is a ``Fault`` at once; else it is for the caller to find among the
    outcomes, and no check, whatever becomes of it, has a say in the proof. Raises ``Fault`` when there is no proof
    within the bound.
    """
    system = session.system
    master = find_master(session)
    before = workers_of(system.proc, master) if reload else []
    proof = Proof(before, expected_workers(master, meta.get("facts") or {}))
    checks = _Checks(session, contract_of(session, meta), check_timeout)
    bound = 5.0 + 3 * (_UNKNOWN_TEST if test_seconds is None else test_seconds)
    started = system.monotonic()
    if reload:
        with session.step("reload", master=master.pid):
            system.reload(master.pid)
    with session.step("prove"):
        watch = _Watch(session, master, proof, marks, levels)
        proved_at = watch.prove(started + bound, checks, fail_fast)
    with session.step("check", checks=len(checks.contract)):
        outcomes = checks.finish(fail_fast)
    warn_of_quic(session, master, meta.get("facts") or {}, proof.ending)
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


class _Watch:
    """Samples of one master's workers and logs."""

    def __init__(
        self, session: Session, master: Master, proof: Proof, marks: dict[str, list[int]], levels: frozenset[str]
    ) -> None:
        self._session, self._master, self._proof, self._levels = session, master, proof, levels
        self._records = Records(copied(marks))
        self._old = self._known = frozenset(pid for pid, _ in proof.old)

    def prove(self, until: float, checks: _Checks, fail_fast: bool) -> float:
        """Sample until the proof is done; returns when. The checks run meanwhile, as both take about as long."""
        system = self._session.system
        while True:
            sample = self._sample()
            verdict = self._proof.feed(sample)
            if verdict.state == "failed":
                raise Fault(Problem(verdict.why, "a reload into the release", nginx=self._last_words()))
            if verdict.state == "finalized":
                checks.begin()
            if fail_fast:
                checks.raise_broken()
            if verdict.state == "proved":
                return sample.at
            if sample.at > until:
                raise Fault(
                    Problem(
                        f"the reload did not take: {self._proof.missing() or 'workers did not stay'}",
                        "workers of the new configuration, and only they",
                        self._unproven() or "nginx answered the signal with nothing",
                        nginx=self._last_words(),
                    )
                )
            started = self._proof.first_at is not None
            system.sleep(_POLL_FINALIZED if verdict.state == "finalized" else _POLL_STARTED if started else _POLL)

    def _sample(self) -> Sample:
        system = self._session.system
        workers = workers_of(system.proc, self._master, self._known)
        self._known |= {worker.pid for worker in workers}
        # Where no line counts, none is read, and none can be misread.
        if not self._levels:
            return Sample(system.monotonic(), is_alive(system.proc, self._master), tuple(workers), ())
        pids = Pids(frozenset([self._master.pid]), self._known - self._old, self._old)
        own = self._records.read(pids, Limit(_MOST_AT_ONCE, _LONGEST_AT_ONCE)).own
        return Sample(system.monotonic(), is_alive(system.proc, self._master), tuple(workers), tuple(own))

    def _last_words(self) -> str:
        """What nginx itself logged at the severe levels since the marks, at most five lines; nothing where it cannot be
        read.
        """
        with suppress(Exception):
            self._records.read(Pids(frozenset([self._master.pid]), self._known), Limit(_MOST_AT_ONCE, _LONGEST_AT_ONCE))
        return "\n".join(self._records.found.proven[-5:])

    def _unproven(self) -> str:
        """What looks as if nginx had logged it, and may be a visitor's text, too."""
        lines = self._records.found.unproven[-3:]
        return (
            "\n".join(["its log has lines that visitors or other programs may have written:", *lines]) if lines else ""
        )


class _Checks:
    """The contract's checks, in a thread beside the proof."""

    def __init__(self, session: Session, contract: list[Json], timeout: float) -> None:
        self.contract = contract
        self._session = session
        self._timeout = timeout
        self._thread: Thread | None = None
        self._outcomes: list[Json] = []
        self._broken: list[Json] = []
        self._broken_at: float | None = None
        self._error: BaseException | None = None

    def begin(self) -> None:
        """Start them, once."""
        if self._thread is not None or not self.contract:
            return
        # Here, since not all releases have a contract.
        from threading import Thread

        self._thread = Thread(target=self._run, daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:
            # In this thread they would hold up the proof.
            self._outcomes = not_asked(self.contract, f"this host has no room for a thread: {error}")
            for outcome in self._outcomes:
                self._noted(outcome)

    def finish(self, fail_fast: bool) -> list[Json]:
        """Wait for them; being ``fail_fast``, only until one does not hold. Raises ``Fault`` then."""
        thread = self._thread
        while thread is not None and thread.is_alive():
            thread.join(_GRACE if fail_fast else None)
            if fail_fast:
                self.raise_broken()
        if self._error is not None:
            raise self._error
        if fail_fast and self._broken:
            raise Fault(*check_problems(self._broken), at=self._broken_at)
        return self._outcomes

    def raise_broken(self) -> None:
        """Raise ``Fault`` when a check does not hold; those that fail just after it are told, too."""
        late = self._broken_at is not None and self._session.system.monotonic() - self._broken_at >= _GRACE
        if late or (self._broken and self._thread is not None and not self._thread.is_alive()):
            raise Fault(*check_problems(list(self._broken)), at=self._broken_at)

    def _noted(self, outcome: Json) -> None:
        if not outcome["ok"]:
            self._broken.append(outcome)
            self._broken_at = self._broken_at or self._session.system.monotonic()

    def _run(self) -> None:
        try:
            self._outcomes = ask(self._session, self.contract, self._timeout, self._noted)
        except BaseException as error:  # an end of the process, which is no outcome
            self._error = error


def run_contract(session: Session, contract: list[Json], timeout: float) -> list[Json]:
    """Run the checks of a contract and return their outcomes as JSON: one for each, whatever becomes of it."""
    return ask(session, contract, timeout)


def check_problems(outcomes: list[Json]) -> list[Problem]:
    """Turn the outcomes that do not hold into problems."""
    return [
        Problem(
            f"the check {outcome['name']!r} does not hold on this host: {'; '.join(outcome['problems'])}",
            actual=f"{outcome['request']}: status {outcome['status']}, {outcome['body_excerpt']!r}",
            fix=f"see {outcome['source']}" if outcome.get("source") else "",
        )
        for outcome in outcomes
        if not outcome["ok"]
    ]
