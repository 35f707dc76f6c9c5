"""What a host counts for the evidence of a canary."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.engine.slots import BOUNDS, Slots
from ansible_collections.sluice.nginx.plugins.module_utils.engine.timestamps import seconds_of
from tests.unit.engine.simulation.host import SimulatedHost
from tests.unit.engine.simulation.work import confirm
from tests.unit.engine.test_traffic import NOON, line
from tests.unit.engine.test_traffic_answers import log_of, push, request

NewHost = Callable[..., SimulatedHost]


@pytest.fixture
def host(new_host: NewHost) -> SimulatedHost:
    """A host that serves a release."""
    made = new_host()
    assert push(made, "r1", "a")["ok"]
    assert confirm(made, "r1", "a")["ok"]
    made.clock.pass_(700.0)
    return made


def _visited(host: SimulatedHost, seconds: int, status: int = 200) -> None:
    for _ in range(seconds):
        request(host, status)
        host.clock.pass_(1.0)


def _bad(answer: dict[str, Any]) -> list[tuple[int, int]]:
    return [(slot["requests"], slot["errors"]) for slot in answer["slots"]]


def test_looks_that_follow_each_other_count_each_request_once(host: SimulatedHost) -> None:
    first = host.ask_engine("count", "r2", ago=0)
    _visited(host, 20)
    _visited(host, 10, 502)
    second = host.ask_engine("count", "r2", start=first["end"])
    _visited(host, 5, 499)
    third = host.ask_engine("count", "r2", start=second["end"])
    assert _bad(first) == [(0, 0)]
    (one,), (two,) = second["slots"], third["slots"]
    assert one["requests"] + two["requests"] in (33, 34, 35)
    assert one["errors"] + two["errors"] == one["upstream"] + two["upstream"] == 10
    assert two["closed"] >= 2
    assert first["changed"] is False


def test_the_minutes_before_are_counted_one_by_one(host: SimulatedHost) -> None:
    _visited(host, 60)
    host.clock.pass_(60.0)
    _visited(host, 30, 500)
    host.clock.pass_(32.0)
    answer = host.ask_engine("count", "r2", ago=180, width=60)
    assert [sum(each) for each in zip(*_bad(answer), strict=True)] == [90, 30]
    assert len(answer["slots"]) == 3
    assert answer["end"] == seconds_of(host.now()) - 2


def test_requests_of_checks_and_of_other_times_are_none(host: SimulatedHost) -> None:
    _visited(host, 10)
    host.clock.pass_(100.0)
    request(host, agent="sluice")
    host.clock.pass_(10.0)
    assert _bad(host.ask_engine("count", "r2", ago=50)) == [(0, 0)]


def test_where_nobody_knows_the_logs_that_is_told(new_host: NewHost) -> None:
    made = new_host()
    assert made.ask_engine("count", "r2", ago=60)["known"] is False


@pytest.mark.parametrize("more", [{"ago": 600, "width": 1}, {"start": 5}, {"ago": "nan"}, {"start": "x"}])
def test_what_is_no_time_is_refused(host: SimulatedHost, more: dict[str, Any]) -> None:
    answer = host.ask_engine("count", "r2", **more)
    assert answer["ok"] is False
    assert log_of(host)


@pytest.mark.parametrize(
    ("seconds", "slot"), [("0.000", 0), ("0.005", 0), ("0.006", 1), ("0.500", 6), ("2.000", 8), ("60.000", len(BOUNDS))]
)
def test_answers_are_counted_by_how_long_they_took(seconds: str, slot: int) -> None:
    slots = Slots(NOON, NOON + 60, 1)
    slots.add(line(NOON + 1, end=f" rt={seconds}"), "200")
    slots.add(line(NOON + 1), "200")
    slots.add("no time at all", "200")
    (row,) = slots.to_json()
    assert row["requests"] == 2
    assert [number for number, count in enumerate(row["times"]) if count] == [slot]


def test_a_log_is_read_from_a_file_that_is_not_there(host: SimulatedHost) -> None:
    log_of(host).unlink(missing_ok=True)
    assert _bad(host.ask_engine("count", "r2", ago=60)) == [(0, 0)]
