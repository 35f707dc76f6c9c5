"""Regular expressions are languages: what a search finds is what the automaton accepts."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.sluice.nginx.plugins.module_utils.config.regexes import translated
from ansible_collections.sluice.nginx.plugins.module_utils.effects.letters import bit
from ansible_collections.sluice.nginx.plugins.module_utils.effects.patterns import NotRegular, captures_rest, searched
from ansible_collections.sluice.nginx.plugins.module_utils.effects.terms import Algebra, TooMuch

PATTERNS = [
    r"^/a(?:|/(.*))$",
    r"\.php$",
    r"\.(?:png|jpe?g|gif)$",
    r"^/(?!(a/|a$|\.json$))",
    r"(?<!a)\.b$",
    r"(?<=/)b",
    r"^/(?<lang>a|b)(/|$)",
    r"(^|/)\.a",
    r"^(/a|/b)/",
    r"a{2,3}b",
    r"((a*)*)*b$",
    r"^/[^/]+/b?$",
    r"^/\w+\.\d$",
    r"[^a]b",
    r"^/a|b$",
    r"(?i)^/A",
    r"(?i:A)b",
    r"(a|$)b?",
    r"(?:/|$)?",
    r"a(?=b|$)",
    r"",
    r"^$",
    r"a.*b.*a",
    r"^/a/?$",
]


def accepts(terms: Algebra, language: int, text: str) -> bool:
    for letter in text:
        language = terms.step(language, bit(ord(letter)))
    return terms.matches_empty(language)


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("ignore_case", [False, True])
def test_what_a_search_finds_is_accepted(pattern: str, ignore_case: bool) -> None:
    terms = Algebra()
    language = searched(terms, pattern, ignore_case)
    regex = re.compile(translated(pattern), re.IGNORECASE if ignore_case else 0)

    @settings(max_examples=150, deadline=None)
    @given(st.text("/abA.1_-", max_size=8))
    def check(text: str) -> None:
        assert accepts(terms, language, text) == (regex.search(text) is not None), text

    check()


@settings(max_examples=300, deadline=None)
@given(
    st.from_regex(r"\^?(/|a|b|\.|\[ab\]|\(a\|/b\)|\(\?:a\|\)){0,6}(\*|\?|\+)?\$?", fullmatch=True),
    st.text("/ab.", max_size=6),
)
def test_expressions_at_random(pattern: str, text: str) -> None:
    try:
        regex = re.compile(pattern)
    except re.error:
        return
    terms = Algebra()
    try:
        language = searched(terms, pattern)
    except NotRegular:
        return
    assert accepts(terms, language, text) == (regex.search(text) is not None)


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        (r"^/(a)\1$", "a back-reference"),
        (r"a++b", "a possessive repetition"),
        (r"\bfoo", r"the end of a word"),
        (r"a?^b", "an anchor after what may be empty"),
        (r"((?!a).)*b", "an anchor or a look-ahead in a repetition"),
        (r"/[[:alpha:]]", "a POSIX class"),
        (r"/é", "a letter beyond ASCII"),
        (r"/(", "what Python does not read"),
        (r"(a(?<=a))b", "a look-behind within a group"),
    ],
)
def test_what_is_not_regular_says_why(pattern: str, words: str) -> None:
    with pytest.raises(NotRegular, match=words):
        searched(Algebra(), pattern)


@pytest.mark.parametrize(
    "pattern",
    ["a" * 20_000, "(" * 5000 + ")" * 5000, ".{2000}", "(?:" * 300 + "a" + ")" * 300 + "*" * 1],
    ids=["long", "deep", "often", "nested"],
)
def test_too_much_is_refused_or_read(pattern: str) -> None:
    try:
        searched(Algebra(), pattern)
    except TooMuch:
        return
    assert len(pattern) < 2000


def test_ten_thousand_letters_are_read() -> None:
    pattern = "^(?:" + "|".join(f"/section-{number}" for number in range(800)) + ")$"
    assert len(pattern) > 9000
    terms = Algebra()
    language = searched(terms, pattern)
    assert accepts(terms, language, "/section-799")
    assert not accepts(terms, language, "/section-800")


@pytest.mark.parametrize(
    ("pattern", "prefix"),
    [
        (r"^/a/(.*)$", "/a/"),
        (r"^(.*)$", ""),
        (r"^/a\.b(.*)", "/a.b"),
        (r"/a/(.*)$", None),
        (r"^/a/(.+)$", None),
        (r"^/(a)(.*)$", None),
        (r"^/a(?i:(.*))$", None),
        (r"^/a", None),
        (r"(", None),
    ],
)
def test_a_prefix_and_the_rest(pattern: str, prefix: str | None) -> None:
    assert captures_rest(pattern) == prefix
