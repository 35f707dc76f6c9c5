"""The state of a host whose ``state.json`` was damaged, told from what else is on disk. Nothing here does I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Iterable, Mapping

from ..untrusted import ReleaseId
from . import state as states
from .stored import is_event

if TYPE_CHECKING:
    from .protocol import Json

__all__ = ["rebuilt"]


def rebuilt(link: str | None, origins: Mapping[ReleaseId, str], events: Iterable[Json], at: str) -> Json:
    """Return the state from the release that the link leads to, the releases on disk with their origins, and the
    journal.

    What the journal does not tell is taken to be as it should be: then the release that the link leads to is confirmed.
    """
    state = states.empty()
    for release, origin in sorted(origins.items()):
        state = states.installed(state, release, origin, at)
    held = state
    for event in filter(is_event, events):
        if event.get("event") == "confirm":
            # Written before it is done: one that was refused after that is undone.
            state, held = (held, held) if event.get("mark") == "failed" else (state, state)
        state = _told(state, event)
    state = _without_pruned(state, set(origins))
    pending = state["pending"]
    # One that was not installed yet is rolled back all the same: who began it may have left nginx in any state.
    if pending is not None and pending["before"] not in origins:
        state["pending"] = pending = None
    if link is not None and (pending is None or link not in (pending["release"], pending["before"])):
        state["live"] = link
    if state["live"] not in origins:
        state["live"] = link if link in origins else None
    accepted = state["confirmed"]
    if pending is None and state["live"] is not None and (accepted is None or accepted["release"] != state["live"]):
        state = states.rolled_back(state, state["live"], "", at)
    return state


def _without_pruned(state: Json, there: set[str]) -> Json:
    """Leave out releases that the journal names and the disk has no more."""
    releases = {release: record for release, record in state["releases"].items() if release in there}
    accepted = [record["confirmed"] for record in releases.values() if record.get("confirmed")]
    for record in [*accepted, *([state["confirmed"]] if state["confirmed"] else [])]:
        if record["before"] not in there:
            record["before"] = None
    return {**state, "releases": releases}


def _told(state: Json, event: Json) -> Json:
    """Let one event of the journal happen again."""
    name, mark, release = event.get("event"), event.get("mark"), event.get("release")
    run = {"id": str(event.get("run", "")), "who": str(event.get("who", "")), "from": str(event.get("from", ""))}
    at = str(event.get("at", ""))
    pending = state["pending"]
    if name == "adopted" and release in state["releases"]:
        return states.adopted(state, str(release), at)
    if name == "pending" and release:
        before = event.get("before")
        new = states.begun({**state, "live": before}, str(release), run, at, deadline=float(event.get("deadline") or 0))
        # Whatever phase it had reached, the link may have been switched.
        return states.moved(new, "switched")
    if name == "confirm" and mark == "begin" and pending and pending["release"] == release:
        return states.confirmed(state, run, at)
    if name in ("rolled_back", "not switched") and release in state["releases"]:
        return states.rolled_back(state, str(release), str(event.get("by", "")), at)
    return state
