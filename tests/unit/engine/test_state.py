"""The states of a host, and the ways between them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.engine import state as states

ONE = {"id": "r1", "who": "ann", "from": "desk"}
TWO = {"id": "r2", "who": "bob", "from": "lap"}


def adopted() -> dict[str, Any]:
    return states.adopted(states.empty(), "hand", "t0")


def serving(state: dict[str, Any], release: str, run: dict[str, str], at: str) -> dict[str, Any]:
    state = states.begun(states.installed(state, release, "pushed", at), release, run, at)
    for phase in ("switched", "reloaded", "serving"):
        state = states.moved(state, phase)
    return state


def finalized(*releases: str) -> dict[str, Any]:
    """A host to which run r1 brought the first release, r2 the second, and so on."""
    state = adopted()
    for number, release in enumerate(releases, 1):
        run = {**ONE, "id": f"r{number}"}
        state = states.confirmed(serving(state, release, run, f"t{number}"), run, f"t{number}")
    return state


def test_adoption_confirms_what_the_host_was_left_with() -> None:
    state = adopted()
    assert state["live"] == "hand"
    assert state["confirmed"] == {"release": "hand", "run": None, "since": "t0", "before": None}


def test_the_way_to_a_confirmed_release() -> None:
    state = states.begun(adopted(), "a", ONE, "t1")
    assert state["live"] == "hand"
    assert state["pending"] == {
        "release": "a", "before": "hand", "run": "r1", "who": "ann", "from": "desk", "since": "t1",
        "boot": "", "deadline": 0.0, "phase": "intent",
    }  # fmt: skip
    state = states.moved(state, "switched")
    assert state["live"] == "a"
    state = states.confirmed(states.moved(state, "serving", workers=[[1, 2]]), ONE, "t2")
    assert state["pending"] is None
    assert state["confirmed"] == {"release": "a", "run": "r1", "since": "t2", "before": "hand"}


def test_nothing_is_changed_in_place() -> None:
    state = adopted()
    before = repr(state)
    states.begun(state, "a", ONE, "t1")
    states.installed(state, "a", "pushed", "t1")
    assert repr(state) == before


@pytest.mark.parametrize(
    ("state", "run", "to"),
    [
        (states.empty(), "r1", None),
        (adopted(), "r1", None),
        (states.begun(adopted(), "a", ONE, "t1"), "r1", "hand"),
        (states.begun(adopted(), "a", ONE, "t1"), "r2", None),
        (finalized("a"), "r1", "hand"),
        (finalized("a", "b"), "r2", "a"),
        (finalized("a", "b"), "r1", None),
        (states.rolled_back(finalized("a", "b"), "a"), "r2", None),
        (states.begun(finalized("a"), "b", TWO, "t2"), "r1", None),
    ],
)
def test_rollback(state: dict[str, Any], run: str, to: str | None) -> None:
    assert states.rollback(state, run) == to


def test_taking_back_restores_who_confirmed() -> None:
    state = states.rolled_back(finalized("a", "b"), "a")
    assert state["live"] == "a"
    assert state["confirmed"] == {"release": "a", "run": "r1", "since": "t1", "before": "hand"}


def test_rolling_back_is_on_disk_before_it_is_done() -> None:
    state = states.rolling_back(finalized("a", "b"), "a", TWO, "t3")
    assert (state["live"], state["pending"]["phase"], state["pending"]["before"]) == ("a", "rolling_back", "a")
    assert states.rollback(state, "r2") == "a"


def test_discarded_drift_leaves_the_confirmation_as_it_was() -> None:
    state = finalized("a", "b")
    again = states.confirmed(serving(state, "b", TWO | {"id": "r9"}, "t9"), TWO | {"id": "r9"}, "t9")
    assert again["confirmed"] == state["confirmed"]


@pytest.mark.parametrize(
    ("state", "keep", "pruned"),
    [
        (finalized("a"), 0, []),
        (finalized("a", "b"), 0, []),
        (finalized("a", "b", "c"), 0, ["a"]),
        (finalized("a", "b", "c"), 1, []),
        (finalized("a", "b", "c", "d", "e"), 1, ["a", "b"]),
        (states.begun(states.installed(finalized("a", "b", "c"), "d", "pushed", "t8"), "d", TWO, "t8"), 0, ["a"]),
    ],
)
def test_prunable(state: dict[str, Any], keep: int, pruned: list[str]) -> None:
    assert states.prunable(state, keep) == pruned
