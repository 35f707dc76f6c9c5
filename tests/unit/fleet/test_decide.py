from __future__ import annotations

from collections.abc import Callable

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.fleet.decide import Course, Decision, stories
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.record import Event

Journal = Callable[..., list[Event]]

BOTH_READY = ("run gate", "web1 preflight", "web2 preflight")
BOTH_LIVE = (*BOTH_READY, "web1 activate", "web1 bake", "web2 activate", "web2 bake")
NOT_SWITCHED = Decision("", "was not switched")
SIGN_OF_LIFE = "its guard waits for a sign of life"


@pytest.mark.parametrize(
    ("phase", "lines", "decision"),
    [
        ("preflight", (), Decision("preflight", "")),
        ("preflight", ("web2 preflight FAILED",), Decision("preflight", "")),
        ("activate", BOTH_READY, Decision("activate", "")),
        (
            "activate",
            ("web1 preflight", "web2 preflight FAILED"),
            Decision("", "not switched, because web2 failed in preflight"),
        ),
        ("activate", ("run gate FAILED",), Decision("", "not switched, because the run failed in gate")),
        (
            "activate",
            (*BOTH_READY, "web2 activate", "web2 bake FAILED"),
            Decision("", "not switched, because web2 failed in bake"),
        ),
        ("activate", (), Decision("", "serves this release already")),
        ("bake", (*BOTH_READY, "web1 activate"), Decision("bake", "")),
        ("bake", BOTH_READY, NOT_SWITCHED),
        ("activate", (*BOTH_READY, "web1 activate", "web1 bake"), Decision("bake", SIGN_OF_LIFE)),
        (
            "bake",
            (*BOTH_READY, "web1 activate", "web2 activate FAILED"),
            Decision("", "not baked, because web2 failed in activate"),
        ),
        ("settle", BOTH_LIVE, Decision("confirm", "")),
        ("settle", BOTH_READY, NOT_SWITCHED),
        ("settle", (), NOT_SWITCHED),
        ("settle", (*BOTH_READY, "web2 activate FAILED"), NOT_SWITCHED),
        (
            "settle",
            (*BOTH_READY, "web1 activate", "web2 activate FAILED"),
            Decision("revert", "because web2 failed in activate"),
        ),
        ("settle", (*BOTH_READY, "web1 activate FAILED"), Decision("revert", "because web1 failed in activate")),
        (
            "settle",
            (*BOTH_READY, "web1 activate", "web1 bake FAILED", "web2 preflight FAILED"),
            Decision("revert", "because web1 failed in bake"),
        ),
        ("mend", (*BOTH_LIVE, "web1 settle", "web2 settle"), Decision("", "is settled")),
        (
            "mend",
            (*BOTH_LIVE, "web1 settle", "web2 settle FAILED"),
            Decision("revert", "because web2 failed in settle"),
        ),
        # Its answer may have been lost on the way, and the release confirmed.
        (
            "mend",
            (*BOTH_LIVE, "web1 settle FAILED", "web2 settle"),
            Decision("revert", "because web1 failed in settle"),
        ),
        ("mend", (*BOTH_LIVE, "web2 settle FAILED"), Decision("", "is settled")),
        ("mend", (*BOTH_READY, "web2 settle FAILED"), NOT_SWITCHED),
    ],
)
def test_what_is_done_to_the_first_host(
    journal: Journal, phase: str, lines: tuple[str, ...], decision: Decision
) -> None:
    assert Course(journal(*lines)).decide(phase, "web1") == decision


def test_a_host_that_serves_the_release_already_is_left_alone(event: Callable[..., Event]) -> None:
    events = [event("web1 preflight", changes_needed=False)]
    assert Course(events).decide("activate", "web1") == Decision("", "serves this release already")
    assert Course(events).decide("settle", "web1") == NOT_SWITCHED


def test_a_host_that_was_taken_back_is_not_mended(event: Callable[..., Event]) -> None:
    events = [event("web1 activate"), event("web2 bake FAILED"), event("web1 settle", operation="revert")]
    assert Course(events).decide("mend", "web1") == Decision("", "is settled")


def test_a_host_that_did_not_go_back_when_it_was_asked_is_asked_again(event: Callable[..., Event]) -> None:
    events = [event("web1 activate"), event("web2 bake FAILED"), event("web1 settle FAILED", operation="revert")]
    assert Course(events).decide("mend", "web1") == Decision("revert", "because web2 failed in bake")


@pytest.mark.parametrize(
    ("phase", "lines", "decision"),
    [
        ("activate", BOTH_READY, Decision("", "is of a later wave")),
        ("bake", (*BOTH_READY, "web2 activate"), Decision("", "is of a later wave")),
        ("activate", (*BOTH_READY, "web1 activate", "web1 bake"), Decision("bake", SIGN_OF_LIFE)),
        ("bake", (*BOTH_READY, "web1 activate", "web1 bake", "web2 activate"), Decision("bake", "")),
        (
            "activate",
            (*BOTH_READY, "web1 activate", "web1 bake FAILED"),
            Decision("", "not switched, because web1 failed in bake"),
        ),
    ],
)
def test_what_is_done_to_the_first_host_in_the_wave_of_the_second(
    journal: Journal, phase: str, lines: tuple[str, ...], decision: Decision
) -> None:
    assert Course(journal(*lines)).decide(phase, "web1", ["web2"]) == decision


def test_in_its_wave_a_host_is_switched(journal: Journal) -> None:
    assert Course(journal(*BOTH_READY)).decide("activate", "web1", ["web1", "web3"]) == Decision("activate", "")


def test_what_is_no_phase_is_a_mistake(journal: Journal) -> None:
    with pytest.raises(ValueError, match="'launch' is no phase"):
        Course(journal("web1 preflight", "web1 activate")).decide("launch", "web1")


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
