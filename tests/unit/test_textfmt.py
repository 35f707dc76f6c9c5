"""How counts, lists, places, durations and moments are written."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils import textfmt


@pytest.mark.parametrize(("number", "text"), [(0, "0 hosts"), (1, "1 host"), (2, "2 hosts"), (1234, "1,234 hosts")])
def test_a_count(number: int, text: str) -> None:
    assert textfmt.count(number, "host") == text


@pytest.mark.parametrize(
    ("names", "last", "text"),
    [
        ([], " and ", ""),
        (["a"], " and ", "a"),
        (["a", "b", "c"], " and ", "a, b and c"),
        (["a", "b", "c"], ", ", "a, b, c"),
        (["a", "b", "c", "d", "e"], " and ", "a, b, c and 2 more"),
    ],
)
def test_a_list_of_names(names: list[str], last: str, text: str) -> None:
    assert textfmt.listed(names, 3, last) == text


def test_an_excerpt_says_what_is_left_out() -> None:
    assert textfmt.excerpt(["a", "b"], 2) == ["a", "b"]
    assert textfmt.excerpt(["a", "b", "c"], 2, ", in run.json") == ["a", "b", "… and 1 more line, in run.json"]
    assert textfmt.cut("abcd", 4) == "abcd"
    assert textfmt.cut("abcde", 4) == "abc…"
    assert textfmt.first_of(["a"]) == "a"
    assert textfmt.first_of(["a", "b", "c"]) == "a (and 2 more)"


@pytest.mark.parametrize(
    ("row", "place", "source"),
    [
        ({}, "", ""),
        ({"file": None, "line": 3}, "", ""),
        ({"file": "nginx.conf", "line": 0}, "nginx.conf", "nginx.conf"),
        ({"file": "a.conf", "line": 3, "origin": "a.j2"}, "a.conf:3", "a.conf:3 (a.j2)"),
        ({"file": "a.conf", "origin": "a.j2", "variable": "x[0]"}, "a.conf", "a.conf (a.j2, x[0])"),
    ],
)
def test_a_place(row: dict[str, Any], place: str, source: str) -> None:
    assert (textfmt.place(row), textfmt.source(row)) == (place, source)


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (-1, "0.0 s"),
        (0.44, "0.4 s"),
        (10, "10 s"),
        (59.7, "1 min"),
        (125, "2 min 5 s"),
        (3600, "1 h"),
        (40_565, "11 h 16 min"),
        (None, "an unknown time"),
    ],
)
def test_a_duration(length: float | None, text: str) -> None:
    assert textfmt.duration(0, length) == text


def test_a_duration_between_moments() -> None:
    assert textfmt.duration("2026-11-21T15:00:00Z", "2026-11-21T17:01:00+01:00") == "1 h 1 min"
    assert textfmt.duration("2026-11-21T15:00:00Z", "soon") == "an unknown time"


@pytest.mark.parametrize("odd", [float("inf"), float("-inf"), float("nan"), 10**400, -(10**400), 1e300])
def test_a_number_that_is_no_time_is_an_unknown_time(odd: float) -> None:
    assert textfmt.duration(0, odd) == textfmt.duration(odd, 0) == "an unknown time"


def test_moments_are_in_utc() -> None:
    at = "2026-11-01T16:11:28.250+01:00"
    assert textfmt.clock(at) == "15:11:28 UTC"
    assert textfmt.date(at) == "1 November 2026"
    assert textfmt.date_time(at) == "2026-11-01 15:11:28 UTC"
    assert textfmt.seconds("1970-01-01T00:00:01") == 1.0
    assert (textfmt.clock("?"), textfmt.date(None), textfmt.date_time("?")) == (
        "at an unknown time",
        "an unknown day",
        "?",
    )


def test_now_can_be_later() -> None:
    assert textfmt.now() < textfmt.now(60)
    assert textfmt.now().endswith("Z")


def test_a_problem_is_one_line() -> None:
    problem = {"what": "it failed", "expected": "a", "actual": "b", "nginx": "[emerg] c", "fix": "fix it"}
    assert textfmt.sentence(problem) == "it failed; expected a; actual b; nginx: [emerg] c; fix it"
    assert textfmt.sentence({}) == "unknown problem"


def test_a_table() -> None:
    assert textfmt.table(("host", "serves"), [("web1", "a"), ("b", "longer")]).splitlines() == [
        "host  serves",
        "----  ------",
        "web1  a",
        "b     longer",
    ]
