"""On a rollback no check, and no fault of ours in judging one, has a say in how nginx serves."""

from __future__ import annotations

import errno
from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.engine import rollback as engine_rollback
from ansible_collections.sluice.nginx.plugins.module_utils.engine.records import Records
from tests.unit.engine.simulation.host import SimulatedHost
from tests.unit.engine.simulation.releases import release
from tests.unit.engine.simulation.work import DEADLINE, confirm, deploy, push, rollback

NewHost = Callable[..., SimulatedHost]
Asks = Callable[..., list[dict[str, Any]]]


def _raises(error: Exception) -> Asks:
    def ask(*_: Any) -> list[dict[str, Any]]:
        raise error

    return ask


def _too_few(*_: Any) -> list[dict[str, Any]]:
    return []


_FAULTS = {
    "a body that cannot be decoded": _raises(UnicodeError("label empty or too long")),
    "no memory": _raises(MemoryError()),
    "a check that cannot be read": _raises(KeyError("request")),
    "no file left": _raises(OSError(errno.EMFILE, "Too many open files")),
    "no outcome": _too_few,
}


def _words(answer: dict[str, Any]) -> str:
    return " ".join(problem["what"] for problem in answer["problems"])


@pytest.mark.parametrize("fault", _FAULTS)
def test_a_rollback_in_which_nothing_can_be_judged_is_one_reload(
    new_host: NewHost, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    host = new_host()
    deploy(host, "a")
    master = host.nginx.master
    assert push(host, "r2", "b")["ok"]
    monkeypatch.setattr(host, "ask", _FAULTS[fault])
    answer = rollback(host, "r2")
    assert (answer["rolled_back"], answer["broken"], answer["means"]) == (True, False, "reload"), answer
    assert "the check 'the front page' does not hold on this host: Sluice could not judge this check" in _words(answer)
    assert host.nginx.master is master
    assert {worker.loaded for worker in host.nginx.serving} == {release("a").id}
    state = host.ask_engine("status", "r3")
    assert (state["live"], state["pending"], state["confirmed"]["release"]) == (release("a").id, None, release("a").id)


@pytest.mark.parametrize("fault", _FAULTS)
def test_a_release_that_cannot_be_judged_goes_back_by_one_reload(
    new_host: NewHost, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    host = new_host()
    deploy(host, "a", "b")
    master = host.nginx.master
    monkeypatch.setattr(host, "ask", _FAULTS[fault])
    answer = push(host, "r3", "c")
    assert (answer["ok"], answer["rolled_back"], answer["broken"], answer["means"]) == (False, True, False, "reload")
    assert "Sluice could not judge this check" in answer["problems"][0]["what"]
    assert host.nginx.master is master
    assert {worker.loaded for worker in host.nginx.serving} == {release("b").id}


def test_the_watchdog_rolls_back_what_nobody_can_judge(new_host: NewHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host = new_host()
    deploy(host, "a")
    master = host.nginx.master
    assert push(host, "r2", "b")["ok"]
    monkeypatch.setattr(host, "ask", _raises(UnicodeError("x")))
    host.wait(DEADLINE + 10)
    assert host.nginx.master is master
    assert {worker.loaded for worker in host.nginx.serving} == {release("a").id}
    assert host.ask_engine("status", "r3")["pending"] is None
    assert host.watchdogs() == []


def test_a_host_without_room_for_a_thread_goes_back_by_one_reload(
    new_host: NewHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = new_host()
    deploy(host, "a")
    assert push(host, "r2", "b")["ok"]

    def start(self: Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(Thread, "start", start)
    answer = rollback(host, "r2")
    # The checks of the proof could not be asked; asked again in the one thread that there is, they hold.
    assert (answer["rolled_back"], answer["broken"], answer["means"]) == (True, False, "reload"), answer
    assert answer["problems"] == []
    assert "no room for a thread" in str(answer["checks"])


@pytest.mark.parametrize("name", ["changed_since", "check_problems", "contract_of"])
def test_what_fails_behind_the_proof_begins_no_other_rollback(
    new_host: NewHost, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    host = new_host()
    deploy(host, "a")
    master = host.nginx.master
    assert push(host, "r2", "b")["ok"]

    def fail(*_: Any) -> None:
        raise UnicodeError("a fault of ours")

    monkeypatch.setattr(engine_rollback, name, fail)
    monkeypatch.setattr(host, "ask", _raises(UnicodeError("x")))
    answer = rollback(host, "r2")
    assert (answer["rolled_back"], answer["broken"], answer["means"]) == (True, False, "reload"), answer
    assert "serves again, and could not be held to its contract: the engine failed: UnicodeError" in _words(answer)
    assert host.nginx.master is master
    assert host.ask_engine("status", "r3")["pending"] is None


def test_a_log_that_cannot_be_read_is_no_fault_of_nginx_on_the_rollback(
    new_host: NewHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = new_host()
    deploy(host, "a")
    assert push(host, "r2", "b")["ok"]

    def fail(*_: Any) -> None:
        raise ValueError("invalid literal for int() with base 10: '²'")

    monkeypatch.setattr(Records, "read", fail)
    monkeypatch.setattr(engine_rollback, "mark_logs", fail)
    answer = rollback(host, "r2")
    assert (answer["rolled_back"], answer["broken"], answer["means"]) == (True, False, "reload"), answer
    assert "nginx's logs could not be read during the rollback: ValueError" in " ".join(answer["warnings"])


def test_a_contract_that_is_damaged_is_said_and_the_release_served(new_host: NewHost) -> None:
    host = new_host()
    deploy(host, "a")
    assert push(host, "r2", "b")["ok"]
    path = host.layout.meta(release("a").id)
    path.write_text(path.read_text().replace('"contract": [', '"contract": 5, "was": ['))
    answer = rollback(host, "r2")
    assert (answer["ok"], answer["rolled_back"], answer["means"]) == (True, True, "reload"), answer
    assert "has lost its contract, so no check was made during the rollback" in " ".join(answer["warnings"])


def test_the_end_of_the_process_in_a_check_is_no_outcome(new_host: NewHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host = new_host()
    deploy(host, "a")

    def ends(*_: Any) -> None:
        raise SystemExit

    monkeypatch.setattr(host, "ask", ends)
    with pytest.raises(SystemExit):
        push(host, "r2", "b")


def test_a_bake_that_cannot_judge_says_so(new_host: NewHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host = new_host()
    deploy(host, "a")
    assert push(host, "r2", "b")["ok"]
    monkeypatch.setattr(host, "ask", _raises(UnicodeError("x")))
    answer = host.ask_engine("bake", "r2", release=release("b").id, seconds=1)
    assert "Sluice could not judge this check (UnicodeError: x)" in _words(answer)
    monkeypatch.undo()
    assert confirm(host, "r2", "b")["changed"]


def test_what_cannot_be_asked_on_a_host_is_said_and_stops_nothing(
    new_host: NewHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = new_host()
    why = "HTTP/3 cannot be asked for here: Python has no aioquic"

    def ask(contract: list[dict[str, Any]], *_: Any) -> list[dict[str, Any]]:
        usual = {"ok": True, "problems": [], "status": None, "request": "", "source": ""}
        return [{**usual, "name": row["name"], "untested": why} for row in contract]

    monkeypatch.setattr(host, "ask", ask)
    deploy(host, "a")
    answer = push(host, "r2", "b")
    assert answer["ok"], answer
    assert answer["warnings"].count(f"not tested on this host: the front page; {why}") == 1
    assert answer["checks"][0]["untested"] == why


def test_what_the_watchdog_did_is_told_to_who_asks_later(new_host: NewHost) -> None:
    host = new_host()
    deploy(host, "a")
    assert push(host, "r2", "b")["ok"]
    host.wait(DEADLINE + 30)
    refused = confirm(host, "r2", "b")
    assert "it was rolled back by watchdog at" in refused["problems"][0]["actual"]
    told = rollback(host, "r2")
    assert "of run r2 was rolled back by watchdog at" in told["note"]
    assert told["rolled_back_by"] == "watchdog"
    assert "rolled_back_by" not in rollback(host, "r1")
