"""The figures of a team, from the records of its runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.record.figures import Caught, Figures, figures

from .samples import NEW, OLD, confirmed, event, record, release, rollback, rolled_back, stopped, summed, written

NOW = datetime(2026, 3, 18, 12, tzinfo=UTC)


def put(runs: Path, made: dict[str, Any], days: float, seconds: float = 30.0, identity: str = "") -> None:
    """Write a record that began so many days before now."""
    began = NOW - timedelta(days=days)
    run = {**made["run"], "started": stamp(began), "ended": stamp(began + timedelta(seconds=seconds))}
    if identity:
        made["releases"] = [{**row, "release": identity} for row in made["releases"]]
    written({**made, "run": run}, runs / f"{began:%Y%m%dT%H%M%S}-{len(list(runs.iterdir())):04x}")


def stamp(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def values(found: Figures | None) -> dict[str, str]:
    assert found is not None
    return {each.name: each.value for each in found.figures}


def test_without_a_run_there_are_none(tmp_path: Path) -> None:
    assert figures(tmp_path / "nowhere", NOW) is None
    assert figures(tmp_path, NOW) is None


def test_deployments_count_by_week_and_what_is_old_or_damaged_is_left_out(tmp_path: Path) -> None:
    for days in (1, 2, 8, 13.9, 200):
        put(tmp_path, confirmed(), days)
    (tmp_path / "20260101T000000-dead").mkdir()
    found = figures(tmp_path, NOW)
    assert found is not None
    assert [(week.begins, week.confirmed) for week in found.weeks[-3:]] == [
        ("2026-03-02", 1),
        ("2026-03-09", 1),
        ("2026-03-16", 2),
    ]
    assert found.left_out == 2
    assert found.since == "2025-12-29"
    assert values(found)["Deployments"] == "2.0 a week", "four in two weeks, since nobody deployed before"


def test_the_lead_time_begins_with_the_first_run_that_had_the_release(tmp_path: Path) -> None:
    put(tmp_path, record("passed", "every gate passed", releases=[release(["web1"])]), 2)
    put(tmp_path, confirmed(), 1.5, seconds=60)
    assert values(figures(tmp_path, NOW))["Lead time"] == "12 h 1 min"
    # Deployed a second and a third time, it is not as old as the first.
    for days in (1, 0.5):
        put(tmp_path, confirmed(), days, seconds=10)
    assert values(figures(tmp_path, NOW))["Lead time"] == "10 s"


def test_what_fails_is_a_share_of_deployments_and_rollbacks_by_hand_count(tmp_path: Path) -> None:
    for days in (9, 8, 7):
        put(tmp_path, confirmed(), days)
    put(tmp_path, rolled_back(), 6)
    put(tmp_path, rollback(), 5, identity=OLD)
    put(tmp_path, stopped(), 4, identity=NEW)
    told = values(figures(tmp_path, NOW))
    assert told["Failed changes"] == "50 %", "one rolled back, one by hand, of four"
    assert told["Stopped by gates"] == "20 %"


def test_detection_and_restoration_are_between_events(tmp_path: Path) -> None:
    put(tmp_path, rolled_back(), 1)
    told = values(figures(tmp_path, NOW))
    # Switched at 3, told in the bake at 10, back at 12; the hosts ask a second before they answer.
    assert (told["Time to detect"], told["Time to restore"]) == ("7.0 s", "2.0 s")


def test_a_rollback_by_hand_restores_what_the_deployment_before_it_broke(tmp_path: Path) -> None:
    put(tmp_path, confirmed(), 2, seconds=0)
    put(tmp_path, rollback(), 1, seconds=0, identity=OLD)
    assert values(figures(tmp_path, NOW))["Time to restore"] == "24 h"


def test_what_gates_caught_and_drift(tmp_path: Path) -> None:
    put(tmp_path, stopped(), 3)
    put(tmp_path, stopped(), 2)
    drifted = record("stopped", "web1 drifted", releases=[])
    drift = {"what": "3 files of the live tree are not those of its release (drift)"}
    drifted["events"] = [event(1, "preflight", "web1", good=False, problems=[drift])]
    put(tmp_path, summed(drifted), 1)
    found = figures(tmp_path, NOW)
    assert found is not None
    ((gate, runs, latest),) = found.caught
    assert (gate, runs) == ("smoke", 2)
    assert latest
    assert found.drifted == 1
    assert isinstance(found.caught[0], Caught)


@pytest.mark.parametrize("name", ["Time to detect", "Time to restore", "Lead time", "Failed changes"])
def test_what_never_happened_is_no_number(tmp_path: Path, name: str) -> None:
    put(tmp_path, record("passed", "every gate passed", releases=[release(["web1"])]), 1)
    assert values(figures(tmp_path, NOW))[name] == "none"
