"""A failure is the same one when what was found is, wherever it stands and whatever came instead."""

from __future__ import annotations

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.culprit.failures import failures, respects
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import Finding, Result, Verdict

CHECK = "nginx_checks[0]"


@pytest.mark.parametrize(
    ("gate", "one", "other"),
    [
        ("smoke", "front: expected status 200, got 502", "front: expected status 200, got 404"),
        (
            "smoke",
            "front: expected the body to contain 'tea', got <?php echo 'a; b'",
            "front: expected the body to contain 'tea', got 502 Bad Gateway",
        ),
        (
            "smoke",
            "front: redirect loop: http://a/ → http://b/ → http://a/",
            "front: redirect loop: http://a/ → http://a/",
        ),
        (
            "smoke",
            "front: expected the upstream to see path /a, it saw /b; expected status 200, got 502",
            "front: expected the upstream to see path /a, it saw /c/d; expected status 200, got 404",
        ),
        ("behaviour", "status 200 → 404: it is gone (root /a → /b)", "status 200 → 404: it is gone (root /a → /b; x)"),
        ("verify", "test_x.py::test_open failed: assert 404 == 200", "test_x.py::test_open failed: KeyError: 'a'"),
        ("syntax", "a duplicate default server for 0.0.0.0:80", "a duplicate default server for 0.0.0.0:80"),
    ],
)
def test_two_findings_are_of_one_kind(gate: str, one: str, other: str) -> None:
    assert respects(gate, Finding(one, "a.conf", 3, check=CHECK)) == respects(
        gate, Finding(other, "b.conf", 9, check=CHECK)
    )


@pytest.mark.parametrize(
    ("gate", "one", "other"),
    [
        ("smoke", Finding("a: expected status 200, got 502"), Finding("a: expected the body to contain 'x', got y")),
        ("smoke", Finding("a: expected status 200, got 502"), Finding("a: redirect loop: /a → /b")),
        ("smoke", Finding("a: no answer", check="x[0]"), Finding("a: no answer", check="x[1]")),
        ("lint", Finding("phpp is new here [typo_in_identifier]"), Finding("htmll is new here [typo_in_identifier]")),
        (
            "start",
            Finding("nginx logs a grave error at its start", nginx="2026/11/21 15:00:00 [emerg] 12#12: bind() failed"),
            Finding("nginx logs a grave error at its start", nginx="2026/11/21 15:00:00 [emerg] 12#12: mkdir() failed"),
        ),
    ],
)
def test_two_findings_are_of_different_kinds(gate: str, one: Finding, other: Finding) -> None:
    assert not respects(gate, one) & respects(gate, other)


def test_a_check_that_is_missed_in_one_of_two_respects_is_missed_all_the_same() -> None:
    both = respects("smoke", Finding("a: expected status 200, got 502; expected the body to contain 'x', got y"))
    one = respects("smoke", Finding("a: expected the body to contain 'x', got z; w"))
    assert len(both) == 2
    assert one < both


def test_times_and_processes_in_the_words_of_nginx_do_not_count() -> None:
    one = Finding("a grave error", nginx="2026/11/21 15:00:00 [emerg] 12#12: *3 bind() failed")
    other = Finding("a grave error", nginx="2026/11/22 09:10:11 [emerg] 345#0: *77 bind() failed")
    assert respects("start", one) == respects("start", other)


@pytest.mark.parametrize(
    ("result", "findings", "expected"),
    [
        ("fail", [Finding("a"), Finding("b", warning=True), Finding("a", line=3)], ["a"]),
        ("fail", [], ["the summary"]),
        ("inconclusive", [Finding("a")], []),
        ("pass", [Finding("a", warning=True)], []),
    ],
)
def test_only_what_fails_the_gate_is_a_failure(result: Result, findings: list[Finding], expected: list[str]) -> None:
    told = failures(Verdict(result, "the summary", findings, gate="lint"))
    assert [failure.finding.what for failure in told] == expected
