from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.ask import Terms, build, read_receipt, sentence
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.record import Run
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release, Store
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.examine import (
    Candidate,
    Examined,
    digest,
    write_receipt,
)
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import Verdict

RUN = Run("run-1", "/nowhere", "ada", "desk", "2026-01-01T00:00:00.000Z")
ASKING = {"id": "run-1", "who": "ada", "from": "desk"}


@pytest.fixture
def release(tmp_path: Path) -> Release:
    laid = trees.overlay({"nginx.conf": trees.file(b"events {}", "raw/nginx.conf")})
    made = Store(tmp_path).add(laid, [], [], {"os": "debian 12"})
    write_receipt(Examined(Candidate(("web1",), made), [Verdict("pass", "fine", gate="spec")]), "run-1")
    return made


def test_preflight_asks_with_platform_facts_and_size(release: Release) -> None:
    asked = build("preflight", RUN, release.id, release, Terms(drift="adopt", want_tree=True))
    assert asked.bundle == b""
    assert asked.request == {
        "op": "preflight",
        "run": ASKING,
        "release": release.id,
        "want_tree": True,
        "drift": "adopt",
        "platform": {"os": "debian 12"},
        "facts": release.described["facts"],
        "needs_bytes": len(b"events {}"),
    }


@pytest.mark.parametrize("has_release", [False, True])
def test_activation_brings_receipt_and_description_and_the_bundle_where_it_lacks(
    release: Release, has_release: bool
) -> None:
    asked = build("activate", RUN, release.id, release, Terms(), has_release=has_release)
    assert asked.bundle == (b"" if has_release else release.bundle)
    assert asked.request["receipt"] == read_receipt(release)
    assert asked.request["drift"] == "refuse"
    assert set(asked.request["release"]) == {"id", "manifest", "kept", "facts", "contract", "platform"}
    json.dumps(asked.request)


@pytest.mark.parametrize(
    ("operation", "more"),
    [
        ("preflight", {"want_tree": False, "drift": "refuse"}),
        ("activate", {"drift": "refuse", "release": {"id": "x"}, "stored": True}),
        ("bake", {"seconds": 3.0}),
        ("confirm", {"keep": 5}),
        ("revert", {}),
        ("status", {}),
    ],
)
def test_what_is_asked_of_a_host_that_has_the_release(operation: str, more: Mapping[str, Any]) -> None:
    asked = build(operation, RUN, "x", None, Terms())
    assert asked.request == {"op": operation, "run": ASKING, "release": "x", **more}
    assert asked.bundle == b""


def test_a_receipt_is_read(release: Release) -> None:
    assert read_receipt(release)["gates"] == {"spec": "pass"}


def test_without_receipt_nothing_is_activated(release: Release) -> None:
    (release.root / "receipt.json").unlink()
    with pytest.raises(SluiceError, match=r"has no receipt of the gates \(.*\); run the gates, which write it"):
        build("activate", RUN, release.id, release, Terms())


@pytest.mark.parametrize(
    ("changes", "signed"),
    [
        ({"gates": {"spec": "pass", "parse": "pass"}}, False),
        ({"digest": "0" * 64}, False),
        ({"release": "0" * 64}, True),
        ({"gates": {"spec": "fail"}}, True),
        ({"gates": {"spec": "pass", "lint": "inconclusive"}}, True),
        ({"gates": {}}, True),
    ],
)
def test_a_receipt_that_is_not_one_for_this_release_is_refused(
    release: Release, changes: Mapping[str, Any], signed: bool
) -> None:
    receipt = {**read_receipt(release), **changes}
    receipt["digest"] = digest(receipt) if signed else receipt["digest"]
    (release.root / "receipt.json").write_text(json.dumps(receipt))
    with pytest.raises(SluiceError, match=f"is no receipt for release {release.id[:12]}; run the gates again"):
        read_receipt(release)


@pytest.mark.parametrize("text", ["", "{", "[1]", "null"])
def test_a_broken_receipt_is_told_in_words(release: Release, text: str) -> None:
    (release.root / "receipt.json").write_text(text)
    with pytest.raises(SluiceError, match="run the gates"):
        read_receipt(release)


@pytest.mark.parametrize(
    ("problem", "line"),
    [
        ({}, "unknown problem"),
        ({"what": "port 80 is taken"}, "port 80 is taken"),
        ({"what": "a", "expected": "", "seen": None}, "a"),
        (
            {"what": "a", "expected": "200", "seen": 404, "nginx": "[emerg] x", "do": "mend it"},
            "a; expected 200; seen 404; nginx: [emerg] x; mend it",
        ),
    ],
)
def test_a_problem_is_put_into_a_line(problem: Mapping[str, Any], line: str) -> None:
    assert sentence(problem) == line
