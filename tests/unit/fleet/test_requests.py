from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError, SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.requests import RolloutOptions, build, reason_of
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import Run
from ansible_collections.sluice.nginx.plugins.module_utils.gating.examine import Candidate, Examined
from ansible_collections.sluice.nginx.plugins.module_utils.gating.receipts import read_receipt, write_receipt
from ansible_collections.sluice.nginx.plugins.module_utils.receipt import GATES
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release, ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.textfmt import sentence
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import Verdict

RUN = Run("run-1", "/nowhere", "ada", "desk", "2026-01-01T00:00:00.000Z")
ASKING = {"id": "run-1", "who": "ada", "from": "desk"}


@pytest.fixture
def release(tmp_path: Path) -> Release:
    laid = trees.overlay({"nginx.conf": trees.file(b"events {}", "raw/nginx.conf")})
    made = ReleaseStore(tmp_path).add(laid, [], [], {"os": "debian 12"})
    verdicts = [Verdict("pass", "fine", gate=name) for name in GATES]
    write_receipt(Examined(Candidate(("web1",), made), verdicts), "run-1")
    return made


def test_preflight_asks_with_platform_facts_and_size(release: Release) -> None:
    need = {"kind": "name", "value": "app.internal"}
    asked = build("preflight", RUN, release.id, release, RolloutOptions(drift="adopt", want_tree=True), needs=[need])
    assert asked.bundle == b""
    assert asked.request == {
        "op": "preflight",
        "run": ASKING,
        "release": release.id,
        "want_tree": True,
        "drift": "adopt",
        "recover": True,
        "platform": {"os": "debian 12"},
        "facts": release.described["facts"],
        "needs": [need],
        "needs_bytes": len(b"events {}"),
    }


@pytest.mark.parametrize("has_release", [False, True])
def test_activation_brings_receipt_and_description_and_the_bundle_where_it_lacks(
    release: Release, has_release: bool
) -> None:
    asked = build("activate", RUN, release.id, release, RolloutOptions(), has_release=has_release)
    assert asked.bundle == (b"" if has_release else release.bundle)
    assert (asked.request["receipt"], asked.request["signature"]) == read_receipt(release)
    assert (asked.request["drift"], asked.request["emergency"]) == ("adopt-package", "")
    assert asked.request["options"] == {"confirm_timeout": 120}
    assert set(asked.request["release"]) == {"id", "manifest", "shared", "facts", "contract", "platform"}
    json.dumps(asked.request)


@pytest.mark.parametrize(
    ("operation", "more"),
    [
        ("preflight", {"want_tree": False, "drift": "adopt-package", "recover": True}),
        (
            "activate",
            {
                "seconds": 3.0,
                "drift": "adopt-package",
                "release": {"id": "x"},
                "stored": True,
                "emergency": "",
                "options": {"confirm_timeout": 120.0},
            },
        ),
        ("bake", {"seconds": 3.0}),
        ("confirm", {"keep": 5}),
        ("rollback", {}),
        ("status", {}),
    ],
)
def test_what_is_asked_of_a_host_that_has_the_release(operation: str, more: Mapping[str, Any]) -> None:
    asked = build(operation, RUN, "x", None, RolloutOptions(), bake=3.0)
    assert asked.request == {"op": operation, "run": ASKING, "release": "x", **more}
    assert asked.bundle == b""


def test_a_host_is_told_by_which_name_it_has_a_release() -> None:
    asked = build("preflight", RUN, "", None, RolloutOptions(), stored="previous")
    assert (asked.request["release"], asked.request["stored"]) == ("", "previous")


def test_check_mode_recovers_nothing() -> None:
    assert build("preflight", RUN, "x", None, RolloutOptions(looking=True)).request["recover"] is False


def test_without_receipt_nothing_is_activated(release: Release) -> None:
    (release.root / "receipt.json").unlink()
    with pytest.raises(
        SluiceError, match=r"there is no receipt of the gates for .*; run sluice\.nginx\.deploy, whose gates write"
    ):
        build("activate", RUN, release.id, release, RolloutOptions())


def test_in_an_emergency_the_reason_stands_for_the_receipt(release: Release) -> None:
    (release.root / "receipt.json").unlink()
    asked = build("activate", RUN, release.id, release, RolloutOptions(emergency=" the shop is down "))
    assert asked.request["emergency"] == "the shop is down"
    assert not {"receipt", "signature"} & set(asked.request)
    assert asked.bundle == release.bundle


def test_in_an_emergency_a_good_receipt_is_sent_all_the_same(release: Release) -> None:
    asked = build("activate", RUN, release.id, release, RolloutOptions(emergency="the shop is down"))
    assert asked.request["receipt"] == read_receipt(release).content


def test_the_receipt_of_an_emergency_goes_out_in_an_emergency_only(release: Release) -> None:
    verdicts = [Verdict("fail", "bad", gate=name) for name in GATES]
    examined = Examined(Candidate(("web1",), release), verdicts)
    receipt = write_receipt(examined, "run-1", reason="the shop is down").content
    asked = build("activate", RUN, release.id, release, RolloutOptions(emergency="the shop is down"))
    assert (asked.request["receipt"], asked.request["receipt"]["kind"]) == (receipt, "emergency")
    with pytest.raises(SluiceError, match="the receipt is of the kind emergency, and one of the kind gates is needed"):
        build("activate", RUN, release.id, release, RolloutOptions())


@pytest.mark.parametrize(("given", "reason"), [("", ""), ("down", "down"), ("\tdown\n", "down")])
def test_the_reason_of_an_emergency(given: str, reason: str) -> None:
    assert reason_of(given) == reason


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ({"emergency": "  "}, "rollout_emergency: the reason is blank; say in a few words why"),
        ({"confirm_timeout": 4.9}, r"rollout_confirm_timeout: 4\.9 s is too short: .* needs 5 s or more"),
        ({"confirm_timeout": -1}, "rollout_confirm_timeout: -1 s is too short"),
        ({"confirm_timeout": float("nan")}, "rollout_confirm_timeout: nan s is no time for a watchdog; .* up to 86400"),
        ({"confirm_timeout": float("inf")}, "rollout_confirm_timeout: inf s is no time for a watchdog"),
    ],
)
def test_terms_that_cannot_be_are_refused(terms: Mapping[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        RolloutOptions(**terms)


@pytest.mark.parametrize(("deadline", "timeout"), [(5, 60), (90, 60), (120, 80), (600, 400)])
def test_a_host_that_hangs_is_given_up_before_the_watchdogs_of_the_others_act(deadline: float, timeout: float) -> None:
    assert RolloutOptions(confirm_timeout=deadline).timeout == timeout


@pytest.mark.parametrize(
    ("problem", "line"),
    [
        ({}, "unknown problem"),
        ({"what": "port 80 is taken"}, "port 80 is taken"),
        ({"what": "a", "expected": "", "actual": None}, "a"),
        (
            {"what": "a", "expected": "200", "actual": 404, "nginx": "[emerg] x", "fix": "fix it"},
            "a; expected 200; actual 404; nginx: [emerg] x; fix it",
        ),
    ],
)
def test_a_problem_is_put_into_a_line(problem: Mapping[str, Any], line: str) -> None:
    assert sentence(problem) == line
