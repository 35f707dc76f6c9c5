from __future__ import annotations

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.closest_match import is_typo, typo_of


@pytest.mark.parametrize(
    ("one", "other", "typo"),
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
def test_one_typo_leads_from_a_word_to_another(one: str, other: str, typo: bool) -> None:
    assert is_typo(one, other) is typo
    assert is_typo(other, one) is typo


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
    assert typo_of(word, ["Host", "X-Forwarded-For"]) == right
