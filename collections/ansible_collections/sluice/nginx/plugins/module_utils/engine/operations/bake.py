"""``bake``: watch a pending release for a time, and hold its logs, workers and checks to what they were."""

from __future__ import annotations

from ...lean import TYPE_CHECKING
from ..logs import OWN, Share, copied, new_lines, rise, severe, share, since, tail_before
from ..serving import SEVERE, check_problems, run_contract
from ..session import Fault, Problem, Session
from ..times import logged_at, seconds_of
from ..traffic import BEFORE, Traffic
from ..trial import worker_problems

if TYPE_CHECKING:
    from ...outside import ReleaseId
    from ..forms import BakeRequest, Json, Options

__all__ = ["bake", "watch"]

_FEW = 20


def bake(session: Session, request: BakeRequest, bundle: bytes = b"") -> Json:
    """Wait, then judge what happened since the switch.

    The host is not locked meanwhile: a revert must not have to wait.
    """
    return watch(session, request["release"], float(request.get("seconds", 0)), request.get("options") or {})


def watch(session: Session, release: ReleaseId, seconds: float, options: Options, *, asked: bool = False) -> Json:
    """Wait for ``seconds``, and judge the trial of ``release``; its contract is left out where it was just ``asked``.

    Raises ``Fault`` when the release is not on trial here by this run.
    """
    state = session.store.load()
    pending = state["pending"]
    if pending is None and (state["confirmed"] or {}).get("release") == release:
        return {"changed": False, "note": "the release is confirmed already; there is nothing to bake"}
    if pending is None or pending["release"] != release or pending["run"] != session.run["id"]:
        raise Fault(
            Problem(
                f"release {release[:12]} is not pending here by this run, so it cannot be baked", do="deploy it again"
            )
        )
    if seconds > 0:
        session.system.sleep(seconds)
    meta = session.store.meta(release)
    access = set((meta.get("facts") or {}).get("access_logs") or [])
    marks = copied(pending.get("marks") or {})
    problems = worker_problems(session, pending) + _log_problems(
        session, pending, [path for path in marks if path not in access]
    )
    marked = {path: at for path, at in marks.items() if path in access}
    now = seconds_of(session.system.now())
    # A state that was made of a damaged journal may not tell when it began.
    began = logged_at(str(pending.get("since"))) or now
    traffic = Traffic(began - BEFORE, now + 1)
    before, after = _shares(marked, traffic, began)
    problems += _traffic_problems(session, before, after)
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


def _log_problems(session: Session, pending: Json, paths: list[str]) -> list[Problem]:
    """Judge the lines of this release's processes; workers of before, which may drain for long, are not its own."""
    marks = copied(pending["marks"]) if paths else {}
    old = frozenset(int(pid) for pid in pending.get("old_pids") or [])
    lines = [line for path in paths for line in severe(new_lines(path, marks[path]), old, SEVERE)]
    if not lines:
        return []
    more = f"\nand {len(lines) - 5} more" if len(lines) > 5 else ""
    return [
        Problem(f"nginx logged {len(lines)} severe lines since the switch", "none", nginx="\n".join(lines[:5]) + more)
    ]


def _shares(marks: dict[str, list[int]], traffic: Traffic, began: int) -> tuple[Share, Share]:
    before, after = Share(0, 0, 0), Share(0, 0, 0)
    for path, at in marks.items():
        lines, whole = tail_before(path, at)
        if not whole:
            first = logged_at(lines[0], lines[0].find(" [") + 2) if lines else None
            traffic.known_from(began if first is None else first + 1)
        before = before.plus(share(lines, OWN, traffic))
        after = after.plus(share(since(path, at), OWN, traffic))
    return before, after


def _traffic_problems(session: Session, before: Share, after: Share) -> list[Problem]:
    if after.unread:
        session.warn(f"{after.unread} lines of the access logs show no status and were not judged")
    if after.requests < _FEW:
        session.warn(f"too little traffic to judge: {after.requests} requests")
    if not rise(before, after):
        return []
    return [
        Problem(
            "answers with 5xx rose since the switch",
            f"about {before.part:.1%}, as in {before.requests} requests before",
            f"{after.part:.1%}: {after.failed} of {after.requests} requests",
        )
    ]
