from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError, SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.policy import approve, read_approvals, read_policy
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release, ReleaseStore


def test_a_policy_is_read_into_the_form_that_hosts_keep() -> None:
    given = {
        "approvals": "1",
        "approvers": ["ada", "ada", "bob"],
        "emergency": {"approvals": 1, "approvers": ["call"]},
        # YAML reads 16:30 without quotes as a number.
        "windows": [{"days": ["Monday", "tue"], "from": "09:00", "to": 990}, {"from": "22:00", "to": "04:00"}],
        "freezes": [{"from": "2026-12-20 00:00:00+01:00", "to": "2027-01-04", "reason": "holidays"}],
        "soaked": {"inventory": "staging"},
    }
    week = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    assert read_policy(given) == {
        "approvals": 1,
        "approvers": ["ada", "bob"],
        "emergency": {"approvals": 1, "approvers": ["call"]},
        "windows": [
            {"days": ["mon", "tue"], "from": "09:00", "to": "16:30"},
            {"days": week, "from": "22:00", "to": "04:00"},
        ],
        "freezes": [
            {"from": "2026-12-19T23:00:00.000Z", "to": "2027-01-04T00:00:00.000Z", "reason": "holidays"},
        ],
        "soaked": {"inventory": "staging", "hours": 24.0, "hosts": 1},
    }
    assert read_policy({}) == {}
    assert read_policy({"approvals": 0})["approvals"] == 0


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"approval": 2}, "rollout_policy: 'approval' is no key of it; its keys: approvals, approvers"),
        ({"approvals": 2, "approvers": ["ada", "ada"]}, "2 of 1 approvers cannot approve"),
        ({"approvals": "two"}, "'two' is no number of people"),
        ({"approvers": "ada"}, "rollout_policy.approvers: 'ada' is no list"),
        ({"emergency": {"approvers": ["ada"]}}, "rollout_policy.emergency: it asks for nobody"),
        ({"windows": [{"from": "9", "to": "16:00"}]}, "rollout_policy.windows[0].from: '9' is no time of the day"),
        ({"windows": [{"days": ["x"], "from": "09:00", "to": "16:00"}]}, "rollout_policy.windows[0].days"),
        ({"windows": ["always"]}, "rollout_policy.windows[0]: 'always' is no mapping"),
        ({"freezes": [{"from": "soon", "to": "2027-01-01"}]}, "'soon' is no moment"),
        ({"freezes": [{"from": "2027-01-02", "to": "2027-01-01"}]}, "it ends before it begins"),
        ({"soaked": {"hours": 1}}, "rollout_policy.soaked: it names no inventory"),
        ([], ""),
    ],
)
def test_a_policy_that_cannot_be_is_refused(value: Any, words: str) -> None:
    if not words:
        assert read_policy(value) == {}
        return
    with pytest.raises(InputError) as caught:
        read_policy(value)
    assert words in str(caught.value)


@pytest.fixture
def release(tmp_path: Path) -> Release:
    tree = trees.overlay({"nginx.conf": trees.file(b"events {}\n", "raw")})
    return ReleaseStore(tmp_path / "releases").add(tree, [], [], {"os": "debian 12"})


def test_an_approval_lies_beside_its_release_until_it_expires(tmp_path: Path, release: Release) -> None:
    key = tmp_path / "ada"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    assert read_approvals(release) == []
    path = approve(release, "production", key, 1, "ada", "it burns")
    (row,) = read_approvals(release)
    statement = row["statement"]
    assert (statement["kind"], statement["release"], statement["inventory"]) == ("approval", release.id, "production")
    assert statement["emergency"] == "it burns"
    assert row["signature"].startswith("-----BEGIN SSH SIGNATURE")
    content = json.loads(path.read_text())
    content["statement"]["expires"] = "2020-01-01T00:00:00.000Z"
    path.write_text(json.dumps(content))
    assert read_approvals(release) == []
    path.write_text("[")
    with pytest.raises(SluiceError, match="remove it, and approve again"):
        read_approvals(release)
