"""How many stages are started ahead has a bound: each is three containers."""

from __future__ import annotations

import os

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError
from ansible_collections.sluice.nginx.plugins.module_utils.staging import ahead
from ansible_collections.sluice.nginx.plugins.module_utils.staging.bounds import Bounds


@pytest.mark.parametrize("count", [-1, 33, 100_000])
def test_more_stages_than_gates_can_use_are_refused_in_words(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "is_local", lambda: pytest.fail("nothing may be started"))
    with pytest.raises(InputError, match=rf"staging_ahead: {count} is no number of stages .* write 0 to 32"):
        ahead.start_ahead(count, "image", {}, Bounds(), os.getpid())


def test_as_many_as_gates_can_use_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "is_local", lambda: False)
    assert ahead.start_ahead(ahead.MOST_AHEAD, "image", {}, Bounds(), os.getpid()) == ""
