"""``bake``: watch a pending release for a time, and hold its logs, workers and checks to what they were."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...untrusted import ReleaseId, printable
from ..generation import generation_problems
from ..host.nginx import find_master
from ..host.processes import workers_of
from ..logs import OWN, Limit, Share, copied, logs_of, rise, share, since, tail_before
from ..records import Pids, Records
from ..serving import check_problems, run_contract
from ..session import Fault, Problem, Session
from ..timestamps import logged_at, seconds_of
from ..traffic import BEFORE, TrafficCounts
from ..trees.drift import NOT_LINKED, drift, drift_problem, sorted_drift
from ..visitors import Clients, kinds_before, risen

if TYPE_CHECKING:
    from ..protocol import BakeRequest, Json, RequestOptions

__all__ = ["bake", "watch"]

_FEW = 20
# Seconds between two looks at the error logs: what stands alone between two looks is nginx's own word.
_LOOK = 0.1
_MOST_AT_ONCE = 4 << 20


def bake(session: Session, request: BakeRequest, bundle: bytes = b"") -> Json:
    """Wait, then judge what happened since the switch.

    The host is not locked meanwhile: a rollback must not have to wait.
    """
    return watch(session, request["release"], float(request.get("seconds", 0)), request.get("options") or {})


def watch(
    session: Session, release: ReleaseId, seconds: float, options: RequestOptions, *, asked: bool = False
) -> Json:
    """Wait for ``seconds``, and judge the pending phase of ``release``; its contract is left out where it was just
    ``asked``.

    Raises ``Fault`` when the release is not pending here by this run.
    """
    state = session.store.load()
    pending = state["pending"]
    if pending is None and (state["confirmed"] or {}).get("release") == release:
        return {"changed": False, "note": "the release is confirmed already; there is nothing to bake"}
    if pending is None or pending["release"] != release or pending["run"] != session.run["id"]:
        raise Fault(
            Problem(
                f"release {release[:12]} is not pending here by this run, so it cannot be baked", fix="deploy it again"
            )
        )
    meta = session.store.meta(release)
    access = logs_of(meta, "access_logs")
    marks = copied(pending.get("marks") or {})
    errors = {path: at for path, at in marks.items() if path not in access}
    records = Records(copied(errors))
    _wait(session, seconds, records, pending)
    problems = _moved_problems(session, release)
    problems += generation_problems(session, state, pending, float(options.get("check_timeout", 10.0)))
    of_errors, limit = Limit(), Limit()
    records.read(_pids(session, pending), of_errors)
    problems += _own_problems(session, records)
    marked = {path: at for path, at in marks.items() if path in access}
    now = seconds_of(session.system.now())
    # A state that was made of a damaged journal may not tell when it began.
    began = logged_at(str(pending.get("since"))) or now
    traffic = TrafficCounts(began - BEFORE, now + 1)
    seen = _Seen(marked, traffic, began, limit)
    before, after = seen.before, seen.after
    problems += _traffic_problems(session, seen)
    problems += _visitor_problems(session, seen, kinds_before(errors, began, max(1, now - began)), records)
    if of_errors.reached or limit.reached:
        session.warn("more was logged than is read, so the logs were not judged to their end")
    contract = [] if asked else meta.get("contract") or []
    outcomes = run_contract(session, contract, float(options.get("check_timeout", 10.0)))
    problems += check_problems(outcomes)
    return {
        "changed": False,
        "problems": problems,
        "checks": outcomes,
        "requests": after.requests,
        "share_5xx": round(after.part, 4),
        "share_5xx_before": round(before.part, 4),
        # Where it is not known which logs there are, nothing is known of the traffic.
        **({"traffic": traffic.to_json(str(pending.get("since")))} if marked else {}),
    }


def _moved_problems(session: Session, release: ReleaseId) -> list[Problem]:
    """Return that somebody else took the link away; other edits are warned of, as nginx has not read them."""
    state = session.store.load()
    if (state["pending"] or {}).get("release") != release:
        # Another run, or the watchdog, has rolled it back meanwhile, and the workers tell.
        return []
    found = drift(session, state)
    if any(path == NOT_LINKED for path, _ in found):
        problem = drift_problem(session, state, sorted_drift(session, state, found))
        what = "the live tree was replaced on the host while the release was pending"
        do = "see who does that (a package's upgrade, a configuration management), and deploy again"
        return [problem._replace(what=what, fix=do, expected="/etc/nginx leads to the pending release")]
    for path, what in found:
        session.warn(f"/etc/nginx/{printable(path)} was {what} while the release was pending; it is drift from now on")
    return []


def _pids(session: Session, pending: Json) -> Pids:
    """The processes of this release; workers of before, which may drain for long, are not its own."""
    master = find_master(session)
    workers = {worker.pid for worker in workers_of(session.system.proc, master)}
    proved = {int(pid) for pid, _ in pending.get("workers") or []}
    old = frozenset(int(pid) for pid in pending.get("old_pids") or [])
    return Pids(frozenset([master.pid]), frozenset(workers | proved) - old, old)


def _wait(session: Session, seconds: float, records: Records, pending: Json) -> None:
    if seconds <= 0:
        return
    system = session.system
    until = system.monotonic() + seconds
    pids = _pids(session, pending)
    left = seconds
    while left > 0:
        system.sleep(min(left, _LOOK))
        records.read(pids, Limit(_MOST_AT_ONCE, _LOOK))
        left = until - system.monotonic()


def _own_problems(session: Session, records: Records) -> list[Problem]:
    found = records.found
    unproven = sum(found.unproven_levels.values())
    if unproven:
        session.warn(
            f"{unproven} lines of the error logs look severe and were not judged, as visitors or other programs may "
            f"have written them; the first is: {found.unproven[0]}"
        )
    count = sum(found.levels.values())
    if not count:
        return []
    more = f"\nand {count - 5} more" if count > 5 else ""
    return [
        Problem(f"nginx logged {count} severe lines since the switch", "none", nginx="\n".join(found.own[:5]) + more)
    ]


class _Seen:
    """What access logs show of before and after the switch, as a whole and by who asked."""

    def __init__(self, marks: dict[str, list[int]], traffic: TrafficCounts, began: int, limit: Limit) -> None:
        self.before = self.after = Share(0, 0, 0)
        self.clients_before, self.clients = Clients(), Clients()
        for path, at in marks.items():
            lines, whole = tail_before(path, at)
            if not whole:
                first = logged_at(lines[0], lines[0].find(" [") + 2) if lines else None
                traffic.known_from(began if first is None else first + 1)
            self.before = self.before.plus(share(lines, OWN, traffic, self.clients_before))
            self.after = self.after.plus(share(since(path, at, limit), OWN, traffic, self.clients))

    @property
    def suspect(self) -> str:
        """The address without which 5xx did not rise, or the two of one visitor; nothing where they did."""
        found = self.clients.suspects(self.clients_before)
        for who in (*([each] for each in found), found):
            if who and not rise(self.clients_before.share(), self.clients.share(who)):
                return " and ".join(who)
        return ""

    @property
    def are_more_refused(self) -> bool:
        """Return whether more visitors than before are answered with 4xx or 5xx, as far as enough of them asked."""
        enough = min(self.before.requests, self.after.requests) >= _FEW
        return enough and rise(self.clients_before.refused(), self.clients.refused())


def _traffic_problems(session: Session, seen: _Seen) -> list[Problem]:
    before, after = seen.before, seen.after
    if after.unread:
        session.warn(f"{after.unread} lines of the access logs show no status and were not judged")
    if after.requests < _FEW:
        session.warn(f"too little traffic to judge: {after.requests} requests")
    if not rise(before, after):
        return []
    if seen.suspect:
        session.warn(
            f"answers with 5xx rose since the switch ({after.failed} of {after.requests} requests), and not without "
            f"those to one visitor, who suddenly asks for far more than before: {seen.suspect}"
        )
        return []
    return [
        Problem(
            "answers with 5xx rose since the switch",
            f"about {before.part:.1%}, as in {before.requests} requests before",
            f"{after.part:.1%}: {after.failed} of {after.requests} requests",
        )
    ]


def _visitor_problems(session: Session, seen: _Seen, before: dict[str, float], records: Records) -> list[Problem]:
    """Judge lines about visitors: by themselves they prove nothing, as a visitor can bring them about or forge them.

    That visitors are answered worse than before is what nobody can forge.
    """
    kinds = risen(before, records.found.visitors)
    if not kinds:
        return []
    counted = [f"{records.found.visitors[kind]} x {kind}" for kind in kinds[:5]]
    if seen.are_more_refused:
        return [
            Problem(
                "severe lines about visitors' requests rose since the switch, and more visitors are refused",
                "about as many as before",
                "; ".join(counted),
            )
        ]
    session.warn(
        "severe lines about visitors' requests rose since the switch, and no more visitors are refused, or too few "
        f"asked to tell: {'; '.join(counted)}"
    )
    return []
