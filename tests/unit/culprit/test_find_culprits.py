"""The whole search on gates that need no stage: real trees, and gates of one's own."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.culprit.locate import find_culprits
from ansible_collections.sluice.nginx.plugins.module_utils.culprit.model import Culprits
from ansible_collections.sluice.nginx.plugins.module_utils.gating.discovery import find_gates
from ansible_collections.sluice.nginx.plugins.module_utils.gating.examine import Candidate, subject_of
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release, ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import Finding, GateOptions, Subject, Verdict
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.runner import Gate, run_gates

MAIN = "events {}\nhttp {\n    include conf.d/*.conf;\n}\n"
LIVE = {"nginx.conf": MAIN, "conf.d/a.conf": "gzip off;\nautoindex off;\nsendfile off;\n"}
LONG_SECONDS = 600.0
AT_ONCE = 0.001


def release(folder: Path, texts: dict[str, str]) -> Release:
    tree = {path: trees.file(text.encode(), f"files/{path}") for path, text in texts.items()}
    return ReleaseStore(folder).add(trees.overlay(tree), [], [], {})


def no_gzip(subject: Subject) -> Verdict:
    """A gate as a user would write it."""
    _, config = subject.examined
    on = [found for found in config.named("gzip", "autoindex") if found.args == ["on"]]
    return Verdict.of([Finding(f"{found.name} is on", found.file, found.line) for found in on], "nothing is on")


def hangs(subject: Subject) -> Verdict:
    time.sleep(0.05)
    return no_gzip(subject)


def crashes(subject: Subject) -> Verdict:
    """As a gate that cannot take what is between two releases."""
    if "sendfile on" not in (subject.examined[0].tree / "conf.d/a.conf").read_text(encoding="utf-8"):
        raise ValueError("I cannot take this")
    return no_gzip(subject)


def culprits_of_change(
    folder: Path,
    live: dict[str, str] | None,
    candidate: dict[str, str],
    own: Callable[[Subject], Verdict] = no_gzip,
    seconds: float = LONG_SECONDS,
) -> Culprits | None:
    before = release(folder / "live", live) if live is not None else None
    gates = [*(gate for gate in find_gates() if gate.name in ("spec", "parse")), Gate("own", ("parse",), own, ())]
    subject = subject_of(Candidate(("web1",), release(folder / "made", candidate), live=before), GateOptions())
    return find_culprits(subject, run_gates(gates, subject), gates, seconds)


def lines(culprits: Culprits | None) -> list[tuple[str, int]]:
    assert culprits is not None
    assert culprits.whole, culprits.note
    return [(place.file, place.line) for group in culprits.groups for place in group.places]


def edited(*changes: tuple[str, str]) -> dict[str, str]:
    text = LIVE["conf.d/a.conf"]
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return {**LIVE, "conf.d/a.conf": text}


def test_a_gate_of_ones_own_is_found_like_any_other(tmp_path: Path) -> None:
    culprits = culprits_of_change(tmp_path, LIVE, edited(("gzip off", "gzip on"), ("sendfile off", "sendfile on")))
    assert lines(culprits) == [("conf.d/a.conf", 1)]


def test_each_of_two_faults_has_its_own_line(tmp_path: Path) -> None:
    culprits = culprits_of_change(tmp_path, LIVE, edited(("gzip off", "gzip on"), ("autoindex off", "autoindex on")))
    assert culprits is not None
    assert [list(group.fails["own"]) for group in culprits.groups] == [["gzip is on"], ["autoindex is on"]]
    assert lines(culprits) == [("conf.d/a.conf", 1), ("conf.d/a.conf", 2)]


def test_a_new_file_is_culprit_by_its_line_alone(tmp_path: Path) -> None:
    new = "server {\n    listen 80;\n    location / {\n        root /srv;\n        gzip on;\n    }\n}\n"
    culprits = culprits_of_change(tmp_path, LIVE, {**LIVE, "conf.d/b.conf": new})
    assert lines(culprits) == [("conf.d/b.conf", 5)]


def test_what_does_not_parse_is_found(tmp_path: Path) -> None:
    culprits = culprits_of_change(tmp_path, LIVE, edited(("gzip off;", "gzip off; }"), ("sendfile off", "sendfile on")))
    assert lines(culprits) == [("conf.d/a.conf", 1)]


def test_an_include_and_the_file_that_goes_belong_together(tmp_path: Path) -> None:
    live = {**LIVE, "nginx.conf": MAIN.replace("*", "a"), "conf.d/b.conf": "gzip on;\n"}
    assert lines(culprits_of_change(tmp_path, live, {**live, "nginx.conf": MAIN})) == [("nginx.conf", 3)]
    both = {**live, "nginx.conf": MAIN.replace("*", "c"), "conf.d/c.conf": "gzip on;\n"}
    assert lines(culprits_of_change(tmp_path / "both", live, both)) == [("conf.d/c.conf", 1), ("nginx.conf", 3)]


@pytest.mark.parametrize(
    ("live", "candidate"),
    [
        (None, edited(("gzip off", "gzip on"))),
        (edited(("gzip off", "gzip on")), edited(("gzip off", "gzip on"))),
        (LIVE, edited(("sendfile off", "sendfile on"))),
    ],
    ids=["a first release", "nothing changes", "all gates pass"],
)
def test_there_is_nothing_to_search(tmp_path: Path, live: dict[str, str] | None, candidate: dict[str, str]) -> None:
    assert culprits_of_change(tmp_path, live, candidate) is None


def test_what_is_as_wrong_in_the_live_release_is_said(tmp_path: Path) -> None:
    live = edited(("gzip off", "gzip on"))
    culprits = culprits_of_change(tmp_path, live, {**live, "conf.d/b.conf": "sendfile off;\n"})
    assert culprits is not None
    assert (culprits.groups, culprits.whole) == ((), False)
    assert culprits.note == "own: gzip is on: it fails with the live release as well"


def test_the_search_ends_in_time_and_says_so(tmp_path: Path) -> None:
    culprits = culprits_of_change(tmp_path, LIVE, edited(("gzip off", "gzip on")), hangs, AT_ONCE)
    assert culprits is not None
    assert not culprits.whole
    assert culprits.note == "the search ended after 0.001 s (gates_culprit_seconds), at the gate own"


def test_a_tree_that_a_gate_cannot_take_does_not_fail_in_the_same_way(tmp_path: Path) -> None:
    candidate = edited(("gzip off", "gzip on"), ("sendfile off", "sendfile on"))
    assert lines(culprits_of_change(tmp_path, LIVE, candidate, crashes)) == [("conf.d/a.conf", 1), ("conf.d/a.conf", 3)]
