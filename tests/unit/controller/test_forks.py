"""What tasks share is imported before they are forked: a name that is wrong would be passed over in silence."""

from __future__ import annotations

import importlib

import pytest

from ansible_collections.sluice.nginx.plugins.callback import forks


@pytest.mark.parametrize("name", forks._SHARED)
def test_what_tasks_share_is_there(name: str) -> None:
    importlib.import_module(f"{forks._PLUGINS}.{name}")
