"""What a host tells of its requests: of a trial, of one that is rolled back, and of a time that is asked for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils import receipt as receipts
from tests.unit.engine.simulation.host import SimulatedHost
from tests.unit.engine.simulation.releases import release
from tests.unit.engine.simulation.work import DEADLINE, confirm, rollback

NewHost = Callable[..., SimulatedHost]


def log_of(host: SimulatedHost) -> Path:
    return host.root / "var/log/nginx/access.log"


def request(host: SimulatedHost, status: int = 200, target: str = "/cart", agent: str = "curl") -> None:
    """Let somebody ask for something now."""
    at = datetime.fromisoformat(host.now()).strftime("%d/%b/%Y:%H:%M:%S +0000")
    with log_of(host).open("a") as log:
        log.write(f'1.2.3.4 - - [{at}] "GET {target} HTTP/1.1" {status} 3 "-" "{agent}"\n')


def push(host: SimulatedHost, run: str, name: str, behaviour: str = "fine", **more: Any) -> dict[str, Any]:
    """Put a pending release that logs its requests."""
    pushed = release(name, behaviour)
    facts = {**pushed.form["facts"], "access_logs": [str(log_of(host))]}
    return host.ask_engine(
        "activate",
        run,
        pushed.bundle,
        release={**pushed.form, "facts": facts},
        receipt=receipts.issue(pushed.id, run, host.now(), 24, dict.fromkeys(receipts.GATES, "pass")),
        options={"check_timeout": 5, "test_timeout": 10, "confirm_timeout": DEADLINE},
        **more,
    )


@pytest.fixture
def host(new_host: NewHost) -> SimulatedHost:
    """A host that serves a release, and was asked something for ten seconds."""
    made = new_host()
    assert push(made, "r1", "a")["ok"]
    assert confirm(made, "r1", "a")["ok"]
    made.clock.pass_(40.0)
    for _ in range(10):
        request(made)
        made.clock.pass_(1.0)
    return made


def counted(traffic: dict[str, Any]) -> tuple[int, int]:
    return sum(traffic["requests"]), sum(traffic["errors"])


def test_a_bake_tells_the_requests_around_the_switch(host: SimulatedHost) -> None:
    host.clock.after(10.0, lambda: request(host))
    host.clock.after(10.0, lambda: request(host, 502, "/pay?card=1"))
    host.clock.after(10.0, lambda: request(host, agent="sluice"))
    traffic = push(host, "r2", "b", seconds=20.0)["bake"]["traffic"]
    assert counted(traffic) == (12, 1)
    assert traffic["failing"] == [{"request": "GET /pay", "count": 1}]
    assert sum(traffic["requests"][:30]) == 10
    assert traffic["began"][:19] >= traffic["start"][:19]


def test_what_is_in_a_rotated_log_is_not_said_to_be_nothing(host: SimulatedHost) -> None:
    log_of(host).rename(log_of(host).with_name("access.log.1"))
    log_of(host).touch()
    traffic = push(host, "r2", "b", seconds=2.0)["bake"]["traffic"]
    assert traffic["start"][:19] == traffic["began"][:19]
    assert len(traffic["requests"]) < 10


def test_where_no_log_is_known_nothing_is_told(new_host: NewHost) -> None:
    host = new_host()
    pushed = release("a")
    receipt = receipts.issue(pushed.id, "r1", host.now(), 24, dict.fromkeys(receipts.GATES, "pass"))
    answer = host.ask_engine("activate", "r1", pushed.bundle, release=pushed.form, receipt=receipt, seconds=0.0)
    assert "traffic" not in answer["bake"]


def test_a_switch_that_fails_tells_what_it_cost(host: SimulatedHost) -> None:
    host.clock.after(0.05, lambda: request(host, 500))
    answer = push(host, "r2", "b", "wrong")
    assert answer["rolled_back"]
    assert counted(answer["traffic"]) == (11, 1)


@pytest.mark.parametrize("finalized", [True, False])
def test_a_rollback_tells_what_was_answered_since_the_switch(host: SimulatedHost, finalized: bool) -> None:
    assert push(host, "r2", "b", seconds=0.0)["ok"]
    if finalized:
        assert confirm(host, "r2", "b")["ok"]
    host.clock.pass_(3.0)
    for status in (200, 500, 500):
        request(host, status)
    answer = rollback(host, "r2")
    assert answer["rolled_back"]
    assert sum(answer["traffic"]["errors"]) == 2


def test_a_rollback_does_not_fail_because_of_a_log(host: SimulatedHost) -> None:
    assert push(host, "r2", "b", seconds=0.0)["ok"]
    log_of(host).unlink()
    log_of(host).mkdir()
    answer = rollback(host, "r2")
    assert (answer["ok"], answer["rolled_back"], counted(answer["traffic"])) == (True, True, (0, 0))


def test_a_time_that_is_asked_for_has_its_requests_and_events(host: SimulatedHost) -> None:
    begun = host.now()
    assert push(host, "r2", "b", seconds=0.0)["ok"]
    host.clock.pass_(2.0)
    request(host, 503)
    end = host.now()
    host.clock.pass_(30.0)
    request(host, 503)
    answer = host.ask_engine("traffic", "visit", start=begun, end=end)
    assert (answer["ok"], answer["changed"], answer["traffic"]["errors"][-1]) == (True, False, 1)
    assert sum(answer["traffic"]["errors"]) == 1
    assert "pending" in [event["event"] for event in answer["journal"]]
    assert "adopted" not in [event["event"] for event in answer["journal"]]


def test_what_is_no_time_is_named(host: SimulatedHost) -> None:
    answer = host.ask_engine("traffic", "visit", start="yesterday", end="now")
    assert "'yesterday' is no time" in answer["problems"][0]["what"]
