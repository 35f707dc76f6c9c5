"""Which run is meant, and which runs there were around a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.postmortem.finding import find_run, runs_around
from tests.unit.record.samples import confirmed, rolled_back, stopped, written

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def run(folder: Path, made: dict[str, Any], hours: float) -> str:
    """Write a record of a run that began so many hours before noon, and took a minute."""
    began = NOON - timedelta(hours=hours)
    identity = f"{began:%Y%m%dT%H%M%S}-1f2e"
    made["run"] |= {"id": identity, "started": began.isoformat(), "ended": (began + timedelta(minutes=1)).isoformat()}
    written(made, folder / identity)
    return identity


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for made, hours in ((confirmed(), 1), (stopped(), 2), (rolled_back(), 3), (confirmed(), 4), (confirmed(), 5)):
        run(tmp_path, made, hours)
    damaged = tmp_path / "20260102T113000-dead"
    damaged.mkdir()
    (damaged / "run.json").write_text("{")
    return tmp_path


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("last", "20260102T100000-1f2e"),
        ("20260102T090000-1f2e", "20260102T090000-1f2e"),
        ("20260102T09", "20260102T090000-1f2e"),
        ("20260102T1130", "20260102T113000-dead"),
    ],
)
def test_a_run_is_found(runs: Path, wanted: str, found: str) -> None:
    assert find_run(runs, wanted).name == found


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("20260102T1", r"is the beginning of 3 runs; write more of it: 20260102T113000-dead \(unknown\); 20260102T11"),
        (
            "20260102T090000-1f2f",
            r"there is no run .*; near to it, or last, are .*20260102T090000-1f2e \(rolled back\)",
        ),
        ("rubbish", r"there is no run 'rubbish'; near to it, or last, are 20260102T100000-1f2e \(stopped\)"),
    ],
)
def test_a_run_that_is_not_there_has_near_ones(runs: Path, wanted: str, words: str) -> None:
    with pytest.raises(SluiceError, match=words):
        find_run(runs, wanted)


def test_where_nothing_failed_there_is_no_last_one(tmp_path: Path) -> None:
    with pytest.raises(SluiceError, match="no run was stopped, rolled back or left broken: there is no run at all"):
        find_run(tmp_path / "none", "last")


def test_runs_of_a_time_and_the_last_change_before_it(runs: Path) -> None:
    found, troubles = runs_around(runs, NOON - timedelta(hours=2, minutes=5), NOON)
    assert [record["result"] for record in found] == ["rolled back", "stopped", "confirmed"]
    assert len(troubles) == 1
    assert "20260102T113000-dead/run.json is damaged" in troubles[0]


def test_what_reached_no_host_is_told_only_where_it_was_then(runs: Path) -> None:
    found, _ = runs_around(runs, NOON - timedelta(minutes=119), NOON - timedelta(minutes=90))
    assert [record["result"] for record in found] == ["rolled back", "stopped"]
    found, _ = runs_around(runs, NOON - timedelta(minutes=118), NOON - timedelta(minutes=90))
    assert [record["result"] for record in found] == ["rolled back"]


def test_runs_of_other_hosts_are_left_out(runs: Path) -> None:
    assert runs_around(runs, NOON - timedelta(hours=9), NOON, ["db1"])[0] == []
    assert len(runs_around(runs, NOON - timedelta(hours=9), NOON, ["db1", "web2"])[0]) == 5
