"""Patterns are tried within a bound, and find what ``re`` finds."""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.sluice.nginx.plugins.module_utils.contract import matching
from ansible_collections.sluice.nginx.plugins.module_utils.contract.answer import Answer, judge
from ansible_collections.sluice.nginx.plugins.module_utils.contract.effort import is_quick
from ansible_collections.sluice.nginx.plugins.module_utils.contract.matching import GaveUp, search, search_any
from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import Expect
from ansible_collections.sluice.nginx.plugins.module_utils.contract.pattern import regex

_SLOW = [
    ("<h1>.*Order.*</h1>", "<h1>Order " * 19_968),
    ("(a+)+$", "a" * 40 + "b"),
    ("(a|a)*b", "a" * 40),
    ("(.*)*x", "a" * 100),
    (r"(a*)*(a*)*\1b", "a" * 200),
    ("(?:a?){30}a{30}", "a" * 30),
    (r"(\w+\s?)+:", "word " * 40),
    ("^(([a-z])+.)+[A-Z]([a-z])+$", "a" * 60),
    ("(?i)(A+)+$", "a" * 40 + "b"),
    (r"\d+x", "1" * 1_000_000),
    ("a{50000}b", "a" * 1_000_000),
    ("(?=(a+)+b)c", "a" * 40),
]


@pytest.mark.parametrize(("pattern", "text"), _SLOW)
def test_a_pattern_that_would_take_long_is_given_up_and_holds_nobody_up(pattern: str, text: str) -> None:
    ticks = 0
    done = threading.Event()

    def tick() -> None:
        nonlocal ticks
        while not done.wait(0.01):
            ticks += 1

    beside = threading.Thread(target=tick)
    beside.start()
    began = time.monotonic()
    try:
        with pytest.raises(GaveUp, match=r"^the pattern /.*/ took longer than 0\.3 s for a text of \d+ characters; "):
            search(re.compile(pattern), text, 0.3)
    finally:
        took = time.monotonic() - began
        done.set()
        beside.join()
    assert took < 0.3 * matching._SLACK + 1
    # A `re` of this very process would not have let it tick at all.
    assert ticks >= 5


def test_a_pattern_that_remembers_too_much_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "_MEMORY", 16 << 20)
    with pytest.raises(GaveUp, match=r"needs more than 16 MiB for a text of 1048576 characters"):
        search(re.compile("(?:(a)(b)?(c)?)*$"), "a" * (1 << 20), 10.0)


def test_no_child_is_left_behind() -> None:
    before = _children()
    for pattern, text in _SLOW[:3]:
        with pytest.raises(GaveUp):
            search(re.compile(pattern), text, 0.1)
    assert _children() == before


