"""A state that was lost is told from the journal and from what is on disk."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.engine.rebuild import rebuilt
from ansible_collections.sluice.nginx.plugins.module_utils.outside import ReleaseId, read_release_id

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
TRIAL_A = event("trial", "a", before="hand", who="ann", deadline=9, **{"from": "desk"})
CONFIRMED_A = [event("confirm", "a", mark="begin"), event("confirm", "a", mark="end", pruned=[])]
TRIAL_B = event("trial", "b", "r2", before="a")


@pytest.mark.parametrize(
    ("link", "events", "live", "confirmed", "pending"),
    [
        (None, [], None, None, None),
        ("a", [], "a", "a", None),
        ("gone", [], None, None, None),
        ("hand", [ADOPTED], "hand", "hand", None),
        ("a", [ADOPTED, TRIAL_A], "a", "hand", "a"),
        ("hand", [ADOPTED, TRIAL_A], "a", "hand", "a"),
        ("a", [ADOPTED, TRIAL_A, *CONFIRMED_A], "a", "a", None),
        ("a", [ADOPTED, TRIAL_A, CONFIRMED_A[0], event("confirm", "a", mark="failed")], "a", "hand", "a"),
        ("hand", [ADOPTED, TRIAL_A, event("reverted", "hand", by="guard")], "hand", "hand", None),
        ("hand", [ADOPTED, TRIAL_A, event("not switched", "hand", by="run r1")], "hand", "hand", None),
        ("b", [ADOPTED, TRIAL_A, *CONFIRMED_A, TRIAL_B], "b", "a", "b"),
        # The journal ends before what the disk shows, or tells of what is gone.
        ("b", [ADOPTED, TRIAL_A, *CONFIRMED_A], "b", "b", None),
        ("a", [event("trial", "gone", before="a")], "a", "a", None),
        ("a", [{"event": "trial"}, {"event": "confirm", "mark": "begin"}, {"noise": 1}], "a", "a", None),
        # Rows of odd types are none.
        ("a", [event("trial", "b") | {"release": ["b"]}, event("adopted", "a") | {"release": {}}], "a", "a", None),
        ("a", [event("trial", "b", before="a") | {"deadline": "x"}, [], None, 5], "a", "a", None),
        ("a", [event("trial", "b") | {"before": "../../x"}], "a", "a", None),
    ],
)
def test_the_state_is_told_from_what_is_left(
    link: str | None, events: list[dict[str, Any]], live: str | None, confirmed: str | None, pending: str | None
) -> None:
    state = rebuilt(named(link), DISK, events, "t9")
    accepted, trial = state["confirmed"], state["pending"]
    assert (state["live"], accepted and accepted["release"], trial and trial["release"]) == (
        named(live),
        named(confirmed),
        named(pending),
    )
    assert {release: record["origin"] for release, record in state["releases"].items()} == DISK


def test_a_trial_that_is_told_again_names_its_run() -> None:
    pending = rebuilt(IDS["a"], DISK, [ADOPTED, TRIAL_A], "t9")["pending"]
    assert (pending["run"], pending["who"], pending["from"], pending["deadline"]) == ("r1", "ann", "desk", 9)
    # Which boot it was is not known, so the guard's lease alone tells whether its run still lives.
    assert pending["boot"] == ""
