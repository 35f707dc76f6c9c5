from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.examine import (
    Candidate,
    Examined,
    digest,
    write_receipt,
)
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import Finding, Verdict

PASS, FAIL = Verdict("pass", "fine", gate="spec"), Verdict("fail", "bad", gate="parse")


@pytest.fixture
def release(tmp_path: Path) -> Release:
    return Release("0" * 64, tmp_path)


def test_a_release_that_passed_gets_a_receipt_with_a_digest(release: Release) -> None:
    path = write_receipt(Examined(Candidate(("web1",), release), [PASS]), "run-1")
    receipt = json.loads(path.read_text())
    assert path == release.root / "receipt.json"
    assert (receipt["release"], receipt["run"], receipt["gates"]) == (release.id, "run-1", {"spec": "pass"})
    assert receipt["at"].endswith("Z")
    assert receipt["digest"] == digest(receipt) == digest({**receipt, "digest": "other"})
    assert digest({**receipt, "run": "run-2"}) != receipt["digest"]


@pytest.mark.parametrize(
    "verdicts",
    [[FAIL], [PASS, FAIL], [PASS, Verdict("inconclusive", "?")], [PASS, Verdict("not run", "-")], []],
)
def test_a_release_that_has_not_passed_gets_none(release: Release, verdicts: list[Verdict]) -> None:
    with pytest.raises(SluiceError, match="a release that has not passed every gate gets no receipt"):
        write_receipt(Examined(Candidate(("web1",), release), verdicts), "run-1")
    assert list(release.root.iterdir()) == []


def test_what_is_no_release_gets_none() -> None:
    with pytest.raises(SluiceError, match="gets no receipt"):
        write_receipt(Examined(Candidate(("web1",), None), [PASS]), "run-1")


@pytest.mark.parametrize(
    ("verdicts", "passed"),
    [
        ([PASS], True),
        ([PASS, Verdict("pass", "mild", [Finding("mild", warning=True)])], True),
        ([PASS, FAIL], False),
        ([Verdict("inconclusive", "?")], False),
        ([Verdict("not run", "-")], False),
        ([], False),
    ],
)
def test_only_pass_passes(verdicts: list[Verdict], passed: bool) -> None:
    assert Examined(Candidate(("web1",), None), verdicts).passed is passed


def test_what_was_examined_is_plain_data(release: Release) -> None:
    examined = Examined(Candidate(("web1", "web2"), release), [PASS], ["the name app leads to a stand-in"])
    plain = json.loads(json.dumps(examined.to_json()))
    assert plain["verdicts"][0]["gate"] == "spec"
    assert {key: value for key, value in plain.items() if key != "verdicts"} == {
        "release": release.id,
        "hosts": ["web1", "web2"],
        "passed": True,
        "invented": ["the name app leads to a stand-in"],
    }
