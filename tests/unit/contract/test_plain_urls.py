"""A URL that is taken apart at sight is the one that the standard library makes of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from ansible_collections.sluice.nginx.plugins.module_utils.contract import url as urls

PARTS = ["http://", "a.example", "A", "[::1]", ":", "80", "0", "70000", "/", "?", "q=1", "#f", "@", "%20", ";", "."]


def told(text: str) -> object:
    try:
        return urls.parse_url(text)
    except ValueError as error:
        return str(error)


@given(some.lists(some.sampled_from(PARTS), max_size=8).map("".join), some.sampled_from(["", "http://a"]))
def test_both_ways_lead_to_the_same(rest: str, begin: str) -> None:
    at_sight = told(begin + rest)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(urls, "_taken_apart", lambda text: None)
        assert told(begin + rest) == at_sight
