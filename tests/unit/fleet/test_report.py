from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.fleet.record import Event
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.report import conclude, status_table

Make = Callable[..., Event]

OLD, NEW = "a" * 12, "b" * 12
PORT = {"problems": [{"what": "port 80 is taken", "do": "free it"}]}
GONE = {"unreachable_host": True, "problems": [{"what": "the host cannot be reached: timed out"}]}


@pytest.mark.parametrize(
    ("lines", "good", "outcome"),
    [
        ([], True, "nothing to do on 0 hosts"),
        ([("web1 preflight", {"changes_needed": False})], True, "nothing to do on 1 host"),
        (
            [("web1 preflight", {}), ("web1 activate", {}), ("web1 bake", {}), ("web1 settle", {})],
            True,
            "1 host switched and confirmed",
        ),
        (
            [("web1 preflight FAILED", PORT), ("web2 preflight", {})],
            False,
            "web1 failed in preflight (port 80 is taken); no other host was switched",
        ),
        (
            [
                ("web1 preflight", {}),
                ("web1 activate", {}),
                ("web2 activate FAILED", PORT),
                ("web1 settle", {"operation": "revert"}),
            ],
            False,
            "web2 failed in activate (port 80 is taken); the 1 switched before it were taken back",
        ),
        (
            [("web1 activate", {}), ("web2 bake FAILED", PORT), ("web1 settle FAILED", {"operation": "revert"})],
            False,
            "web2 failed in bake (port 80 is taken); NOT taken back: web1; look there with playbooks/status.yml",
        ),
        (
            [("web1 activate", {}), ("web3 activate", {}), ("web2 bake FAILED", {"problems": [{"what": "a"}] * 3})],
            False,
            "web2 failed in bake (a, and 2 more); NOT taken back: web1, web3; look there with playbooks/status.yml",
        ),
        (
            [
                ("web1 activate", {}),
                ("web2 settle FAILED", PORT),
                ("web1 settle", {}),
                ("web1 mend", {"operation": "revert"}),
            ],
            False,
            "web2 failed in settle (port 80 is taken); the 1 switched before it were taken back",
        ),
        ([("run gate FAILED", {}), ("web1 preflight", {"changes_needed": False})], True, "nothing to do on 1 host"),
    ],
)
def test_the_outcome(event: Make, lines: list[tuple[str, dict[str, Any]]], good: bool, outcome: str) -> None:
    concluded = conclude([event(line, **more) for line, more in lines], check_mode=False)
    assert (concluded.good, concluded.outcome) == (good, outcome)


def test_check_mode_says_what_would_be_done(event: Make) -> None:
    events = [event("web1 preflight"), event("web2 preflight", live="b" * 64, changes_needed=False)]
    concluded = conclude(events, check_mode=True)
    assert (concluded.good, concluded.outcome) == (True, "1 of 2 hosts would be switched")
    assert concluded.hosts["web1"] == {"serves": OLD, "done": f"would be switched to {NEW}"}
    assert concluded.hosts["web2"] == {"serves": NEW, "done": "serves it already; nothing to do"}


@pytest.mark.parametrize(
    ("lines", "serves", "done"),
    [
        ([("preflight", {"changes_needed": False})], NEW, "serves it already; nothing to do"),
        ([("preflight", {})], OLD, "was not touched"),
        ([("preflight FAILED", {})], OLD, "was not touched"),
        ([("preflight FAILED", {**GONE, "live": None})], "?", "could not be reached; nothing was changed on it"),
        (
            [("preflight", {}), ("activate", {})],
            "?",
            "was switched, and the run ended before it was settled",
        ),
        (
            [("preflight", {}), ("activate", {}), ("bake", {}), ("settle", {})],
            NEW,
            f"switched from {OLD}, confirmed",
        ),
        (
            [("preflight", {}), ("activate", {}), ("settle", {"operation": "revert"})],
            OLD,
            "taken back; the release before serves again, proved",
        ),
        (
            [("preflight", {}), ("activate FAILED", {"reverted": True}), ("settle", {"operation": "revert"})],
            OLD,
            "took itself back; the release before serves again, proved",
        ),
        (
            [("preflight", {}), ("activate", {}), ("settle", {}), ("mend", {"operation": "revert"})],
            OLD,
            "taken back; the release before serves again, proved",
        ),
        (
            [("preflight", {}), ("activate", {}), ("settle FAILED", {**GONE, "operation": "revert"})],
            "?",
            "could not be reached to revert; look at it with playbooks/status.yml",
        ),
        ([("activate", {}), ("settle FAILED", {"operation": "revert"})], "?", "to revert failed"),
        (
            [("activate", {}), ("settle FAILED", {"operation": "revert", "broken": True})],
            "?",
            "BROKEN: to revert failed",
        ),
    ],
)
def test_what_became_of_a_host(event: Make, lines: list[tuple[str, dict[str, Any]]], serves: str, done: str) -> None:
    concluded = conclude([event(f"web1 {line}", **more) for line, more in lines], check_mode=False)
    assert concluded.hosts == {"web1": {"serves": serves, "done": done}}
    assert done in concluded.text.splitlines()[2]


def test_the_text_has_the_table_what_failed_and_warnings(event: Make) -> None:
    events = [
        event("web1 preflight", warnings=["the disk is nearly full"]),
        event("web2 preflight FAILED", **PORT),
    ]
    table, failed, warnings = conclude(events, check_mode=False).text.split("\n\n")
    assert table.splitlines()[0].split("  ")[0] == "host"
    assert failed == "what failed\nweb2: preflight: port 80 is taken; free it"
    assert warnings == "warnings\nweb1: preflight: the disk is nearly full"


@pytest.mark.parametrize(
    ("answer", "cells"),
    [
        (
            {
                "live": "a" * 64,
                "confirmed": {"release": "a" * 64, "since": "2026-01-01"},
                "nginx": {"version": "1.22.1", "workers": 2},
            },
            ["web1", OLD, "confirmed", "2026-01-01", "nginx 1.22.1, 2 workers"],
        ),
        (
            {"live": "b" * 64, "pending": {"release": "b" * 64, "run": "run-1"}, "confirmed": {"release": "a" * 64}},
            ["web1", NEW, f"pending {NEW} of run run-1", "-", "nginx ?, ? workers"],
        ),
        ({}, ["web1", "-", "not managed yet", "-", "nginx ?, ? workers"]),
        (
            {"problems": [{"what": "the host cannot be reached"}], "unreachable_host": True},
            ["web1", "-", "not managed yet", "-", "the host cannot be reached"],
        ),
        (
            {"live": "a" * 64, "confirmed": {"release": "a" * 64}, "drift": ["a", "b", "c", "d"]},
            ["web1", OLD, "confirmed", "-", "drift: a, b, c"],
        ),
    ],
)
def test_the_table_of_status(answer: dict[str, Any], cells: list[str]) -> None:
    last = status_table({"web1": answer}).splitlines()[-1]
    assert [cell.strip() for cell in last.split("  ") if cell.strip()] == cells
