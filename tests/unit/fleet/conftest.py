"""Journals from a few words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import Event

OLD, NEW = "a" * 64, "b" * 64


def _event(line: str, **more: Any) -> Event:
    """Read ``host phase`` or ``host phase FAILED``; ``run`` stands for the run as a whole."""
    host, phase, *rest = line.split()
    answer: dict[str, Any] = {"operation": phase}
    if phase == "preflight":
        answer |= {"live": OLD, "release": NEW, "changes_needed": True, "has_release": False}
    if phase == "finalize":
        answer["operation"] = "confirm"
    return Event("2026-01-01T00:00:00.000Z", phase, "" if host == "run" else host, not rest, {**answer, **more})


@pytest.fixture
def event() -> Callable[..., Event]:
    """Make an event of a journal."""
    return _event


@pytest.fixture
def journal() -> Callable[..., list[Event]]:
    """Make a journal of lines."""
    return lambda *lines: [_event(line) for line in lines]
