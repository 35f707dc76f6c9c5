from __future__ import annotations

import json

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import Finding, Verdict

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
