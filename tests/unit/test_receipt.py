"""The receipt of the gates, as the controller writes it and a host reads it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.receipt import GATES, canonical, digest, faults, issue
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.runner import find_gates

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
