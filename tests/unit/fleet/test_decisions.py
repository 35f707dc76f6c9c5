from __future__ import annotations

from collections.abc import Callable

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.fleet.decisions import HostDecision, RunState, stories
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import Event

Journal = Callable[..., list[Event]]

BOTH_READY = ("run gate", "web1 preflight", "web2 preflight")
BOTH_LIVE = (*BOTH_READY, "web1 activate", "web1 bake", "web2 activate", "web2 bake")
NOT_SWITCHED = HostDecision("", "was not switched")
SIGN_OF_LIFE = "its watchdog waits for a heartbeat"


@pytest.mark.parametrize(
    ("phase", "lines", "decision"),
    [
        ("preflight", (), HostDecision("preflight", "")),
        ("preflight", ("web2 preflight FAILED",), HostDecision("preflight", "")),
        ("activate", BOTH_READY, HostDecision("activate", "")),
        (
            "activate",
            ("web1 preflight", "web2 preflight FAILED"),
            HostDecision("", "not switched, because web2 failed in preflight"),
        ),
        ("activate", ("run gate FAILED",), HostDecision("", "not switched, because the run failed in gate")),
        (
            "activate",
            (*BOTH_READY, "web2 activate", "web2 bake FAILED"),
            HostDecision("", "not switched, because web2 failed in bake"),
        ),
        ("activate", (), HostDecision("", "serves this release already")),
        ("bake", (*BOTH_READY, "web1 activate"), HostDecision("bake", "")),
        ("bake", BOTH_READY, NOT_SWITCHED),
        ("activate", (*BOTH_READY, "web1 activate", "web1 bake"), HostDecision("bake", SIGN_OF_LIFE)),
        (
            "bake",
            (*BOTH_READY, "web1 activate", "web2 activate FAILED"),
            HostDecision("", "not baked, because web2 failed in activate"),
        ),
        ("finalize", BOTH_LIVE, HostDecision("confirm", "")),
        ("finalize", BOTH_READY, NOT_SWITCHED),
        ("finalize", (), NOT_SWITCHED),
        ("finalize", (*BOTH_READY, "web2 activate FAILED"), NOT_SWITCHED),
        (
            "finalize",
            (*BOTH_READY, "web1 activate", "web2 activate FAILED"),
            HostDecision("rollback", "because web2 failed in activate"),
        ),
        (
            "finalize",
            (*BOTH_READY, "web1 activate FAILED"),
            HostDecision("rollback", "because web1 failed in activate"),
        ),
        (
            "finalize",
            (*BOTH_READY, "web1 activate", "web1 bake FAILED", "web2 preflight FAILED"),
            HostDecision("rollback", "because web1 failed in bake"),
        ),
        ("retry_rollback", (*BOTH_LIVE, "web1 finalize", "web2 finalize"), HostDecision("", "is finalized")),
        (
            "retry_rollback",
            (*BOTH_LIVE, "web1 finalize", "web2 finalize FAILED"),
            HostDecision("rollback", "because web2 failed in finalize"),
        ),
        # Its answer may have been lost on the way, and the release confirmed.
        (
            "retry_rollback",
            (*BOTH_LIVE, "web1 finalize FAILED", "web2 finalize"),
            HostDecision("rollback", "because web1 failed in finalize"),
        ),
        ("retry_rollback", (*BOTH_LIVE, "web2 finalize FAILED"), HostDecision("", "is finalized")),
        ("retry_rollback", (*BOTH_READY, "web2 finalize FAILED"), NOT_SWITCHED),
    ],
)
def test_what_is_done_to_the_first_host(
    journal: Journal, phase: str, lines: tuple[str, ...], decision: HostDecision
) -> None:
    assert RunState(journal(*lines)).decide(phase, "web1") == decision


def test_a_host_that_serves_the_release_already_is_left_alone(event: Callable[..., Event]) -> None:
    events = [event("web1 preflight", changes_needed=False)]
    assert RunState(events).decide("activate", "web1") == HostDecision("", "serves this release already")
    assert RunState(events).decide("finalize", "web1") == NOT_SWITCHED


def test_a_host_that_was_rolled_back_is_not_fixed(event: Callable[..., Event]) -> None:
    events = [event("web1 activate"), event("web2 bake FAILED"), event("web1 finalize", operation="rollback")]
    assert RunState(events).decide("retry_rollback", "web1") == HostDecision("", "is finalized")


def test_a_host_that_did_not_roll_back_when_it_was_asked_is_asked_again(event: Callable[..., Event]) -> None:
    events = [event("web1 activate"), event("web2 bake FAILED"), event("web1 finalize FAILED", operation="rollback")]
    assert RunState(events).decide("retry_rollback", "web1") == HostDecision("rollback", "because web2 failed in bake")


@pytest.mark.parametrize(
    ("phase", "lines", "decision"),
    [
        ("activate", BOTH_READY, HostDecision("", "is of a later wave")),
        ("bake", (*BOTH_READY, "web2 activate"), HostDecision("", "is of a later wave")),
        ("activate", (*BOTH_READY, "web1 activate", "web1 bake"), HostDecision("bake", SIGN_OF_LIFE)),
        ("bake", (*BOTH_READY, "web1 activate", "web1 bake", "web2 activate"), HostDecision("bake", "")),
        (
            "activate",
            (*BOTH_READY, "web1 activate", "web1 bake FAILED"),
            HostDecision("", "not switched, because web1 failed in bake"),
        ),
    ],
)
def test_what_is_done_to_the_first_host_in_the_wave_of_the_second(
    journal: Journal, phase: str, lines: tuple[str, ...], decision: HostDecision
) -> None:
    assert RunState(journal(*lines)).decide(phase, "web1", ["web2"]) == decision


def test_in_its_wave_a_host_is_switched(journal: Journal) -> None:
    assert RunState(journal(*BOTH_READY)).decide("activate", "web1", ["web1", "web3"]) == HostDecision("activate", "")


def test_what_is_no_phase_is_a_mistake(journal: Journal) -> None:
    with pytest.raises(ValueError, match="'launch' is no phase"):
        RunState(journal("web1 preflight", "web1 activate")).decide("launch", "web1")


def test_stories_hold_the_last_event_of_each_phase(event: Callable[..., Event]) -> None:
    events = [event("run gate"), event("web2 preflight FAILED"), event("web1 activate"), event("web2 preflight")]
    found = stories(events)
    assert list(found) == ["web2", "web1"]
    assert found["web2"].events["preflight"].good
    assert (found["web1"].touched, found["web1"].switched, found["web2"].touched) == (True, True, False)
    assert (found["web2"].needs_change, found["web1"].needs_change) == (True, False)
    assert found["web1"].said("preflight", "live") is None


@pytest.mark.parametrize("line", ["web1 activate", "web1 activate FAILED"])
def test_a_host_that_was_asked_to_switch_is_touched_whatever_came_of_it(journal: Journal, line: str) -> None:
    assert stories(journal(line))["web1"].touched
