from __future__ import annotations

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.lint.near import is_slip, meant


@pytest.mark.parametrize(
    ("one", "other", "slip"),
    [
        ("phpp", "php", True),
        ("exmaple", "example", True),
        ("baackend", "backend", True),
        ("bckend", "backend", True),
        ("backenf", "backend", True),
        ("backend", "backend", False),
        ("app1", "app2", False),
        ("app", "app1", False),
        ("v12", "v21", False),
        ("green", "blue", False),
        ("stage", "staging", False),
        ("a-b", "ab", False),
        ("", "a", True),
    ],
)
def test_one_slip_leads_from_a_word_to_another(one: str, other: str, slip: bool) -> None:
    assert is_slip(one, other) is slip
    assert is_slip(other, one) is slip


@pytest.mark.parametrize(
    ("word", "right"),
    [
        ("X-Forwared-For", "X-Forwarded-For"),
        ("x-forwarded-fro", "X-Forwarded-For"),
        ("x-forwarded-for", ""),
        ("hots", "Host"),
        ("hos", ""),
        ("X-Other", ""),
    ],
)
def test_the_known_word_that_was_meant(word: str, right: str) -> None:
    assert meant(word, ["Host", "X-Forwarded-For"]) == right
