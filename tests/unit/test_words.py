"""One is no plural."""

from __future__ import annotations

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.words import count


@pytest.mark.parametrize(("number", "words"), [(0, "0 hosts"), (1, "1 host"), (2, "2 hosts")])
def test_a_count(number: int, words: str) -> None:
    assert count(number, "host") == words
