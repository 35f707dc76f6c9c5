"""A state that was lost is told from the journal and from what is on disk."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.engine.rebuild import rebuilt
from ansible_collections.sluice.nginx.plugins.module_utils.untrusted import ReleaseId, read_release_id

# Names of releases, for people; each stands for an id.
IDS = {name: read_release_id(name[0] * 64) for name in ("a", "b", "c", "d")}
HAND, GONE = IDS["d"], IDS["c"]
DISK = {HAND: "adopted", IDS["a"]: "pushed", IDS["b"]: "pushed"}


def named(name: str | None) -> ReleaseId | None:
    return None if name is None else {"hand": HAND, "gone": GONE, **IDS}[name]


def event(name: str, release: str, run: str = "r1", **facts: Any) -> dict[str, Any]:
    if "before" in facts:
        facts["before"] = named(facts["before"])
    return {"at": "t1", "run": run, "event": name, "release": named(release), **facts}


ADOPTED = event("adopted", "hand")
PENDING_A = event("pending", "a", before="hand", who="ann", deadline=9, **{"from": "desk"})
CONFIRMED_A = [event("confirm", "a", mark="begin"), event("confirm", "a", mark="end", pruned=[])]
PENDING_B = event("pending", "b", "r2", before="a")


@pytest.mark.parametrize(
    ("link", "events", "live", "confirmed", "pending"),
    [
        (None, [], None, None, None),
        ("a", [], "a", "a", None),
        ("gone", [], None, None, None),
        ("hand", [ADOPTED], "hand", "hand", None),
        ("a", [ADOPTED, PENDING_A], "a", "hand", "a"),
        ("hand", [ADOPTED, PENDING_A], "a", "hand", "a"),
        ("a", [ADOPTED, PENDING_A, *CONFIRMED_A], "a", "a", None),
        ("a", [ADOPTED, PENDING_A, CONFIRMED_A[0], event("confirm", "a", mark="failed")], "a", "hand", "a"),
        ("hand", [ADOPTED, PENDING_A, event("rolled_back", "hand", by="watchdog")], "hand", "hand", None),
        ("hand", [ADOPTED, PENDING_A, event("not switched", "hand", by="run r1")], "hand", "hand", None),
        ("b", [ADOPTED, PENDING_A, *CONFIRMED_A, PENDING_B], "b", "a", "b"),
        # The journal ends before what the disk shows, or tells of what is gone.
        ("b", [ADOPTED, PENDING_A, *CONFIRMED_A], "b", "b", None),
        # It was not installed yet, or is gone: nginx may be in any state, so it is rolled back all the same.
        ("a", [event("pending", "gone", before="a")], "a", None, "gone"),
        ("a", [event("pending", "b", before="gone")], "a", "a", None),
        ("a", [{"event": "pending"}, {"event": "confirm", "mark": "begin"}, {"noise": 1}], "a", "a", None),
        # Rows of odd types are none.
        ("a", [event("pending", "b") | {"release": ["b"]}, event("adopted", "a") | {"release": {}}], "a", "a", None),
        ("a", [event("pending", "b", before="a") | {"deadline": "x"}, [], None, 5], "a", "a", None),
        ("a", [event("pending", "b") | {"before": "../../x"}], "a", "a", None),
    ],
)
def test_the_state_is_told_from_what_is_left(
    link: str | None, events: list[dict[str, Any]], live: str | None, confirmed: str | None, pending: str | None
) -> None:
    state = rebuilt(named(link), DISK, events, "t9")
    accepted, attempt = state["confirmed"], state["pending"]
    assert (state["live"], accepted and accepted["release"], attempt and attempt["release"]) == (
        named(live),
        named(confirmed),
        named(pending),
    )
    assert {release: record["origin"] for release, record in state["releases"].items()} == DISK


def test_a_trial_that_is_told_again_names_its_run() -> None:
    pending = rebuilt(IDS["a"], DISK, [ADOPTED, PENDING_A], "t9")["pending"]
    assert (pending["run"], pending["who"], pending["from"], pending["deadline"]) == ("r1", "ann", "desk", 9)
    # Which boot it was is not known, so the watchdog's heartbeat alone tells whether its run still lives.
    assert pending["boot"] == ""
