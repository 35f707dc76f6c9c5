"""A step of a run that is one of several slices; the hosts are played, and the store is a folder."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.action import rollout
from ansible_collections.sluice.nginx.plugins.module_utils.coordination.file_store import FileStore
from ansible_collections.sluice.nginx.plugins.module_utils.coordination.model import StoreUnreachable
from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import RunRecord
from ansible_collections.sluice.nginx.plugins.plugin_utils import emergency
from ansible_collections.sluice.nginx.plugins.plugin_utils.rollout import hosts as rollout_hosts
from ansible_collections.sluice.nginx.plugins.plugin_utils.rollout import slices
from tests.unit.controller.test_rollout_action import HOSTS, Answer, Fleet

STEPS = ("preflight", "wave", "finalize")


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Fleet]:
    monkeypatch.setattr(rollout.ActionModule, "_state", lambda _: tmp_path)
    monkeypatch.setattr(emergency, "load_extra_vars", lambda loader: {"rollout_emergency": "a test"})
    monkeypatch.setattr(slices, "_AGAIN", 0.01)

    def made(**answers: Answer) -> Fleet:
        named = {name.replace("_", " "): answer for name, answer in answers.items()}
        return Fleet(tmp_path, named, check_mode=False, diff=False)

    return made


def play(hosts: Fleet, *steps: str, slices: int = 1, wait: float = 15.0) -> None:
    """Take the steps of a run."""
    for step in steps or STEPS:
        more: dict[str, Any] = {"slices": slices, "name": "release-7", "slice_timeout": wait, "confirm_timeout": 9.0}
        hosts.step(step, store="file", waves=["100%"], **more)


def notes(hosts: Fleet) -> str:
    problems = [event.answer.get("problems") or [] for event in RunRecord(hosts.run).events()]
    return "\n".join(problem["what"] for rows in problems for problem in rows)


def test_a_slice_by_itself_decides_and_confirms(make: Callable[..., Fleet], tmp_path: Path) -> None:
    hosts = make()
    play(hosts)
    assert [ask for ask in hosts.asked if ask[1] == "confirm"] == [(host, "confirm") for host in HOSTS]
    store = FileStore(tmp_path / "rollouts")
    keys = [entry.key for entry in store.entries("release-7")]
    assert keys == [
        *(f"release-7/acks/1/1/{host}" for host in HOSTS),
        *(
            "release-7/decision",
            "release-7/heartbeats/1",
            "release-7/plan",
            "release-7/slices/1",
            "release-7/waves/1/1",
        ),
    ]
    decision = store.get("release-7/decision")
    assert decision is not None
    assert b'"decision": "confirm"' in decision.value


def test_a_host_that_fails_is_told_to_the_others(make: Callable[..., Fleet], tmp_path: Path) -> None:
    hosts = make(activate_web2={"ok": False, "rolled_back": True, "problems": [{"what": "nginx refuses"}]})
    play(hosts, "preflight", "wave")
    decision = FileStore(tmp_path / "rollouts").get("release-7/decision")
    assert decision is not None
    assert b"web2 failed in activate: nginx refuses" in decision.value
    play(hosts, "finalize")
    assert ("web1", "rollback") in hosts.asked
    assert [ask for ask in hosts.asked if ask[1] == "confirm"] == []


def test_a_preflight_that_fails_stops_every_slice(make: Callable[..., Fleet], tmp_path: Path) -> None:
    hosts = make(preflight_web1={"ok": False, "problems": [{"what": "no space"}]})
    play(hosts, "preflight")
    decision = FileStore(tmp_path / "rollouts").get("release-7/decision")
    assert decision is not None
    assert b"web1 failed in preflight: no space" in decision.value


def test_without_the_others_nothing_is_switched(make: Callable[..., Fleet]) -> None:
    hosts = make()
    play(hosts, slices=2, wait=0.5)
    assert {operation for _, operation in hosts.asked} == {"preflight"}
    assert "the roll-out is rolled back: slice 1 of 2 waited for 0.5 s: slice 2 has not begun" in notes(hosts)


def test_two_slices_end_the_same(make: Callable[..., Fleet], monkeypatch: pytest.MonkeyPatch) -> None:
    """The one has a host that fails, after the other is done with all it has."""
    monkeypatch.setattr(rollout_hosts, "LiveLine", _NoLine)
    one = make()
    other = make(bake_web9={"ok": False, "problems": [{"what": "5xx rose"}]}, activate_web9={"bake": {"problems": []}})
    threads = []
    for hosts, names in ((one, HOSTS), (other, ["web8", "web9"])):
        hosts.variables = {host: {} for host in names}
        hosts.hosts = names
        threads.append(threading.Thread(target=play, args=(hosts,), kwargs={"slices": 2}))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    ends = {operation for hosts in (one, other) for _, operation in hosts.asked if operation in ("confirm", "rollback")}
    assert len(ends) == 1, (one.asked, other.asked)


class _NoLine:
    def __init__(self, *_: object) -> None:
        self.line = lambda *_: None

    def __enter__(self) -> Any:
        class Silent:
            def __getattr__(self, name: str) -> Any:
                return lambda *_, **__: None

        return Silent()

    def __exit__(self, *_: object) -> None:
        pass


def test_what_was_decided_reaches_a_host_that_went_back(
    make: Callable[..., Fleet], monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = make()
    play(hosts, "preflight", "wave")
    answers: Iterator[Answer] = iter(
        [{"ok": False, "problems": [{"what": "it was rolled back by the watchdog"}]}, {"ok": True}]
    )
    whole = hosts._play

    def went_back(askings: Any) -> Any:
        for host, answer in whole(askings):
            is_lost = host == "web2" and hosts.asked[-1] == ("web2", "confirm")
            yield host, {**answer, **(next(answers) if is_lost else {})}

    monkeypatch.setattr(hosts, "_play", went_back)
    play(hosts, "finalize")
    assert hosts.asked[-4:] == [("web1", "confirm"), ("web2", "confirm"), ("web2", "activate"), ("web2", "confirm")]
    assert all(good for _, _, good in hosts.events())


def test_what_keeps_a_host_from_what_was_decided_is_shown_when_it_changes(
    make: Callable[..., Fleet], monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = make()
    play(hosts, "preflight", "wave")
    refusals = iter(["disk full"] * 4 + ["nginx refuses"] * 2)
    whole = hosts._play

    def refuses(askings: Any) -> Any:
        for host, answer in whole(askings):
            operation = hosts.asked[-1][1]
            why = next(refusals, "") if host == "web2" and operation in ("confirm", "activate") else ""
            yield host, {**answer, **({"ok": False, "problems": [{"what": why}]} if why else {})}

    monkeypatch.setattr(hosts, "_play", refuses)
    hosts.said.clear()
    play(hosts, "finalize")
    assert hosts.asked[-1] == ("web2", "confirm")
    assert [line for line in hosts.said if "brought" in line or "does not" in line] == [
        "brought to what was decided, that all confirm: web2",
        "web2 does not take it yet: disk full",
        "web2 does not take it yet: nginx refuses",
    ]


def test_where_the_end_is_not_known_no_host_is_asked(
    make: Callable[..., Fleet], monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = make()
    play(hosts, "preflight", "wave", wait=0.5)

    def away(self: FileStore, key: str) -> None:
        raise StoreUnreachable("the store is away")

    monkeypatch.setattr(FileStore, "get", away)
    play(hosts, "finalize", wait=0.5)
    assert {operation for _, operation in hosts.asked} <= {"preflight", "activate", "bake"}
    assert "it is not known how the roll-out ends, so hosts are left to their watchdogs: the store is away" in notes(
        hosts
    )


def test_before_it_is_done_a_slice_goes_back_without_the_store(
    make: Callable[..., Fleet], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can have decided that all confirm without its word."""
    hosts = make(activate_web2={"ok": False, "rolled_back": True, "problems": [{"what": "nginx refuses"}]})
    play(hosts, "preflight", wait=0.5)

    def away(self: FileStore, key: str) -> None:
        raise StoreUnreachable("the store is away")

    play(hosts, "wave", wait=0.5)
    monkeypatch.setattr(FileStore, "get", away)
    play(hosts, "finalize", wait=0.5)
    assert ("web1", "rollback") in hosts.asked


