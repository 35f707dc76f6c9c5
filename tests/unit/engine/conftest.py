"""Simulated hosts, and no waiting for a disk."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.engine.host import kernel
from tests.unit.engine.simulation.crash import fsync, sync_filesystem
from tests.unit.engine.simulation.host import SimulatedHost

_MEMORY = Path("/dev/shm")


@pytest.fixture
def new_host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., SimulatedHost]]:
    """Make hosts that serve what somebody wrote by hand, in memory where there is a place for that."""
    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(kernel, "sync_filesystem", sync_filesystem)
    place = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=place) as folder:
        hosts = iter(range(1, 1_000_000))
        yield lambda **can: SimulatedHost(Path(folder) / f"host{next(hosts)}", **can)
