from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import (
    Finding,
    GateOptions,
    Subject,
    Verdict,
)

FAULT, WARNING = Finding("a fault"), Finding("a warning", warning=True)


@pytest.mark.parametrize(
    ("findings", "result", "summary"),
    [
        ([], "pass", "good"),
        ([WARNING], "pass", "good"),
        ([FAULT], "fail", "a fault"),
        ([WARNING, FAULT], "fail", "a fault"),
        ([FAULT, WARNING, Finding("more")], "fail", "a fault (and 1 more)"),
    ],
)
def test_a_verdict_fails_for_findings_that_are_no_warnings(findings: list[Finding], result: str, summary: str) -> None:
    verdict = Verdict.of(findings, "good", evidence_of="x")
    assert (verdict.result, verdict.summary) == (result, summary)
    assert (verdict.findings, verdict.evidence) == (findings, {"evidence_of": "x"})


@pytest.mark.parametrize(
    ("finding", "place"),
    [
        (Finding("x"), ""),
        (Finding("x", file="a.conf"), "a.conf"),
        (Finding("x", file="a.conf", line=3), "a.conf:3"),
        (Finding("x", file="a.conf", line=3, origin="a.conf.j2"), "a.conf:3 (a.conf.j2)"),
        (Finding("x", file="a.conf", origin="a.conf.j2"), "a.conf (a.conf.j2)"),
    ],
)
def test_the_place_of_a_finding(finding: Finding, place: str) -> None:
    assert finding.place == place


def test_a_verdict_is_plain_data() -> None:
    plain = json.loads(json.dumps(Verdict.of([FAULT], "good", n=1).to_json()))
    assert (plain["result"], plain["findings"][0]["what"], plain["evidence"]) == ("fail", "a fault", {"n": 1})


def test_what_gates_share_is_worked_out_once_and_a_trial_works_out_its_own() -> None:
    subject, worked, both = Subject(["web1"], GateOptions()), [0], threading.Barrier(2)

    def work() -> int:
        worked[0] += 1
        return worked[0]

    def ask(_: int) -> int:
        both.wait(10)
        return subject.once("change", work)

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(ask, range(2))) == [1, 1]
    assert replace(subject, focus=["a request"]).once("change", work) == 2
    assert subject.once("other", lambda: "x") == "x"
