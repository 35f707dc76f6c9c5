"""An incident leaves a page, the draft of a postmortem, JUnit and messages, and each names what is the cause."""

from __future__ import annotations

import json
import os
import time
import urllib.request
from pathlib import Path

import pytest
from story import Incident, fleet

CULPRIT = {
    "bad_extension": "sites-enabled/cedi-mart.conf:40",
    "redirect_loop": "sites-enabled/shwitter.conf:43",
    "last_wave_fails": "build 42",
}[os.environ["MOLECULE_SCENARIO_NAME"]]
SECONDS = 60


@pytest.fixture(scope="module")
def run() -> Path:
    return Path(Incident.read().record()["run"]["folder"])


@pytest.mark.parametrize("name", ["report.html", "postmortem.md", "junit.xml"])
def test_the_record_names_what_is_the_cause(run: Path, name: str) -> None:
    assert CULPRIT in (run / name).read_text()


@pytest.mark.parametrize("kind", ["http", "mail"])
def test_the_team_was_told_by_every_channel(run: Path, kind: str) -> None:
    url = f"http://127.0.0.1:{fleet()['mon1']['ports']['receiver']}/messages"
    told: list[str] = []
    # They are sent beside the run, which does not wait for them.
    deadline = time.monotonic() + SECONDS
    while not any(CULPRIT in body for body in told) and time.monotonic() < deadline:
        time.sleep(0.5)
        with urllib.request.urlopen(url, timeout=10) as answer:
            told = [each["body"] for each in json.load(answer) if each["kind"] == kind and run.name in each["body"]]
    assert any(CULPRIT in body for body in told), told