def test_a_store_that_is_started_anew_is_waited_for(
    make: Callable[..., Fleet], monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = iter([True, True, False])
    whole = FileStore.create

    def create(self: FileStore, key: str, value: bytes) -> int | None:
        if next(failures, False):
            raise StoreUnreachable("the store is away")
        return whole(self, key, value)

    monkeypatch.setattr(FileStore, "create", create)
    hosts = make()
    play(hosts, "preflight")
    assert notes(hosts) == ""
    assert len([line for line in hosts.said if "the store is waited for: the store is away" in line]) == 1


def test_a_store_that_is_not_there_stops_the_preflight(
    make: Callable[..., Fleet], monkeypatch: pytest.MonkeyPatch
) -> None:
    def create(self: FileStore, key: str, value: bytes) -> int | None:
        raise StoreUnreachable("etcd at store:2379 cannot be reached; see that it runs")

    monkeypatch.setattr(FileStore, "create", create)
    hosts = make()
    play(hosts, "preflight", wait=0.1)
    assert "cannot be reached; see that it runs" in notes(hosts)
    play(hosts, "finalize", wait=0.1)
    assert {operation for _, operation in hosts.asked} == {"preflight"}


def test_slices_without_a_store_are_refused(make: Callable[..., Fleet]) -> None:
    hosts = make()
    with pytest.raises(SluiceError, match="slices of a roll-out could end differently without a store"):
        hosts.step("preflight", slices=3)
    assert hosts.asked == []


def test_a_run_by_itself_imports_nothing_of_slices_alarms_and_evidence(
    make: Callable[..., Fleet], monkeypatch: pytest.MonkeyPatch
) -> None:
    some_have = re.compile(r".*\.(module_utils\.(slices|coordination|alarms|evidence)|rollout\.(alarms|evidence))\b")
    for name in filter(some_have.match, [*sys.modules]):
        monkeypatch.delitem(sys.modules, name)
    hosts = make()
    for step in STEPS:
        hosts.step(step)
    assert [*filter(some_have.match, sys.modules)] == []
    assert "decision" not in hosts.questions["web1"].request


def test_a_store_that_hosts_disagree_on_shows_no_password(make: Callable[..., Fleet]) -> None:
    hosts = make()
    hosts._task._role.get_default_vars = lambda: {"rollout_store": ""}
    hosts.variables["web1"]["rollout_store"] = {"url": "etcd://store", "user": "runs", "password": "hunter2"}
    with pytest.raises(SluiceError, match="web1 and web2 have different values, but a run has one") as said:
        hosts.step("preflight")
    assert "hunter2" not in str(said.value)
