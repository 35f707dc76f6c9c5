"""The receipt of the gates, as the controller writes it and a host reads it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.gating.discovery import find_gates
from ansible_collections.sluice.nginx.plugins.module_utils.receipt import (
    GATES,
    canonical,
    digest,
    faults,
    issue,
    unlike,
)

RELEASE, OTHER = "a" * 64, "b" * 64
AT, LATER = "2026-01-01T00:00:00.000Z", "2026-01-01T23:59:59.999Z"
PASSED = dict.fromkeys(GATES, "pass")


def _issued(**changes: Any) -> dict[str, Any]:
    """A good receipt with changes, and a digest that fits them."""
    receipt = {**issue(RELEASE, "run-1", AT, 24, PASSED), **changes}
    return {**receipt, "digest": digest(receipt)}


def test_a_receipt_is_good_for_its_release_until_its_time_is_over() -> None:
    receipt = issue(RELEASE, "run-1", AT, 24, PASSED)
    assert (receipt["at"], receipt["expires"]) == (AT, "2026-01-02T00:00:00.000Z")
    assert faults(receipt, RELEASE, LATER) == []


def test_no_host_takes_a_release_that_has_not_passed_each_gate_of_sluice() -> None:
    assert sorted(GATES) == sorted(gate.name for gate in find_gates())


@pytest.mark.parametrize(
    ("receipt", "words"),
    [
        (None, f"there is no receipt of the gates for release {RELEASE[:12]}"),
        ({}, f"there is no receipt of the gates for release {RELEASE[:12]}"),
        ("text", f"what is there as the receipt of release {RELEASE[:12]} is none, or one of another version"),
        (
            _issued(schema=0),
            f"what is there as the receipt of release {RELEASE[:12]} is none, or one of another version",
        ),
        (_issued(release=OTHER), f"the receipt is for release {OTHER[:12]}, not for {RELEASE[:12]}"),
        (
            {**_issued(), "run": "run-2"},
            "the receipt was changed after the gates wrote it: its digest is not that of its content",
        ),
        (
            _issued(gates={**PASSED, "own": "pass", "smoke": "fail"}),
            "the receipt says that the gate smoke did not pass: fail",
        ),
        (_issued(gates={**PASSED, "own": "not run"}), "the receipt says that the gate own did not pass: not run"),
        (
            _issued(gates={name: "pass" for name in GATES if name != "lint"}),
            "the receipt lacks the gate lint",
        ),
        (_issued(expires=LATER), f"the receipt expired at {LATER}; here it is {LATER}"),
        (_issued(expires="soon"), "the receipt does not say until when it is good: 'soon' is no time"),
    ],
)
def test_what_is_wrong_with_a_receipt_is_named(receipt: object, words: str) -> None:
    assert faults(receipt, RELEASE, LATER) == [words]


def test_all_that_is_wrong_is_told_at_once() -> None:
    receipt = {**_issued(release=OTHER, gates={}, expires=AT), "digest": "0" * 64}
    found = faults(receipt, RELEASE, LATER)
    assert len(found) == 3 + len(GATES)
    assert [line.split(" ")[2] for line in found] == ["is", "was", *["lacks"] * len(GATES), "expired"]


@pytest.mark.parametrize("again", [json.dumps, lambda receipt: json.dumps(receipt, indent=3, ensure_ascii=False)])
def test_what_is_signed_is_the_same_however_it_was_stored(again: Callable[[object], str]) -> None:
    receipt = _issued(run="näher")
    assert canonical(json.loads(again(dict(reversed(receipt.items()))))) == canonical(receipt)


def test_a_time_without_meaning_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="does not match format"):
        issue(RELEASE, "run-1", "now", 24, PASSED)


DESCRIBED = {
    "contract": [{"get": "http://a.example/", "expect": {"body": "Grüße"}}],
    "facts": {"worker_processes": 2},
    "shared": ["ssl"],
    "manifest": [["nginx.conf", "file", 420, "0" * 64]],
    "needs": [{"kind": "name", "value": "app"}],
    "platform": {},
}


def test_a_receipt_binds_each_part_of_a_release_by_its_digest() -> None:
    receipt = issue(RELEASE, "run-1", AT, 24, PASSED, described={**DESCRIBED, "origins": {}})
    assert set(receipt["contents"]) == set(DESCRIBED)
    sent = json.loads(json.dumps(DESCRIBED, ensure_ascii=False))
    # Needs are asked for before; what is activated has none.
    del sent["needs"]
    assert unlike(receipt, sent) == []


@pytest.mark.parametrize("part", ["contract", "facts", "shared", "manifest", "platform"])
@pytest.mark.parametrize("other", [None, "", [], [{}], {"a": 1}])
def test_a_part_that_is_another_one_or_lacks_is_named(part: str, other: object) -> None:
    receipt = issue(RELEASE, "run-1", AT, 24, PASSED, described=DESCRIBED)
    different = [part] if other != DESCRIBED[part] else []
    assert unlike(receipt, {**DESCRIBED, part: other}) == different
    assert unlike(receipt, {name: value for name, value in DESCRIBED.items() if name != part}) == [part]
    less = {**receipt, "contents": {name: value for name, value in receipt["contents"].items() if name != part}}
    assert unlike(less, DESCRIBED) == [part]


@pytest.mark.parametrize("contents", [None, [], "x", 5, {"contract": 5}])
def test_a_receipt_of_odd_contents_binds_nothing(contents: object) -> None:
    assert len(unlike({"contents": contents}, DESCRIBED)) == 5


def test_a_later_receipt_has_a_greater_number() -> None:
    first, second = (issue(RELEASE, "run-1", at, 24, PASSED)["number"] for at in (AT, AT.replace("000Z", "001Z")))
    assert (first, second) == (1767225600000, 1767225600001)


@pytest.mark.parametrize(
    ("kind", "reason", "words"),
    [
        ("emergency", "it burns", []),
        ("emergency", "", ["the receipt of an emergency gives no reason"]),
        ("rollback", "", ["the receipt is of the kind rollback, and one of the kind gates is needed"]),
        ("gates", "it burns", [f"the receipt lacks the gate {name}" for name in GATES]),
    ],
)
def test_an_emergency_needs_a_reason_and_no_gate(kind: str, reason: str, words: list[str]) -> None:
    receipt = issue(RELEASE, "run-1", AT, 24, {}, kind=kind, reason=reason)
    assert faults(receipt, RELEASE, LATER, ("gates", "emergency")) == words


def test_a_receipt_of_another_kind_is_none() -> None:
    receipt = issue(RELEASE, "run-1", AT, 24, PASSED, kind="emergency", reason="x")
    assert faults(receipt, RELEASE, LATER) == [
        "the receipt is of the kind emergency, and one of the kind gates is needed"
    ]
