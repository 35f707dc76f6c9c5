"""What one request can ask for beside its operation, so that a phase is one round trip."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils import receipt as receipts
from ansible_collections.sluice.nginx.plugins.module_utils.engine.host.system import Bind, Ran
from tests.unit.engine.simulation.host import SimulatedHost
from tests.unit.engine.simulation.releases import release
from tests.unit.engine.simulation.work import confirm, deploy, push, rollback

NewHost = Callable[..., SimulatedHost]


def note(host: SimulatedHost, level: str, text: str) -> None:
    """Let a worker of now log something."""
    pid = host.nginx.serving[-1].pid
    with (host.root / "var/log/nginx/error.log").open("a") as log:
        log.write(f"2026/03/01 00:00:00 [{level}] {pid}#{pid}: {text}\n")


def test_a_switch_that_is_baked_in_one_request(new_host: NewHost) -> None:
    host = new_host()
    deploy(host, "a")
    begun = host.monotonic()
    answer = push(host, "r2", "b", seconds=20.0)
    assert (answer["ok"], answer["problems"], answer["bake"]["problems"]) == (True, [], [])
    assert [check["name"] for check in answer["bake"]["checks"]] == ["the front page"]
    assert host.monotonic() - begun >= 20
    assert confirm(host, "r2", "b")["changed"]


def test_nothing_is_baked_where_nobody_asks_for_it(new_host: NewHost) -> None:
    assert "bake" not in push(new_host(), "r1", "a")


def test_without_seconds_the_checks_that_held_a_moment_ago_are_not_made_again(
    new_host: NewHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = new_host()
    asked: list[object] = []
    ask = host.ask

    def noted(contract: list[dict[str, Any]], *more: Any) -> list[dict[str, Any]]:
        asked.append(contract)
        return list(ask(contract, *more))

    monkeypatch.setattr(host, "ask", noted)
    answer = push(host, "r1", "a", seconds=0.0)
    assert answer["bake"]["problems"] == answer["bake"]["checks"] == []
    assert len(asked) == 1


def test_a_bake_that_fails_leaves_the_release_pending(new_host: NewHost) -> None:
    host = new_host()
    deploy(host, "a")
    host.clock.after(10.0, lambda: note(host, "alert", "something broke"))
    answer = push(host, "r2", "b", seconds=20.0)
    assert (answer["ok"], answer["problems"], answer["changed"]) == (True, [], True)
    assert [problem["what"] for problem in answer["bake"]["problems"]] == [
        "nginx logged 1 severe lines since the switch"
    ]
    assert host.ask_engine("status", "r2")["pending"]["release"] == release("b").id
    assert rollback(host, "r2")["rolled_back"]


def test_a_switch_that_fails_is_not_baked(new_host: NewHost) -> None:
    host = new_host()
    deploy(host, "a")
    answer = push(host, "r2", "b", "wrong", seconds=20.0)
    assert answer["rolled_back"]
    assert "bake" not in answer


def test_others_may_take_a_release_back_while_it_bakes(new_host: NewHost) -> None:
    host = new_host()
    deploy(host, "a")
    host.clock.after(
        5.0, lambda: None if rollback(host, "r2")["rolled_back"] else pytest.fail("it was not rolled back")
    )
    answer = push(host, "r2", "b", seconds=20.0)
    assert answer["ok"]
    assert "workers are no longer those of the switch" in answer["bake"]["problems"][0]["what"]


@pytest.mark.parametrize("named", ["previous", release("a").id[:8], release("a").id])
def test_preflight_finds_a_release_that_the_host_has(new_host: NewHost, named: str) -> None:
    host = new_host()
    deploy(host, "a", "b")
    answer = host.ask_engine("preflight", "r3", release="", stored=named)
    assert (answer["ok"], answer["release"], answer["has_release"]) == (True, release("a").id, True)
    assert (answer["live"], answer["changes_needed"]) == (release("b").id, True)


def test_preflight_says_which_releases_there_are(new_host: NewHost) -> None:
    host = new_host()
    deploy(host, "a")
    answer = host.ask_engine("preflight", "r3", release="", stored="ffffff")
    (problem,) = answer["problems"]
    assert problem["what"] == "this host has no release 'ffffff'"
    assert release("a").id[:12] in problem["actual"]


def test_preflight_knows_a_damaged_live_release(new_host: NewHost) -> None:
    host = new_host()
    deploy(host, "a")
    asking: dict[str, Any] = {"release": release("a").id, "drift": "discard"}
    assert host.ask_engine("preflight", "r2", **asking)["has_release"]
    (host.layout.conf / "nginx.conf").write_text("# changed\n")
    answer = host.ask_engine("preflight", "r2", **asking)
    assert (answer["has_release"], answer["changes_needed"]) == (False, True)


def asked_what_it_is(host: SimulatedHost, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note each ``nginx -V``."""
    asked: list[str] = []
    run = host.run

    def noted(argv: list[str], timeout: float, bind: Bind | None = None, data: bytes = b"", **more: Any) -> Ran:
        asked.extend(argv[:1] if "-V" in argv else [])
        return run(argv, timeout, bind, data, **more)

    monkeypatch.setattr(host, "run", noted)
    return asked


def test_nginx_says_once_what_it_is(new_host: NewHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host = new_host()
    deploy(host, "a")
    asked = asked_what_it_is(host, monkeypatch)
    assert host.ask_engine("preflight", "r2", release=release("b").id)["nginx"]["version"]
    assert asked == []
    assert host.nginx.master is not None
    exe = (host.proc / str(host.nginx.master.pid) / "exe").readlink()
    exe.write_text("another binary\n")
    assert host.ask_engine("preflight", "r2", release=release("b").id)["nginx"]["version"]
    assert asked == [str(exe)]


def test_what_nginx_said_is_asked_again_where_it_was_damaged(
    new_host: NewHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = new_host()
    deploy(host, "a")
    asked = asked_what_it_is(host, monkeypatch)
    (host.layout.root / "nginx.json").write_text("{")
    assert host.ask_engine("status", "r2")["nginx"]["version"]
    assert len(asked) == 1


def test_who_only_looks_writes_nothing(new_host: NewHost) -> None:
    host = new_host()
    for operation in ("preflight", "status", "probe"):
        host.ask_engine(operation, "r1", release="f" * 64)
    assert not Path(host.layout.root).exists()


def test_an_answer_is_plain_data(new_host: NewHost) -> None:
    assert json.loads(json.dumps(push(new_host(), "r1", "a", seconds=1.0)))["ok"]


@pytest.mark.parametrize("name", ["check_timeout", "test_timeout", "confirm_timeout"])
@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), 1e30, -5, 0])
def test_what_is_no_time_is_not_stored(new_host: NewHost, name: str, seconds: float) -> None:
    host = new_host(has_systemd=False)
    deploy(host, "a")
    before, form = host.layout.state.read_bytes(), release("b").form
    receipt = receipts.issue(form["id"], "r2", host.now(), 24, dict.fromkeys(receipts.GATES, "pass"))
    answer = host.ask_engine(
        "activate", "r2", release("b").bundle, release=form, receipt=receipt, options={name: seconds}
    )
    assert [problem["what"] for problem in answer["problems"]] == [f"{name} is no time that this host can wait"]
    assert host.layout.state.read_bytes() == before