def _children() -> list[str]:
    return sorted(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


def test_where_no_child_can_be_it_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def fork() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", fork)
    files = len(os.listdir("/proc/self/fd"))
    with pytest.raises(GaveUp, match="could not be tried: Resource temporarily unavailable"):
        search(re.compile("(a+)+$"), "aa")
    assert len(os.listdir("/proc/self/fd")) == files


@pytest.mark.parametrize(
    ("pattern", "text", "is_plain"),
    [
        ("Order 42", "x" * 100_000 + "Order 42", True),
        (r"Order (\d+)", "x" * 100_000 + "Order 42 and more", True),
        ("no (such )?order", "there is no order", True),
        (r"^text\/html", "text/html; charset=utf-8", True),
        (r"^\/orders\/track\?id=\d+$", "/orders/track?id=42", True),
        ("one|two|three", "y" * 1000 + "three", True),
        ("(?P<name>x)|(y)", "zzy", True),
        ("<title>[^<]*</title>", "<title>Shop</title>" + " " * 10_000, True),
        ("(?s)<h1>.*?</h1>", "<h1>\nShop</h1>" + " " * 10_000, True),
        (r"(\w+) \1", "so so", False),
        ("(a+)+$", "aaa", False),
        ("(?i)GRÜSSE.*", "x" * 5000 + "grüße, grüsse", False),
        ("(?m)^b$", "a\nb\nc", True),
        (r"\A\Z", "", True),
        ("", "x", True),
    ],
)
def test_it_finds_what_re_finds(pattern: str, text: str, is_plain: bool) -> None:
    compiled = re.compile(pattern)
    found = compiled.search(text)
    assert search(compiled, text) == (None if found is None else (found[0], *found.groups()))
    assert is_quick(compiled, text) is is_plain


_ATOMS = st.sampled_from(
    ["a", "b", "é", ".", "[ab]", "[^a]", r"\w", "(a)", "(?:ab)", "(a|b)", "(a|ab|)", "^", "$", r"\b"]
)
_ENDS = st.sampled_from(["", "", "*", "+", "?", "*?", "{2}", "{1,3}", "{2,}"])


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(_ATOMS, _ENDS), max_size=5).map(
        lambda parts: "".join(atom + ("" if atom in ("^", "$", r"\b") else end) for atom, end in parts)
    ),
    st.text("abé\n ", max_size=12),
)
def test_any_pattern_finds_in_a_child_what_it_finds_here(pattern: str, text: str) -> None:
    compiled = re.compile(pattern)
    found = compiled.search(text)
    assert search(compiled, text, 5.0) == (None if found is None else (found[0], *found.groups()))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(_ATOMS, _ENDS), max_size=6).map(
        lambda parts: "".join(atom + ("" if atom in ("^", "$", r"\b") else end) for atom, end in parts)
    ),
    st.sampled_from(["a", "ab", "b", "aab", "é", " a"]),
    st.integers(1, 3000),
)
def test_what_counts_as_quick_is_quick(pattern: str, word: str, count: int) -> None:
    compiled, text = re.compile(pattern), word * count + "\n!"
    if is_quick(compiled, text):
        began = time.process_time()
        compiled.search(text)
        assert time.process_time() - began < 2


def test_all_values_of_a_header_share_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float] = []

    def slow(pattern: re.Pattern[str], text: str, left: float, seconds: float) -> tuple[None, float]:
        given.append(left)
        return None, 0.03

    monkeypatch.setattr(matching, "_search", slow)
    assert not search_any(re.compile("x"), ["y"] * 5, 0.1)
    assert given == pytest.approx([0.1, 0.07, 0.04, 0.01, 0.01])


def test_what_a_child_uses_is_counted() -> None:
    _, used = matching._search(re.compile(r"\d+x"), "1" * 10_000, 5.0, 5.0)
    assert 0.01 < used < 5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("/(/", "missing \\)"),
        (f"/{'a' * 1001}/", "it has 1001 characters, at most 1000 are read"),
        ("/a{99999999999999999999}/", "repetition number is too large|too large"),
        ("/(?P<a>x)(?P<a>y)/", "redefinition"),
        (r"/\9/", "invalid group reference"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        regex(text)


def test_groups_that_lie_deep_in_each_other_raise_nothing_else() -> None:
    # How deep they may lie is the version's.
    with contextlib.suppress(ValueError):
        regex(f"/{'(' * 490}{')' * 490}/")


def test_a_slow_pattern_is_a_sentence_of_the_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching.search_any, "__defaults__", (0.2,))
    slow = "a" * 40 + "b"
    expect = Expect(("302",), "/(a+)+$/", (("X", "/(a+)+$/"),), "/(a+)+$/")
    answer = Answer(302, (("Location", slow), ("X", slow)), slow.encode())
    problems = judge(expect, answer, "http://shop.example/", 1.0)
    begins = ["expected Location /(a+)+$/, got a", "expected header X: /(a+)+$/, got a", "expected the body to match "]
    assert [problem[: len(begin)] for problem, begin in zip(problems, begins, strict=True)] == begins
    for problem in problems:
        assert "the pattern /(a+)+$/ took longer than 0.2 s for a text of 41 characters; write it without" in problem
