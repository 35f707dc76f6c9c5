"""What a drill takes for a host that is back, and what not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.fleet.drills import (
    CHECK,
    WATCHDOG,
    Drill,
    DrillStep,
    drill_request,
    judge_check,
    judge_watchdog,
    make_release,
    read_drills,
    why_unfit,
    write_drill,
)
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import Run
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.reports.history import history

LIVE, NEW = "a" * 64, "b" * 64
RUN = Run("20260102T030405-abcd", "", "ada", "desk", "2026-01-02T03:04:05.000Z")
BACK: dict[str, Any] = {"live": LIVE, "pending": None, "nginx": {"running": True}}
FAILED: dict[str, Any] = {
    "ok": False,
    "rolled_back": True,
    "means": "reload",
    "timings": {"failed_to_proof": 240},
    "problems": [{"what": "the drill's check, which cannot hold: expected status 299, got 404"}],
    "checks": [{"name": "front", "ok": True}],
}


@pytest.mark.parametrize(
    ("answer", "status", "ok", "words"),
    [
        ({}, {}, True, "the check failed, and the host rolled back by reload"),
        ({"ok": True}, {}, False, "the host took a release whose check fails"),
        ({"rolled_back": None}, {}, False, "the host did not go so far as to roll back: the drill's check"),
        ({"rolled_back": False}, {}, False, "the host did not go so far as to roll back"),
        ({}, {"live": NEW}, False, "the host serves bbbbbbbbbbbb; expected aaaaaaaaaaaa"),
        ({}, {"pending": {"release": NEW}}, False, "release bbbbbbbbbbbb is still pending on the host"),
        ({}, {"nginx": {"running": False}}, False, "nginx does not run on the host"),
        ({"problems": [{"what": "the disk is full"}]}, {}, False, "rolled back for another reason: the disk is full"),
        ({"checks": [{"name": "front", "ok": False}]}, {}, False, "checks fail on the release before as well: front"),
    ],
)
def test_a_check_that_fails_brings_the_host_back(
    answer: dict[str, Any], status: dict[str, Any], ok: bool, words: str
) -> None:
    step = judge_check({**FAILED, **answer}, {**BACK, **status}, LIVE)
    assert (step.name, step.ok, step.seconds) == (CHECK, ok, 0.24 if ok else None)
    assert words in step.words


@pytest.mark.parametrize(
    ("status", "ok", "words"),
    [
        ({}, True, "rolled back by watchdog"),
        ({"pending": {"release": NEW}}, False, "is still pending on the host"),
        ({"last": {"run": "another", "outcome": "rolled_back"}}, False, "the last release was rolled back"),
        ({"last": {"run": RUN.id, "outcome": "confirmed"}}, False, "the last release was confirmed"),
        ({"last": None}, False, "the last release was nothing"),
    ],
)
def test_a_watchdog_brings_the_host_back(status: dict[str, Any], ok: bool, words: str) -> None:
    last = {"run": RUN.id, "outcome": "rolled_back", "by": "watchdog"}
    step = judge_watchdog(WATCHDOG, {**BACK, "last": last, **status}, LIVE, RUN.id, 10.04)
    assert (step.ok, step.seconds) == (ok, 10.0 if ok else None)
    assert words in step.words


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ""),
        ({"pending": {"release": NEW}}, "release bbbbbbbbbbbb is pending there"),
        ({"confirmed": None}, "it serves no confirmed release"),
        ({"confirmed": {"release": NEW}}, "it serves no confirmed release"),
        ({"drift": ["nginx.conf"]}, "drift"),
        ({"package_drift": {"mime.types": "nginx"}}, "drift"),
    ],
)
def test_a_host_is_in_a_state_for_a_drill(changes: dict[str, Any], words: str) -> None:
    fault = why_unfit({**BACK, "confirmed": {"release": LIVE}, **changes})
    assert (words in fault) if words else not fault


def test_the_release_of_a_drill_is_the_live_one_and_a_file(tmp_path: Path) -> None:
    tree = trees.overlay({"nginx.conf": trees.file(b"events {}\n", "raw")})
    live = ReleaseStore(tmp_path / "releases").add(tree, [], ["ssl"], {"os": "debian 12"})
    drills = ReleaseStore(tmp_path / "drills")
    made, failing = (make_release(drills, live, RUN.id, failing=each) for each in (False, True))
    for each in (made, failing):
        rows = [row for row in each.described["manifest"] if row[0] != ".sluice-drill"]
        assert rows == live.described["manifest"]
        assert each.described["shared"] == ["ssl"]
    assert made.id != live.id != failing.id != made.id
    assert [row["name"] for row in failing.described["contract"]] == ["the drill's check, which cannot hold"]
    assert made.described["contract"] == []
    request = drill_request(failing, RUN, 10, "production", None)
    assert (request["receipt"]["kind"], request["receipt"]["release"]) == ("drill", failing.id)
    assert (request["signature"], request["options"]) == ("", {"confirm_timeout": 10})
    json.dumps(request)


def test_the_page_of_all_runs_has_the_figures_of_drills(tmp_path: Path) -> None:
    steps = [DrillStep(CHECK, True, "rolled back by reload", 0.24), DrillStep(WATCHDOG, False, "still pending")]
    drill = Drill(RUN.id, "2026-01-02T03:05:00.000Z", "ada", "production", "web3", LIVE, steps)
    assert not drill.ok
    write_drill(tmp_path / "drills", drill)
    (tmp_path / "drills/odd.json").write_text("[1]")
    assert list(read_drills(tmp_path / "drills")) == [drill]
    page = history(tmp_path / "runs")
    assert "<td>web3 of production</td><td>failing check</td><td>rolled back by reload</td>" in page
    assert '<td class="number">0.2 s</td>' in page
    assert "FAILED: still pending" in page
