"""The states of a host and the ways between them; nothing here touches the host."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .forms import Json

__all__ = [
    "SCHEMA",
    "adopted",
    "begun",
    "confirmed",
    "empty",
    "installed",
    "moved",
    "prunable",
    "retreating",
    "taken_back",
    "way_back",
]

SCHEMA = 1


def empty() -> Json:
    """Return the state of a host that Sluice has not touched."""
    return {"schema": SCHEMA, "live": None, "confirmed": None, "pending": None, "releases": {}}


def installed(state: Json, release: str, origin: str, at: str) -> Json:
    """The release's tree is on the host."""
    new = copy.deepcopy(state)
    new["releases"].setdefault(release, {"installed": at, "origin": origin})
    return new


def adopted(state: Json, release: str, at: str) -> Json:
    """What the host serves became a release; it is confirmed, since the host was left with it."""
    new = installed(state, release, "adopted", at)
    before = state["confirmed"]["release"] if state["confirmed"] else None
    new["live"] = release
    return _accept(new, release, None, at, before if before != release else None)


def begun(state: Json, release: str, run: Json, at: str) -> Json:
    """The intent to switch, written before anything is."""
    new = copy.deepcopy(state)
    new["pending"] = {
        "release": release,
        "before": state["live"],
        "run": run["id"],
        "who": run["who"],
        "from": run["from"],
        "since": at,
        "phase": "intent",
    }
    return new


def retreating(state: Json, to: str, run: Json, at: str) -> Json:
    """The intent to go back to ``to``, written before anything is switched;

    it may be a confirmed release that is taken back.
    """
    new = state if state["pending"] else begun(state, state["live"], run, at)
    if not state["pending"]:
        new["pending"]["before"] = to
    return moved(new, "reverting")


def moved(state: Json, phase: str, **facts: Any) -> Json:
    """The pending release reached a phase; from ``switched`` on it is the live one."""
    new = copy.deepcopy(state)
    new["pending"].update(phase=phase, **facts)
    if phase != "intent":
        new["live"] = new["pending"]["before" if phase == "reverting" else "release"]
    return new


def confirmed(state: Json, run: Json, at: str) -> Json:
    """The pending release is accepted."""
    new = copy.deepcopy(state)
    release = new["pending"]["release"]
    before = state["confirmed"]["release"] if state["confirmed"] else None
    new["pending"] = None
    if before == release:
        # Its drift was discarded: this run brought nothing that it could take back.
        return new
    return _accept(new, release, run["id"], at, before)


def taken_back(state: Json, release: str) -> Json:
    """The host serves ``release`` again, with the acceptance that it had."""
    new = copy.deepcopy(state)
    new["live"] = release
    new["pending"] = None
    if new["confirmed"] is None or new["confirmed"]["release"] != release:
        record = new["releases"].get(release, {})
        new["confirmed"] = record.get("confirmed") or {
            "release": release,
            "run": None,
            "since": record.get("installed"),
            "before": None,
        }
    return new


def way_back(state: Json, run: str) -> str | None:
    """Return the release to which ``run`` can be taken back, or nothing when it changed nothing here."""
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


def _accept(state: Json, release: str, run: str | None, at: str, before: str | None) -> Json:
    record = {"release": release, "run": run, "since": at, "before": before}
    state["confirmed"] = record
    state["releases"].setdefault(release, {"installed": at, "origin": "pushed"})["confirmed"] = dict(record)
    return state
