"""An incident leaves a page, the draft of a postmortem, JUnit and messages, and each names what is the cause."""

from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path

import pytest
from story import Incident, fleet

CULPRITS = {
    "cedi-mart-phpp": "sites-enabled/cedi-mart.conf:40",
    "shwitter-redirect": "sites-enabled/shwitter.conf:43",
    "one-host-differs": "build 42",
}
SECONDS = 60


@pytest.fixture(scope="module")
def run() -> Path:
    return Path(Incident.read().record()["run"]["folder"])


@pytest.fixture(scope="module")
def culprit() -> str:
    return CULPRITS[Incident.read().name]


@pytest.mark.parametrize("name", ["report.html", "postmortem.md", "junit.xml"])
def test_the_record_names_what_is_the_cause(run: Path, culprit: str, name: str) -> None:
    assert culprit in (run / name).read_text()


@pytest.mark.parametrize("kind", ["http", "mail"])
def test_the_team_was_told_by_every_channel(run: Path, culprit: str, kind: str) -> None:
    url = f"http://127.0.0.1:{fleet()['mon1']['ports']['receiver']}/messages"
    told: list[str] = []
    # They are sent beside the run, which does not wait for them.
    deadline = time.monotonic() + SECONDS
    while not any(culprit in body for body in told) and time.monotonic() < deadline:
        time.sleep(0.5)
        with urllib.request.urlopen(url, timeout=10) as answer:
            told = [each["body"] for each in json.load(answer) if each["kind"] == kind and run.name in each["body"]]
    assert any(culprit in body for body in told), told
