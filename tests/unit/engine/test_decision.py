"""A host whose watchdog's time is up asks how its roll-out ends; what it hears counts only from one who may sign."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.coordination.file_store import FileStore
from ansible_collections.sluice.nginx.plugins.module_utils.coordination.model import (
    CoordinationStore,
    KeyEntry,
    StoreFault,
    StoreUnreachable,
)
from ansible_collections.sluice.nginx.plugins.module_utils.engine.host.system import System
from ansible_collections.sluice.nginx.plugins.module_utils.engine.session import Fault, Session
from ansible_collections.sluice.nginx.plugins.module_utils.engine.store import Layout
from ansible_collections.sluice.nginx.plugins.module_utils.engine.watchdog import decision as decisions
from ansible_collections.sluice.nginx.plugins.module_utils.receipt import ROLLOUT_NAMESPACE, SCHEMA, canonical, state
from tests.unit.engine.simulation.host import SimulatedHost
from tests.unit.engine.simulation.releases import release
from tests.unit.engine.simulation.truths import serves, state_of
from tests.unit.engine.simulation.work import DEADLINE, deploy, push, recover
from tests.unit.engine.test_admission import Keys, keys

__all__ = ["keys"]

KEY = "release-7/decision"
STORE = {"url": "etcd://store.example:2379", "user": "hosts", "password": "hunter2-hunter2", "ca": ""}
FORM = {"store": STORE, "key": KEY, "rollout": "token"}
NewHost = Callable[..., SimulatedHost]


def decided(decision: str, rollout: str = "token", **more: Any) -> bytes:
    content = {
        "schema": SCHEMA,
        "kind": "decision",
        "rollout": rollout,
        "decision": decision,
        "why": "all said",
        **more,
    }
    return json.dumps({"statement": content, "signature": ""}).encode()


class Away(FileStore):
    """A store that does not answer."""

    def get(self, key: str) -> KeyEntry | None:
        raise StoreUnreachable("etcd cannot be reached")


class ReadOnly(FileStore):
    """A store in which hosts may not write."""

    def compare_and_set(self, key: str, value: bytes, revision: int) -> int | None:
        raise StoreFault("permission denied")


def pending(new_host: NewHost, store: CoordinationStore, **can: bool) -> SimulatedHost:
    """A host with a pending release of a slice, whose run is gone."""
    host = new_host(**can)
    deploy(host, "a")
    host.shared_store = store
    answer = push(host, "run b", "b", decision=FORM)
    assert answer["ok"], answer["problems"]
    return host


def stored(tmp_path: Path, value: bytes | None) -> FileStore:
    store = FileStore(tmp_path / "store")
    if value is not None:
        store.create(KEY, value)
    return store


@pytest.mark.parametrize("has_systemd", [True, False])
def test_what_was_decided_is_done_by_the_watchdog(new_host: NewHost, tmp_path: Path, has_systemd: bool) -> None:
    host = pending(new_host, stored(tmp_path, decided("confirm")), has_systemd=has_systemd)
    host.wait(DEADLINE + 5)
    found = state_of(host)
    assert (serves(host), found["pending"]) == (release("b").id, None)
    assert (found["confirmed"]["release"], found["confirmed"]["run"]) == (release("b").id, "run b")
    assert found["last"]["by"] == "the watchdog, as was decided: all said"
    assert host.watchdogs() == []
    assert not (host.layout.runtime / "decision.json").exists()


@pytest.mark.parametrize(
    ("value", "after"),
    [
        (decided("rollback"), "rollback"),
        # Nobody had decided: from now on nobody can decide that all confirm.
        (decided("undecided"), "rollback"),
        (decided("confirm", rollout="of last week"), "confirm"),
        (decided("perhaps"), "perhaps"),
        (decided("confirm", kind="plan"), "confirm"),
        (b"no json", None),
        (b"[]", None),
        (b"{}", None),
        (None, None),
    ],
)
def test_anything_else_is_a_rollback(new_host: NewHost, tmp_path: Path, value: bytes | None, after: str | None) -> None:
    store = stored(tmp_path, value)
    host = pending(new_host, store)
    host.wait(DEADLINE + 5)
    assert (serves(host), state_of(host)["pending"]) == (release("a").id, None)
    found = store.get(KEY)
    if after is not None:
        assert found is not None
        assert json.loads(found.value)["statement"]["decision"] == after


@pytest.mark.parametrize("kind", [Away, ReadOnly])
def test_a_store_that_cannot_be_asked_is_a_rollback(new_host: NewHost, tmp_path: Path, kind: type) -> None:
    stored(tmp_path, decided("undecided"))
    host = pending(new_host, Away(tmp_path) if kind is Away else ReadOnly(tmp_path / "store"))
    host.wait(DEADLINE + 5)
    assert (serves(host), state_of(host)["pending"]) == (release("a").id, None)


def test_a_store_that_hangs_is_given_up_in_time(
    new_host: NewHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Hanging(FileStore):
        def get(self, key: str) -> KeyEntry | None:
            time.sleep(3)
            return None

    monkeypatch.setattr(decisions, "BOUND", 0.2)
    host = pending(new_host, Hanging(tmp_path))
    began = time.monotonic()
    host.wait(DEADLINE + 5)
    assert time.monotonic() - began < 2
    assert (serves(host), state_of(host)["pending"]) == (release("a").id, None)


def test_the_next_contact_asks_as_well(new_host: NewHost, tmp_path: Path) -> None:
    host = pending(new_host, stored(tmp_path, decided("confirm")))
    host.lose_watchdogs()
    host.clock.pass_(DEADLINE + 5)
    answer = recover(host)
    assert answer["live"] == release("b").id
    assert state_of(host)["confirmed"]["release"] == release("b").id


def test_what_does_not_serve_any_more_is_not_confirmed(new_host: NewHost, tmp_path: Path) -> None:
    """Its workers died: what was decided cannot be done here, and the run says so."""
    host = pending(new_host, stored(tmp_path, decided("confirm")))
    host.nginx.stop()
    host.wait(DEADLINE + 5)
    assert (serves(host), state_of(host)["pending"]) == (release("a").id, None)


def test_a_machine_that_was_started_since_goes_back(new_host: NewHost, tmp_path: Path) -> None:
    host = pending(new_host, stored(tmp_path, decided("confirm")))
    host.reboot()
    host.wait(DEADLINE + 5)
    assert (serves(host), state_of(host)["pending"]) == (release("a").id, None)


def test_a_run_that_lives_is_not_asked_for(new_host: NewHost, tmp_path: Path) -> None:
    store = stored(tmp_path, decided("undecided"))
    host = pending(new_host, store)
    host.wait(DEADLINE - 5)
    host.ask_engine("bake", "run b", release=release("b").id, seconds=0)
    host.wait(DEADLINE - 5)
    assert state_of(host)["pending"]
    found = store.get(KEY)
    assert found is not None
    assert found.value == decided("undecided")


def test_where_to_ask_is_roots_alone_and_ends_with_the_pending_phase(new_host: NewHost, tmp_path: Path) -> None:
    host = pending(new_host, stored(tmp_path, decided("undecided")))
    path = host.layout.runtime / "decision.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert "hunter2" in path.read_text()
    told = json.dumps(host.ask_engine("status", "somebody")) + host.layout.journal.read_text()
    assert "hunter2" not in told
    assert host.ask_engine("confirm", "run b", release=release("b").id)["ok"]
    assert not path.exists()


@pytest.mark.parametrize(
    "form",
    [
        {**FORM, "store": {**STORE, "url": "file:///etc"}},
        {**FORM, "store": {**STORE, "url": "http://169.254.169.254/"}},
        {**FORM, "key": "../../etc/passwd"},
        {**FORM, "store": {**STORE, "ca": "x" * 100_000}},
        {"store": STORE},
        {**FORM, "store": "etcd://store"},
        "etcd://store",
    ],
)
def test_what_is_no_way_to_ask_stops_before_anything_is_switched(new_host: NewHost, form: Any) -> None:
    host = new_host()
    deploy(host, "a")
    answer = push(host, "run b", "b", decision=form)
    assert not answer["ok"]
    assert "ask for the decision" in answer["problems"][0]["what"]
    assert (serves(host), state_of(host)["pending"]) == (release("a").id, None)


@pytest.fixture
def session(tmp_path: Path, keys: Keys) -> Session:
    (tmp_path / "inventory").write_text("production\n")
    layout = Layout(root=tmp_path / "root", runtime=tmp_path / "runtime", allowed_signers=tmp_path / "allowed_signers")
    layout.allowed_signers.write_text(keys.allowed("ada"))
    return Session(_Host(tmp_path / "store"), layout, {"id": "run b", "who": "ada", "from": "desk"})


class _Host(System):
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def store(self, login: object) -> CoordinationStore:
        return FileStore(self._folder)


@pytest.mark.parametrize(
    ("case", "decision", "why"),
    [
        ("good", "confirm", "all said"),
        ("unsigned", "", "the decision is not signed, and this host takes signed ones only"),
        ("by eve", "", "the decision is signed with a key that this host does not allow"),
        ("changed", "", "the decision's signature is forged: it was not made over this decision"),
        ("a receipt's", "", "the decision's signature is forged: it was not made over this decision"),
        ("of staging", "", "the decision was signed for another inventory"),
    ],
)
def test_only_one_who_may_sign_decides_that_all_confirm(
    session: Session, keys: Keys, case: str, decision: str, why: str
) -> None:
    inventory = "staging" if case == "of staging" else "production"
    at = "2026-03-01T00:00:00.000Z"
    content = state("decision", at, 1, inventory, rollout="token", decision="confirm", why="all said")
    signed = canonical({**content, "decision": "rollback"} if case == "changed" else content)
    purpose = "sluice-receipt" if case == "a receipt's" else ROLLOUT_NAMESPACE
    signature = "" if case == "unsigned" else keys.sign("eve" if case == "by eve" else "ada", signed, purpose)
    value = json.dumps({"statement": content, "signature": signature}).encode()
    session.system.store(None).create(KEY, value)  # type: ignore[arg-type]
    decisions.remember(session, "run b", FORM)
    # The times of other machines are not looked at: it names the one roll-out that this host was switched by.
    assert decisions.ask(session, {"run": "run b"}) == decisions.Asked(decision, why)
    assert decisions.ask(session, {"run": "another"}) == decisions.Asked("", "")


def test_nothing_is_kept_where_it_cannot_be(session: Session) -> None:
    with pytest.raises(Fault, match="cannot ask for the decision"):
        decisions.remember(session, "run b", {**FORM, "store": {**STORE, "url": "file:///etc"}})
    assert not session.layout.runtime.exists()
