"""What is shown while a run goes on: each verdict once, failures at once, many releases and hosts counted."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.gating.examine import Candidate
from ansible_collections.sluice.nginx.plugins.module_utils.redactor.redactor import Redactor
from ansible_collections.sluice.nginx.plugins.module_utils.reports.fleet_progress import FleetProgress
from ansible_collections.sluice.nginx.plugins.module_utils.reports.progress import GatesProgress
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import Finding, Verdict

FAULT = Finding("GET / is answered by 500", file="conf.d/a.conf", line=3, expected="200", actual="500 with S3CR3T-1")
GOOD = Verdict("pass", "fine", gate="syntax", seconds=1.25)
BAD = Verdict("fail", "GET / is answered by 500", [FAULT], gate="smoke", seconds=0.5)


class Screen:
    """Takes what is shown."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def line(self, text: str, tone: str = "") -> None:
        self.lines.append((text, tone))

    text = line


def candidate(number: int = 0, hosts: tuple[str, ...] = ("web1",)) -> Candidate:
    release: Any = SimpleNamespace(id=f"{number:064x}"[::-1])
    return Candidate(hosts, release)


def test_a_verdict_is_shown_when_it_falls_and_a_failure_with_its_finding() -> None:
    screen = Screen()
    watcher = GatesProgress(screen, Redactor({"S3CR3T-1"}), 1).of(candidate(hosts=("web1", "web2", "web3", "web4")))
    assert screen.lines == [("gates of release 000000000000 for web1, web2, web3 and 1 more", "")]
    watcher.fell(GOOD)
    assert screen.lines[1:] == [("  syntax     pass      1.2 s  fine", "good")]
    watcher.fell(BAD)
    (line, tone), (found, how) = screen.lines[2:]
    assert (line, tone, how) == ("  smoke      FAIL      0.5 s  GET / is answered by 500", "bad", "bad")
    assert "conf.d/a.conf:3" in found
    assert "expected  200" in found
    assert "S3CR3T" not in found


def test_what_runs_is_one_line_with_its_requests_and_trials() -> None:
    progress = GatesProgress(Screen(), Redactor(), 1)
    assert progress.now() == ""
    watcher = progress.of(candidate())
    assert progress.now() == "  reading the release · 0 s"
    watcher.waits(lambda: "starting containers")
    watcher.began("lint", lambda: 0)
    watcher.began("smoke", lambda: 1280)
    assert progress.now() == "  lint · smoke (1,280 requests) · starting containers · 0 s"
    watcher.waits(str)
    for gate in ("lint", "smoke"):
        watcher.fell(Verdict("pass", "fine", gate=gate))
    assert progress.now() == "  ending · 0 s"
    watcher.tried("smoke", 1)
    assert progress.now() == "  searching the culprit of smoke, 1 trial · 0 s"
    watcher.ended()
    assert progress.now() == ""


def test_of_many_releases_those_that_pass_are_counted() -> None:
    screen, number = Screen(), 40
    progress = GatesProgress(screen, Redactor(), number)
    watchers = [progress.of(candidate(each, (f"web{each}",))) for each in range(number)]
    for watcher in watchers[1:]:
        watcher.fell(GOOD)
        watcher.ended()
    assert screen.lines == []
    assert progress.now().startswith("39 of 40 releases · ")
    watchers[0].fell(BAD)
    watchers[0].ended()
    texts = [text for text, _ in screen.lines]
    assert texts[0].startswith("000000000000 for web0: smoke      FAIL")
    assert "conf.d/a.conf:3" in texts[1]
    assert texts[2:] == ["000000000000 for web0: 0 gates passed, not passed: smoke"]
    assert progress.now() == ""


CHECKS = [{"ok": True}] * 31
HOSTS = ("web1", "web2")


@pytest.mark.parametrize(
    ("operation", "answer", "words"),
    [
        ("activate", {"ok": True, "checks": CHECKS}, "activated, 31 checks hold"),
        ("activate", {"ok": True, "checks": [{"ok": True}]}, "activated, 1 check holds"),
        (
            "activate",
            {"ok": True, "checks": [*CHECKS, {"ok": True, "untested": "no aioquic"}]},
            "activated, 31 checks hold, 1 not tested there",
        ),
        ("activate", {"ok": True, "bake": {"requests": 7, "problems": []}}, "activated, 7 requests seen"),
        ("bake", {"ok": True, "checks": CHECKS, "requests": 1200}, "baked, 31 checks hold, 1,200 requests seen"),
        ("confirm", {"ok": True}, "confirmed"),
        ("rollback", {"ok": True, "live": "ab" * 32}, "rolled back to abababababab"),
    ],
)
def test_a_host_says_what_it_did(operation: str, answer: dict[str, Any], words: str) -> None:
    screen, progress = Screen(), FleetProgress()
    progress.asks(screen, dict.fromkeys(HOSTS, operation), 0)
    progress.answered("web1", operation, answer)
    assert screen.lines == [(f"  web1: {words}", "good")]
    many = Screen()
    progress.asks(many, {f"web{number}": operation for number in range(40)}, 0)
    for number in range(40):
        progress.answered(f"web{number}", operation, answer)
    progress.all_answered()
    assert many.lines == [(f"  40 hosts: {words}", "good")]


@pytest.mark.parametrize("answer", [{"ok": False}, {"ok": True, "bake": {"problems": [{"what": "5xx rose"}]}}])
def test_a_host_that_is_not_well_is_not_called_good(answer: dict[str, Any]) -> None:
    screen, progress = Screen(), FleetProgress()
    progress.asks(screen, dict.fromkeys(HOSTS, "activate"), 0)
    progress.answered("web1", "activate", answer)
    progress.all_answered()
    assert screen.lines == []


def test_a_bake_is_one_line_with_its_time_and_requests() -> None:
    progress = FleetProgress()
    assert progress.now() == ""
    progress.asks(Screen(), dict.fromkeys(("web1", "web2"), "bake"), 30)
    assert progress.now() == "  baking · 0 of 2 hosts answered · waiting for web1, web2 · 0 s of 30 s of bake"
    progress.answered("web1", "bake", {"ok": True, "requests": 310})
    assert progress.now().endswith("1 of 2 hosts answered · waiting for web2 · 0 s of 30 s of bake · 310 requests seen")
    progress.answered("web2", "bake", cast(Any, {"ok": True, "requests": "many"}))
    assert progress.now() == ""


@pytest.mark.parametrize(
    ("wanting", "words"),
    [
        ((True, True), "preflight: 2 hosts can take the release"),
        ((True, False), "preflight: 1 host can take the release, 1 host serves it already"),
        ((False, False), "preflight: 2 hosts serve it already"),
    ],
)
def test_a_preflight_is_one_line(wanting: tuple[bool, ...], words: str) -> None:
    screen, progress = Screen(), FleetProgress()
    progress.asks(screen, dict.fromkeys(HOSTS, "preflight"), 0)
    for host, each in zip(HOSTS, wanting, strict=True):
        progress.answered(host, "preflight", {"ok": True, "changes_needed": each})
    progress.all_answered()
    assert screen.lines == [(words, "good")]
