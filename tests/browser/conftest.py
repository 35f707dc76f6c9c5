"""The system's Chromium, and pages made of the records that the unit tests have."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from ansible_collections.sluice.nginx.plugins.module_utils.reports.history import history
from ansible_collections.sluice.nginx.plugins.module_utils.reports.publish import publish
from tests.unit.record.samples import SAMPLES, written

NOW = datetime(2026, 1, 7, tzinfo=UTC)
"""In the week after the samples."""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert path, "no Chromium is installed; on Debian: sudo apt-get install chromium"
    with sync_playwright() as started:
        # As root its own sandbox does not work; what it shows here is made by these tests.
        made = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture(scope="session")
def page_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Make the page of a sample, or the index of all of them by the name ``history``."""
    runs = tmp_path_factory.mktemp("runs")
    for name, make in SAMPLES.items():
        assert publish(written(make(), runs / name.replace(" ", "-"))) == []
    (runs / "damaged").mkdir()
    (runs / "damaged/run.json").write_text("{")
    (runs / "index.html").write_text(history(runs, NOW), encoding="utf-8", errors="backslashreplace")

    def path(name: str) -> Path:
        return runs / "index.html" if name == "history" else runs / name.replace(" ", "-") / "report.html"

    return path
