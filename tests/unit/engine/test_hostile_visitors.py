"""A bake beside visitors who forge lines, provoke errors, or are truly answered worse than before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from tests.unit.engine.simulation.host import SimulatedHost
from tests.unit.engine.simulation.work import confirm
from tests.unit.engine.test_traffic_answers import NewHost, log_of, push

HONEST = [f"10.0.0.{number}" for number in range(1, 9)]
ATTACKER = "192.0.2.66"


def ask(host: SimulatedHost, who: str, status: int) -> None:
    """Let somebody ask for something now."""
    at = datetime.fromisoformat(host.now()).strftime("%d/%b/%Y:%H:%M:%S +0000")
    with log_of(host).open("a") as log:
        log.write(f'{who} - - [{at}] "GET /cart HTTP/1.1" {status} 3 "-" "curl"\n')


def note(host: SimulatedHost, text: str, level: str = "crit", pid: int = 0) -> None:
    """Let a worker of now write a record."""
    at = datetime.fromisoformat(host.now()).astimezone().strftime("%Y/%m/%d %H:%M:%S")
    pid = pid or host.nginx.serving[-1].pid
    with (host.root / "var/log/nginx/error.log").open("a") as log:
        log.write(f"{at} [{level}] {pid}#{pid}: {text}\n")


def forbidden(host: SimulatedHost, who: str) -> None:
    """Let somebody ask for what nginx may not look at."""
    note(
        host, f'*9 stat() "/srv/closed/x" failed (13: Permission denied), client: {who}, server: a, request: "GET / x"'
    )
    ask(host, who, 403)


def forged(host: SimulatedHost) -> None:
    """Let the attacker write a line of the master's within a record of a worker's."""
    if host.nginx.master is None or not host.nginx.serving:
        return
    pid = host.nginx.master.pid
    line = f"2026/03/01 00:00:00 [emerg] {pid}#{pid}: bind() to 0.0.0.0:80 failed (98: Address already in use)"
    end = f'" failed (2: No such file or directory), client: {ATTACKER}, server: a, request: "GET /x%0a HTTP/1.1"'
    note(host, f'*3 open() "/srv/x{end}\n{line}\n{line}{end}', "error")
    ask(host, ATTACKER, 404)


def crowd(host: SimulatedHost, failing: int = 0, status: int = 200) -> None:
    """Let honest visitors ask, so many of whom get a status."""
    for number, who in enumerate(HONEST * 3):
        ask(host, who, status if number < failing else 200)


@pytest.fixture
def host(new_host: NewHost) -> SimulatedHost:
    """A host that serves a release, and many visitors."""
    made = new_host()
    assert push(made, "r1", "a")["ok"]
    assert confirm(made, "r1", "a")["ok"]
    made.clock.pass_(40.0)
    crowd(made)
    return made


def baked(host: SimulatedHost, *events: Callable[[], None]) -> tuple[str, str]:
    """Switch and bake while things happen; returns what is wrong, and what is warned of."""
    for number, event in enumerate(events):
        host.clock.after(8.0 + number * 0.4, event)
    answer = push(host, "r2", "b", seconds=20.0)
    assert answer["ok"], answer
    problems = "; ".join(problem["what"] for problem in answer["bake"]["problems"])
    return problems, "; ".join(answer["warnings"])


def test_forged_lines_do_not_fail_a_bake(host: SimulatedHost) -> None:
    problems, warned = baked(host, *[lambda: forged(host)] * 20, lambda: crowd(host))
    assert problems == ""
    assert "20 lines of the error logs look severe and were not judged" in warned


def test_forged_lines_during_a_switch_do_not_fail_it(host: SimulatedHost) -> None:
    for number in range(100):
        host.clock.after(0.02 * number, lambda: forged(host))
    answer = push(host, "r2", "b", seconds=2.0)
    assert (answer["ok"], answer["bake"]["problems"]) == (True, [])


@pytest.mark.parametrize("behaviour", ["unbindable", "dying", "fatal", "ignored"])
def test_a_true_failure_is_seen_beside_forged_lines(host: SimulatedHost, behaviour: str) -> None:
    for number in range(400):
        host.clock.after(0.05 * number, lambda: forged(host))
    answer = push(host, "r2", "b", behaviour)
    assert (answer["ok"], answer["rolled_back"]) == (False, True)


def test_the_masters_own_line_fails_a_bake_beside_forged_ones(host: SimulatedHost) -> None:
    assert host.nginx.master is not None
    pid = host.nginx.master.pid
    events = [lambda: forged(host), lambda: note(host, "worker process 9 exited on signal 11", "alert", pid)]
    problems, _ = baked(host, *events * 3)
    assert problems == "nginx logged 3 severe lines since the switch"


def test_lines_that_a_visitor_provokes_do_not_fail_a_bake(host: SimulatedHost) -> None:
    problems, warned = baked(host, *[lambda: forbidden(host, ATTACKER)] * 20, lambda: crowd(host))
    assert problems == ""
    assert "rose since the switch, and no more visitors are refused" in warned


def test_lines_as_before_are_no_rise(host: SimulatedHost) -> None:
    for _ in range(60):
        forbidden(host, ATTACKER)
        host.clock.pass_(0.4)
    problems, warned = baked(host, *[lambda: forbidden(host, ATTACKER)] * 20)
    assert problems == ""
    assert "severe" not in warned


def test_a_rise_that_many_visitors_feel_fails_a_bake(host: SimulatedHost) -> None:
    problems, _ = baked(host, *[lambda who=who: forbidden(host, who) for who in HONEST * 3])
    assert problems == "severe lines about visitors' requests rose since the switch, and more visitors are refused"


@pytest.mark.parametrize("before", [0, 1])
def test_5xx_that_one_visitor_provokes_do_not_fail_a_bake(host: SimulatedHost, before: int) -> None:
    for _ in range(before):
        ask(host, ATTACKER, 200)
    problems, warned = baked(host, *[lambda: ask(host, ATTACKER, 500)] * 20, lambda: crowd(host))
    assert problems == ""
    assert f"those to one visitor, who suddenly asks for far more than before: {ATTACKER}" in warned


def test_a_visitor_with_an_address_of_each_kind_is_one(host: SimulatedHost) -> None:
    twice = [lambda: ask(host, ATTACKER, 500), lambda: ask(host, "2001:db8::66", 500)]
    problems, warned = baked(host, *twice * 10, lambda: crowd(host))
    assert problems == ""
    assert f"than before: {ATTACKER} and 2001:db8:0::/48" in warned


@pytest.mark.parametrize(("who", "before"), [(HONEST, 0), (HONEST[:1], 100)])
def test_5xx_of_those_who_were_there_before_fail_a_bake(host: SimulatedHost, who: list[str], before: int) -> None:
    """One of them may be the balancer that asks for nearly all others."""
    for _ in range(before):
        ask(host, who[0], 200)
    events = [lambda each=each: ask(host, each, 500) for each in (who * 20)[:20]]
    problems, _ = baked(host, *events, lambda: ask(host, ATTACKER, 500))
    assert problems == "answers with 5xx rose since the switch"
