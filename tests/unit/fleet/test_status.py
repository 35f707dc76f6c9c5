from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.fleet.status import status_text, tell

OLD, NEW = "a" * 64, "b" * 64
OLDER, NEWER = OLD[:12], NEW[:12]
AT = "2026-01-01T10:00:00.123Z"


@pytest.mark.parametrize(
    ("answer", "cells"),
    [
        (
            {
                "live": OLD,
                "confirmed": {"release": OLD, "since": "2026-01-01"},
                "nginx": {"version": "1.22.1", "workers": 2},
            },
            ["web1", OLDER, "confirmed", "2026-01-01", "nginx 1.22.1, 2 workers"],
        ),
        (
            {"live": NEW, "pending": {"release": NEW, "run": "run-1"}, "confirmed": {"release": OLD}},
            ["web1", NEWER, f"pending {NEWER} of run run-1", "-", "nginx ?, ? workers"],
        ),
        (
            {"live": NEW, "pending": {"release": NEW, "run": "run-1"}, "watchdog": {"due_in": 86.6}},
            ["web1", NEWER, f"pending {NEWER} of run run-1, watchdog in 87 s", "-", "nginx ?, ? workers"],
        ),
        (
            {"live": NEW, "pending": {"release": NEW, "run": "run-1"}, "watchdog": {"due_in": 0.0}},
            ["web1", NEWER, f"pending {NEWER} of run run-1, watchdog at work", "-", "nginx ?, ? workers"],
        ),
        ({}, ["web1", "-", "not managed yet", "-", "nginx ?, ? workers"]),
        (
            {"problems": [{"what": "the host cannot be reached"}], "unreachable_host": True},
            ["web1", "-", "unknown", "-", "the host cannot be reached"],
        ),
        (
            {"live": OLD, "confirmed": {"release": OLD}, "drift": ["a", "b", "c", "d"]},
            ["web1", OLDER, "confirmed", "-", "drift: a, b, c"],
        ),
    ],
)
def test_the_table(answer: dict[str, Any], cells: list[str]) -> None:
    last = status_text({"web1": answer}).splitlines()[-1]
    assert [cell.strip() for cell in last.split("  ") if cell.strip()] == cells


def test_under_the_table_each_host_tells_its_faults_drift_and_story() -> None:
    answers: dict[str, dict[str, Any]] = {
        "web1": {
            "live": OLD,
            "pending": {"release": NEW, "run": "run-1", "broken": ["reload: nginx is gone", "restart: port taken"]},
            "last": {"release": OLD, "run": "run-0", "outcome": "rolled_back", "by": "watchdog", "at": AT},
            "warnings": ["the state was damaged"],
            "drift": ["nginx.conf"],
            "drift_diff": "-gzip off;\n+gzip on;",
            "journal": [
                {"at": AT, "run": "run-0", "event": "rolled_back", "release": OLD, "by": "watchdog", "means": "reload"}
            ],
        },
        "web2": {"live": OLD, "confirmed": {"release": OLD}},
    }
    table, told = status_text(answers).split("\n\n")
    assert f"BROKEN during the rollback from {NEWER}" in table
    assert told.splitlines() == [
        "web1",
        "  fault: reload: nginx is gone",
        "  fault: restart: port taken",
        "  warning: the state was damaged",
        f"  last activation: release {OLDER}, rolled back by watchdog at {AT}",
        "  drift, as it is against as it was deployed:",
        "    -gzip off;",
        "    +gzip on;",
        f"  2026-01-01T10:00:00Z  run run-0: release {OLDER} serves again, by watchdog (reload)",
    ]


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (
            {"event": "pending", "release": NEW, "before": OLD, "who": "ada", "from": "desk"},
            f"ada from desk put release {NEWER} pending, in place of {OLDER}",
        ),
        ({"event": "activate", "mark": "end", "release": NEW}, f"release {NEWER} serves"),
        ({"event": "failed", "release": NEW, "why": "port 80 is taken"}, f"release {NEWER} failed: port 80 is taken"),
        ({"event": "not switched", "release": OLD}, f"nothing was switched; release {OLDER} serves on"),
        ({"event": "confirm", "mark": "end", "release": NEW}, f"release {NEWER} was confirmed"),
        (
            {"event": "watchdog", "release": NEW, "of": "run-0", "why": "run run-0 gave no heartbeat for 120 s"},
            f"its watchdog takes release {NEWER} of run run-0 back: run run-0 gave no heartbeat for 120 s",
        ),
        (
            {"event": "boot", "release": NEW, "why": "this machine was started since"},
            f"release {NEWER} was pending when it started, and is rolled back: this machine was started since",
        ),
        (
            {"event": "rollback failed", "release": OLD, "means": "reload again", "why": "no worker"},
            f"the rollback to release {OLDER} failed (reload again): no worker",
        ),
        ({"event": "emergency", "reason": "the shop is down"}, "EMERGENCY, because: the shop is down"),
        ({"event": "adopted", "release": OLD}, f"what it served was adopted as release {OLDER}"),
        ({"event": "adopt drift", "mark": "end"}, "its drift was adopted as a release"),
        ({"event": "discard drift", "mark": "end"}, "its drift was discarded"),
    ],
)
def test_an_event_that_matters_is_a_line(event: dict[str, Any], words: str) -> None:
    assert tell([{"at": AT, "run": "run-1", **event}]) == [f"2026-01-01T10:00:00Z  run run-1: {words}"]


@pytest.mark.parametrize("event", [{}, {"event": "swap", "mark": "end"}, {"event": "confirm", "mark": "begin"}])
def test_a_step_is_left_out(event: dict[str, Any]) -> None:
    assert tell([event]) == []


def test_the_last_ten_are_told_whatever_they_lack() -> None:
    told = tell([{"event": "confirm", "mark": "end", "release": str(n) * 12} for n in range(1, 10)] * 2)
    assert len(told) == 10
    assert told[-1] == "?  run ?: release 999999999999 was confirmed"
