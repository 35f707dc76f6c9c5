"""The states of a host and the ways between them; nothing here touches the host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..untrusted import ReleaseId

if TYPE_CHECKING:
    from .protocol import Json

__all__ = [
    "SCHEMA",
    "adopted",
    "begun",
    "confirmed",
    "empty",
    "ended",
    "ending",
    "installed",
    "moved",
    "older",
    "prunable",
    "rollback",
    "rolled_back",
    "rolling_back",
]

SCHEMA = 1


def empty() -> Json:
    """Return the state of a host that Sluice has not touched."""
    return {
        "schema": SCHEMA,
        "version": 0,
        "live": None,
        "confirmed": None,
        "pending": None,
        "last": None,
        "releases": {},
    }


def installed(state: Json, release: str, origin: str, at: str) -> Json:
    """The release's tree is on the host."""
    new: Json = _copied(state)
    new["releases"].setdefault(release, {"installed": at, "origin": origin})
    return new


def adopted(state: Json, release: str, at: str) -> Json:
    """What the host serves became a release; it is confirmed, since the host was left with it."""
    new = installed(state, release, "adopted", at)
    before = state["confirmed"]["release"] if state["confirmed"] else None
    new["live"] = release
    return _accept(new, release, None, at, before if before != release else None)


def begun(state: Json, release: str, run: Json, at: str, boot: str = "", deadline: float = 0.0) -> Json:
    """The intent to switch, written before anything is. The watchdog gives the run ``deadline`` seconds between
    heartbeats, and none beyond this ``boot``.
    """
    new: Json = _copied(state)
    new["pending"] = {
        "release": release,
        "before": state["live"],
        "run": run["id"],
        "who": run["who"],
        "from": run["from"],
        "since": at,
        "boot": boot,
        "deadline": deadline,
        "phase": "intent",
    }
    return new


def rolling_back(state: Json, to: str, run: Json, at: str, boot: str = "", deadline: float = 0.0) -> Json:
    """The intent to go back to ``to``, written before anything is switched;

    it may be a confirmed release that is rolled back.
    """
    new = state if state["pending"] else begun(state, state["live"], run, at, boot, deadline)
    if not state["pending"]:
        new["pending"]["before"] = to
    return moved(new, "rolling_back", boot=boot)


def moved(state: Json, phase: str, **facts: Any) -> Json:
    """The pending release reached a phase; from ``switched`` on it is the live one."""
    new: Json = _copied(state)
    new["pending"].update(phase=phase, **facts)
    if phase != "intent":
        new["live"] = new["pending"]["before" if phase == "rolling_back" else "release"]
    return new


def confirmed(state: Json, run: Json, at: str, by: str = "") -> Json:
    """The pending release is accepted, by its run unless somebody else saw to it."""
    new: Json = _copied(state)
    release = new["pending"]["release"]
    before = state["confirmed"]["release"] if state["confirmed"] else None
    new["pending"] = None
    new["last"] = _end(release, run["id"], "confirmed", by or f"run {run['id']}", at)
    if before == release:
        # Its drift was discarded: this run brought nothing that it could roll back.
        return new
    return _accept(new, release, run["id"], at, before)


def rolled_back(state: Json, release: str, by: str = "", at: str = "") -> Json:
    """The host serves ``release`` again, with the acceptance that it had. ``by`` says who saw to it."""
    new: Json = _copied(state)
    pending = state["pending"]
    if pending:
        new["last"] = _end(pending["release"], pending["run"], "rolled_back", by, at)
    new["live"] = release
    new["pending"] = None
    if new["confirmed"] is None or new["confirmed"]["release"] != release:
        record = new["releases"].get(release, {})
        known = record.get("confirmed") or {"release": release, "run": None, "since": record.get("installed")}
        # What came before it may have been pruned meanwhile.
        new["confirmed"] = {**known, "before": older(state, release)}
    return new


def ending(state: Json, run: str) -> str:
    """Return how the pending phase of ``run`` has ended, and who saw to it; nothing when the last one was another
    run's.
    """
    last = state["last"]
    if last is None or run != last["run"]:
        return ""
    return f"release {last['release'][:12]} of run {run} {ended(last)}"


def ended(last: Json) -> str:
    """Return in words how the last pending phase has ended: ``was rolled back by watchdog at`` and when."""
    return f"was {last['outcome'].replace('_', ' ')} by {last['by']} at {last['at']}"


def older(state: Json, release: str) -> ReleaseId | None:
    """Return the release that was accepted before ``release``, or nothing."""
    accepted = state["releases"].get(release, {}).get("confirmed") or {}
    before: ReleaseId | None = accepted.get("before")
    return before if before in state["releases"] else None


def rollback(state: Json, run: str) -> ReleaseId | None:
    """Return the release to which ``run`` can be rolled back, or nothing when it changed nothing here."""
    if state["pending"] is not None:
        return state["pending"]["before"] if state["pending"]["run"] == run else None
    accepted = state["confirmed"]
    return accepted["before"] if accepted and accepted["run"] == run else None


def prunable(state: Json, keep: int) -> list[str]:
    """List the releases that nobody needs, oldest first:

    ``keep`` of them stay, and what the host first served always does.
    """
    needed = {state["live"]}
    for record in (state["confirmed"], state["pending"]):
        if record:
            needed |= {record["release"], record["before"]}
    by_age = sorted(state["releases"], key=lambda release: (state["releases"][release]["installed"], release))
    needed.update([release for release in by_age if state["releases"][release]["origin"] == "adopted"][:1])
    others = [release for release in by_age if release not in needed]
    return others[: max(0, len(others) - keep)]


def _copied(value: Any) -> Any:
    """Copy plain data. ``copy`` could as well, and would be the one thing for which a host imports it."""
    if isinstance(value, dict):
        return {key: _copied(each) for key, each in value.items()}
    return [_copied(each) for each in value] if isinstance(value, list) else value


def _end(release: str, run: str, outcome: str, by: str, at: str) -> Json:
    return {"release": release, "run": run, "outcome": outcome, "by": by, "at": at}


def _accept(state: Json, release: str, run: str | None, at: str, before: str | None) -> Json:
    record = {"release": release, "run": run, "since": at, "before": before}
    state["confirmed"] = record
    state["releases"].setdefault(release, {"installed": at, "origin": "pushed"})["confirmed"] = dict(record)
    return state
