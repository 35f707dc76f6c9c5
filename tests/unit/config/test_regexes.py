from __future__ import annotations

import time

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.config.regexes import compiled
from ansible_collections.sluice.nginx.plugins.module_utils.config.samples import matching


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$",
        "(a|a)*b",
        "(a|aa)+$",
        "(.*)*x",
        "(x*)*",
        "(a*a*)*b",
        "([a-zA-Z]+)*$",
        r"^/(?:\w+\s?)*!$",
        "(a{1,100}){1,100}b",
        "(?:(?:a?){3}){30}",
        "^(([a-z])+.)+[A-Z]([a-z])+$",
    ],
)
def test_loops_that_could_go_on_for_ever_are_not_asked(pattern: str) -> None:
    assert compiled(pattern) is None
    assert matching(pattern) == []


@pytest.mark.parametrize(
    "pattern", ["((", "[", r"\h+", "a{2,1}", "a" * 20_000, "[[:alpha:]]", "x(?i)", "(" * 5000, "*"]
)
def test_what_python_does_not_understand_is_not_asked(pattern: str) -> None:
    assert compiled(pattern) is None


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (r"\.php$", "/a/b.php", True),
        (r"^/(.*)/(.*)/(.*)\.php$", "/aaa/bbb/ccc.php", True),
        (r"^/(?:[a-z0-9-]+/)*x$", "/a/b/c/x", True),
        (r"(?<lang>en|de)/(?<rest>.*)$", "/de/x", True),
        (r"(?<!x)y", "xy", False),
        (r"(\d{1,3}\.){3}\d{1,3}", "10.0.0.1", True),
        (r"\.(?:jpg|jpeg|gif|png|ico|css|js|woff2?)$", "/a.woff2", True),
        (r"^/([^/]+)/([^/]+)/([^/]+)$", "/a/b/c", True),
        ("|".join(f"bot{number}" for number in range(500)), "a bot499", True),
    ],
)
def test_what_people_write_is_asked(pattern: str, text: str, found: bool) -> None:
    regex = compiled(pattern)
    assert regex is not None
    assert regex.longest >= 80
    assert (regex.search(text) is not None) == found


@pytest.mark.parametrize(
    "pattern",
    [
        ".*" * 10 + "x",
        "a?" * 40 + "a" * 40,
        "a*" * 12 + "$",
        "(a|)" * 5 + "a*a*a*$",
        "(.+),(.+),(.+),(.+);",
        "^(a?b?)a*a*$",
    ],
)
def test_a_text_that_is_too_long_for_an_expression_is_not_asked(pattern: str) -> None:
    regex = compiled(pattern)
    began = time.process_time()
    for length in (1, 10, 30, 100, 1000, 20_000):
        for text in ("a" * length, "a," * length):
            if regex is not None:
                regex.search(f"{text}!")
    assert time.process_time() - began < 3


def test_huge_repeats_make_no_huge_text() -> None:
    began = time.process_time()
    assert all(len(text) < 10_000 for text in matching("(a{100000}){100000}|b{1000000000}|c"))
    assert time.process_time() - began < 3
