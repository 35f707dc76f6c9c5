"""Slices of a roll-out against each other, on a store in a folder: threads stand for runs, and functions for hosts."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.coordination.file_store import FileStore
from ansible_collections.sluice.nginx.plugins.module_utils.coordination.locate import open_store
from ansible_collections.sluice.nginx.plugins.module_utils.coordination.model import (
    CoordinationStore,
    StoreLogin,
    StoreUnreachable,
)
from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError, SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import Run, open_run
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.signing import Signer
from ansible_collections.sluice.nginx.plugins.module_utils.slices import heartbeats, protocol, statements
from ansible_collections.sluice.nginx.plugins.module_utils.slices.model import (
    SliceOptions,
    read_slices,
    refuse_sliced_job,
)
from ansible_collections.sluice.nginx.plugins.module_utils.slices.protocol import (
    CONFIRM,
    ROLLBACK,
    UNDECIDED,
    SharedDecision,
    SharedRollout,
)
from ansible_collections.sluice.nginx.plugins.module_utils.slices.statements import Stater
from ansible_collections.sluice.nginx.plugins.module_utils.textfmt import now

NEW = "b" * 64
TIMEOUT = 6.0


class Slices:
    """Runs that share a folder; each has the record of a run of its own."""

    def __init__(self, folder: Path, key: Path | None = None) -> None:
        self.folder, self.key = folder, key
        self.runs: dict[str, Run] = {}

    def slice(
        self, name: str, count: int = 2, number: int = 0, wait: float = 20, key: Path | None = None
    ) -> SharedRollout:
        """Return the slice of a run, as each step makes it anew."""
        if name not in self.runs:
            self.runs[name] = open_run(self.folder / f"runs of {name}")
        options: dict[str, Any] = {"store": f"file://{self.folder}/store", "slices": count, "slice": number}
        options.update(name="release-7", slice_timeout=wait)
        read = read_slices(options, {}, self.runs[name], self.folder, self.folder)
        assert read is not None
        signing = key or self.key
        return SharedRollout(read, self.runs[name], Stater(Signer(signing, "fleet") if signing else None), TIMEOUT)

    def stored(self) -> list[str]:
        return [entry.key for entry in open_store(StoreLogin(f"file://{self.folder}/store")).entries("release-7")]


@pytest.fixture
def slices(tmp_path: Path) -> Slices:
    return Slices(tmp_path)


def well(seconds: float) -> bool:
    time.sleep(min(seconds, 0.1))
    return True


def quiet(words: str) -> None:
    """Nobody reads it."""


def hosts_of(name: str) -> dict[str, str]:
    return {f"{name}{number}": NEW for number in (1, 2)}


def deploy(
    slices: Slices,
    name: str,
    ends: dict[str, SharedDecision],
    bad: Callable[[str, int], bool] = lambda name, wave: False,
    **more: Any,
) -> None:
    """Play a whole run: two waves of a host each, and the decision."""
    shared = slices.slice(name, **more)
    with shared.alive():
        shared.join(hosts_of(name), [[host] for host in hosts_of(name)])
        for host in hosts_of(name):
            shared = slices.slice(name, **more)
            wave = shared.begins([host])
            decided = shared.await_wave(wave, well, quiet)
            if decided.decision == ROLLBACK:
                ends[name] = decided
                return
            failed = bad(name, wave)
            shared.acknowledge({host: "failed in bake" if failed else ""}, well, quiet)
            if failed:
                ends[name] = shared.decide(ROLLBACK, f"{host} failed in bake")
                return
        ends[name] = shared.await_decision(well, quiet)


def at_once(work: Mapping[str, Callable[[], None]]) -> None:
    threads = [threading.Thread(target=each) for each in work.values()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_slices_that_are_all_well_confirm(slices: Slices, count: int) -> None:
    ends: dict[str, SharedDecision] = {}
    names = ["a", "b", "c"][:count]
    at_once({name: lambda name=name: deploy(slices, name, ends, count=count) for name in names})  # type: ignore[misc]
    assert {end.decision for end in ends.values()} == {CONFIRM}
    assert len(ends) == count
    assert len([key for key in slices.stored() if "/acks/" in key]) == 2 * count


@pytest.mark.parametrize("wave", [1, 2])
def test_one_that_fails_rolls_all_back(slices: Slices, wave: int) -> None:
    ends: dict[str, SharedDecision] = {}

    def bad(name: str, now: int) -> bool:
        return name == "b" and now == wave

    at_once({name: lambda name=name: deploy(slices, name, ends, bad, count=3) for name in "abc"})  # type: ignore[misc]
    assert {end.decision for end in ends.values()} == {ROLLBACK}
    assert all(f"b{wave} failed in bake" in end.why for end in ends.values()), ends


def test_no_wave_begins_before_every_slice_is_there(slices: Slices) -> None:
    one = slices.slice("a", wait=1)
    one.join(hosts_of("a"), [["a1"], ["a2"]])
    said: list[str] = []
    decided = one.await_wave(one.begins(["a1"]), well, said.append)
    assert said[0] == "slice 1 of 2 waits: slice 2 has not begun"
    assert decided == SharedDecision(ROLLBACK, decided.by, "slice 1 of 2 waited for 1 s: slice 2 has not begun")
    with pytest.raises(SluiceError, match=r"was rolled back: slice 1 of 2 waited.*begin another one"):
        slices.slice("b").join(hosts_of("b"), [["b1"]])


def test_a_wave_waits_for_the_wave_before_of_the_others(slices: Slices) -> None:
    one, two = slices.slice("a"), slices.slice("b")
    one.join(hosts_of("a"), [["a1"], ["a2"]])
    two.join(hosts_of("b"), [["b1"], ["b2"]])
    with one.alive(), two.alive():
        assert one.await_wave(one.begins(["a1"]), well, quiet).decision == UNDECIDED
        one.acknowledge({"a1": ""}, well, quiet)
        said: list[str] = []
        one.begins(["a2"])
        looks = iter([True, False])
        one.await_wave(2, lambda seconds: next(looks), said.append)
        assert set(said) == {"slice 1 of 2 waits: slice 2 is at wave 1 of 2"}
        two.begins(["b1"])
        two.acknowledge({"b1": ""}, well, quiet)
        assert (
            one.await_wave(2, lambda seconds: pytest.fail("nothing is to be waited for"), quiet).decision == UNDECIDED
        )


def test_a_slice_that_is_killed_is_noticed_and_all_roll_back(slices: Slices) -> None:
    one, two = slices.slice("a"), slices.slice("b")
    one.join(hosts_of("a"), [["a1"]])
    with two.alive():
        two.join(hosts_of("b"), [["b1"]])
        two.begins(["b1"])
        two.acknowledge({"b1": ""}, well, quiet)
        one.begins(["a1"])
        one.acknowledge({"a1": ""}, well, quiet)
        # Every wave is done, and the one slice gives no heartbeat any more: its hosts may be back already.
        began = time.monotonic()
        decided = two.await_decision(well, quiet)
        assert decided.decision == ROLLBACK
        assert "slice 1 gave no heartbeat" in decided.why
        assert time.monotonic() - began < 2 * TIMEOUT


def test_two_deciders_at_once_decide_the_same(slices: Slices) -> None:
    for number in range(5):
        here = Slices(slices.folder / str(number))
        here.folder.mkdir()
        one, two = here.slice("a"), here.slice("b")
        one.join(hosts_of("a"), [["a1"]])
        two.join(hosts_of("b"), [["b1"]])
        ends: dict[str, SharedDecision] = {}
        gate = threading.Barrier(2)

        def decide(
            shared: SharedRollout, decision: str, ends: dict[str, SharedDecision] = ends, gate: threading.Barrier = gate
        ) -> None:
            gate.wait()
            ends[decision] = shared.decide(decision, "at once")

        at_once({"one": lambda one=one: decide(one, CONFIRM), "two": lambda two=two: decide(two, ROLLBACK)})  # type: ignore[misc]
        assert ends[CONFIRM] == ends[ROLLBACK]
        assert one.decision() == two.decision() == ends[CONFIRM]


def test_a_decision_never_changes(slices: Slices) -> None:
    one = slices.slice("a", count=1)
    one.join(hosts_of("a"), [])
    first = one.decide(CONFIRM, "all is well")
    assert one.decide(ROLLBACK, "too late") == first


def test_a_store_that_does_not_answer_is_waited_for(slices: Slices, monkeypatch: pytest.MonkeyPatch) -> None:
    one = slices.slice("a", count=1)
    one.join(hosts_of("a"), [["a1"]])
    one.begins(["a1"])
    assert not one.has_acknowledged_all
    one.acknowledge({"a1": ""}, well, quiet)
    assert one.has_acknowledged_all
    failures = iter([True, True, False])
    whole = one._store.get

    def get(key: str) -> Any:
        if next(failures, False):
            raise StoreUnreachable("the store is away")
        return whole(key)

    monkeypatch.setattr(one._store, "get", get)
    said: list[str] = []
    assert one.await_decision(well, said.append).decision == CONFIRM
    assert said[0] == "slice 1 of 1 waits for the store: the store is away"


def test_what_is_acknowledged_reaches_a_store_that_was_away(slices: Slices, monkeypatch: pytest.MonkeyPatch) -> None:
    one = slices.slice("a", count=1)
    one.join(hosts_of("a"), [["a1"]])
    one.begins(["a1"])
    failures = iter([True, True, False])
    whole = one._store.create

    def create(key: str, value: bytes) -> int | None:
        if next(failures, False):
            raise StoreUnreachable("the store is away")
        return whole(key, value)

    monkeypatch.setattr(one._store, "create", create)
    one.acknowledge({"a1": ""}, well, quiet)
    assert [key for key in slices.stored() if "/acks/" in key or "/waves/" in key] == [
        "release-7/acks/1/1/a1",
        "release-7/waves/1/1",
    ]


def test_a_store_that_stays_away_is_an_end_that_is_not_known(slices: Slices, monkeypatch: pytest.MonkeyPatch) -> None:
    one = slices.slice("a", count=1, wait=1)
    one.join(hosts_of("a"), [])

    def get(key: str) -> Any:
        raise StoreUnreachable("the store is away")

    monkeypatch.setattr(one._store, "get", get)
    with pytest.raises(StoreUnreachable, match="is away"):
        one.await_decision(well, quiet)


def test_hosts_that_fail_meanwhile_end_the_wait(slices: Slices) -> None:
    one = slices.slice("a")
    one.join(hosts_of("a"), [["a1"]])
    assert one.await_decision(lambda seconds: False, quiet).decision == UNDECIDED


def test_a_confirmed_rollout_is_joined_again_by_the_same_hosts(slices: Slices) -> None:
    one = slices.slice("a", count=1)
    one.join(hosts_of("a"), [["a1"]])
    one.decide(CONFIRM, "all is well")
    again = slices.slice("a, relaunched", count=1)
    again.join(hosts_of("a"), [["a2"]])
    assert again.await_wave(again.begins(["a2"]), well, quiet).decision == CONFIRM
    assert again.await_decision(well, quiet).decision == CONFIRM
    with pytest.raises(SluiceError, match="has no place for this run"):
        slices.slice("other", count=1).join(hosts_of("b"), [["b1"]])


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("count", "has 2 slices, and this run expects 3; give each slice the same rollout_slices"),
        ("number", "has no place for this run: taken are 1 by run"),
        ("full", "has no place for this run: taken are 1 by run .*, 2 by run"),
    ],
)
def test_what_does_not_fit_is_refused(slices: Slices, what: str, words: str) -> None:
    slices.slice("a", number=1).join(hosts_of("a"), [])
    if what == "full":
        slices.slice("b").join(hosts_of("b"), [])
    other = slices.slice("c", count=3 if what == "count" else 2, number=1 if what == "number" else 0)
    with pytest.raises(SluiceError, match=words):
        other.join(hosts_of("c"), [])
    assert not other.is_joined


def test_a_host_in_two_slices_rolls_all_back(slices: Slices) -> None:
    one, two = slices.slice("a"), slices.slice("b")
    one.join(hosts_of("a"), [["a1"]])
    two.join(hosts_of("a"), [["a1"]])
    decided = one.await_wave(one.begins(["a1"]), well, quiet)
    assert decided.decision == ROLLBACK
    assert decided.why == "a1 is in two slices; give each slice hosts of its own by --limit"


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, Path]:
    for name in ("ada", "eve"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(tmp_path / name)]
        subprocess.run(command, check=True)
    return {name: tmp_path / name for name in ("ada", "eve")}


def test_signed_slices_confirm(tmp_path: Path, keys: dict[str, Path]) -> None:
    ends: dict[str, SharedDecision] = {}
    signed = Slices(tmp_path, keys["ada"])
    # A key without its public one beside it tells it all the same.
    keys["ada"].with_name("ada.pub").unlink()
    at_once({name: lambda name=name: deploy(signed, name, ends) for name in "ab"})  # type: ignore[misc]
    assert {end.decision for end in ends.values()} == {CONFIRM}


@pytest.mark.parametrize(("key", "words"), [("eve", "is signed with another key"), (None, "is not signed")])
def test_what_another_one_signed_is_nothing(tmp_path: Path, keys: dict[str, Path], key: str | None, words: str) -> None:
    Slices(tmp_path, keys[key] if key else None).slice("stranger").join(hosts_of("b"), [])
    with pytest.raises(SluiceError, match=words):
        Slices(tmp_path, keys["ada"]).slice("a").join(hosts_of("a"), [])


def test_a_store_that_is_not_to_be_trusted_confirms_nothing(tmp_path: Path, keys: dict[str, Path]) -> None:
    one = Slices(tmp_path, keys["ada"]).slice("a", count=1)
    one.join(hosts_of("a"), [["a1"]])
    store = open_store(StoreLogin(f"file://{tmp_path}/store"))
    found = store.get("release-7/decision")
    assert found is not None
    store.compare_and_set("release-7/decision", found.value.replace(b'"undecided"', b'"confirm"'), found.revision)
    with pytest.raises(SluiceError, match="signed with another key"):
        one.decision()


def _put(slices: Slices, key: str, content: bytes) -> None:
    """Write as anybody does who may write to the store."""
    assert open_store(StoreLogin(f"file://{slices.folder}/store")).create(f"release-7/{key}", content)


@pytest.mark.parametrize("name", ["x", "77", "0", "9" * 200])
def test_keys_of_others_beside_heartbeats_are_nothing(slices: Slices, name: str) -> None:
    ends: dict[str, SharedDecision] = {}
    _put(slices, f"heartbeats/{name}", b"{}")
    at_once({each: lambda each=each: deploy(slices, each, ends) for each in ("a", "b")})  # type: ignore[misc]
    assert {each.decision for each in ends.values()} == {CONFIRM}


@pytest.mark.parametrize(
    ("key", "kind", "facts"),
    [
        ("slices/x", "slice", {"slice": 1, "hosts": {}, "waves": []}),
        ("slices/2", "slice", {"slice": 2, "hosts": {}, "waves": 5}),
        ("slices/2", "slice", {"slice": 2, "hosts": [], "waves": []}),
        ("slices/2", "slice", {"slice": 2, "hosts": {NEW: [["b1"]]}, "waves": []}),
        ("slices/2", "slice", {"slice": 2, "hosts": {NEW: 5}, "waves": []}),
        ("slices/2", "slice", {"slice": "2", "hosts": {}, "waves": []}),
        ("slices/2", "slice", {"slice": 2}),
    ],
)
def test_what_has_another_form_than_a_slice_rolls_all_back(
    slices: Slices, key: str, kind: str, facts: dict[str, Any]
) -> None:
    """Without a key anybody may have written it."""
    shared = slices.slice("a")
    shared.join(hosts_of("a"), [["a1"], ["a2"]])
    _put(slices, key, Stater(None).state(kind, rollout=shared._token, **facts).to_bytes())
    with shared.alive():
        decided = shared.await_decision(well, quiet)
    assert decided.decision == ROLLBACK
    assert "see who writes there" in decided.why


@pytest.mark.parametrize("key", ["waves/x/y", "waves/1/y", "waves/2"])
def test_what_names_no_wave_is_none(slices: Slices, key: str) -> None:
    ends: dict[str, SharedDecision] = {}
    shared = slices.slice("a", count=1)
    shared.join(hosts_of("a"), [["a1"]])
    facts: dict[str, Any] = {"rollout": shared._token, "slice": 1, "wave": 1, "hosts": 1}
    _put(slices, key, Stater(None).state("wave", **facts).to_bytes())
    shared.begins(["a1"])
    with shared.alive():
        shared.acknowledge({"a1": ""}, well, quiet)
        ends["a"] = shared.await_decision(well, quiet)
    assert ends["a"].decision == CONFIRM


@pytest.mark.parametrize("plan", [{}, {"rollout": 5}, {"rollout": ""}])
def test_a_plan_without_a_name_is_refused(slices: Slices, plan: dict[str, Any]) -> None:
    _put(slices, "plan", Stater(None).state("plan", name="release-7", slices=2, **plan).to_bytes())
    with pytest.raises(SluiceError, match="names no roll-out"):
        slices.slice("a").join(hosts_of("a"), [["a1"]])


@pytest.mark.parametrize("signature", ["\ud800", "é", "-----BEGIN SSH SIGNATURE-----\n\udcff"])
def test_a_signature_that_is_no_text_is_none(keys: dict[str, Path], signature: str) -> None:
    said = json.loads(Stater(None).state("slice", slice=1).to_bytes())
    data = json.dumps({**said, "signature": signature}).encode()
    with pytest.raises(SluiceError, match="the store has no slice of Sluice: its signature is none"):
        Stater(Signer(keys["ada"], "fleet")).read("slice", data)


def test_a_store_that_takes_no_decision_is_a_fault(slices: Slices, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was asked again and again, as fast as it answered."""
    shared = slices.slice("a", count=1)
    shared.join(hosts_of("a"), [["a1"]])
    monkeypatch.setattr(FileStore, "compare_and_set", lambda *_: None)
    with pytest.raises(SluiceError, match="takes no decision"):
        shared.decide(ROLLBACK, "a1 failed in bake")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"slices": 3}, r"rollout_slices: slices of a roll-out could end differently without a store"),
        ({"slice": 1}, r"rollout_slices: slices of a roll-out could end differently without a store"),
        ({"store": "file", "slice": 1}, r"rollout_slice: it says which slice this is, and not of how many"),
        ({"store": "file", "slices": 2, "slice": 3}, r"rollout_slice: slice 3 of 2 cannot be"),
        ({"store": "file", "slices": 2, "name": ""}, r"rollout_name: it is empty"),
        ({"store": {"user": "ann"}}, r"rollout_store.*url"),
        ({"store": {"url": "etcd://store", "pasword": "x"}}, r"rollout_store.*pasword"),
        ({"store": "carrier-pigeon"}, r"rollout_store: 'carrier-pigeon' is no store"),
        (
            {"store": {"url": "etcd+tls://store", "ca": "missing.pem"}},
            r"rollout_store.ca: .*missing.pem cannot be read",
        ),
    ],
)
def test_options_that_cannot_be_are_refused(tmp_path: Path, options: dict[str, Any], words: str) -> None:
    given = {"store": "", "slices": 0, "slice": 0, "name": "n", "slice_timeout": 1.0, **options}
    run = open_run(tmp_path / "runs")
    with pytest.raises(InputError, match=words):
        _opened(read_slices(given, {}, run, tmp_path, tmp_path))


def _opened(read: SliceOptions | None) -> object:
    assert read is not None
    return read.open()


def test_a_run_by_itself_reads_nothing(tmp_path: Path) -> None:
    given = {"store": "", "slices": 1, "slice": 0, "name": "", "slice_timeout": 1.0}
    assert read_slices(given, {}, open_run(tmp_path / "runs"), tmp_path, tmp_path) is None


AWX = {"awx_job_template_name": "deploy", "awx_workflow_job_name": "deploy", "awx_job_launch_type": "workflow"}


def test_a_job_slice_of_awx_without_a_store_is_refused() -> None:
    with pytest.raises(
        SluiceError, match=r"a slice of the job template 'deploy'.*set rollout_store and rollout_slices"
    ):
        refuse_sliced_job(AWX, has_store=False)
    with pytest.raises(SluiceError):
        refuse_sliced_job(AWX, has_store=True)


@pytest.mark.parametrize(
    ("variables", "has_store", "count"),
    [
        ({}, False, 0),
        (AWX, True, 3),
        (AWX, False, 1),
        ({**AWX, "awx_workflow_job_name": "release"}, False, 0),
        ({"awx_job_template_name": "deploy", "awx_job_launch_type": "manual"}, False, 0),
    ],
)
def test_any_other_job_is_not(variables: dict[str, str], has_store: bool, count: int) -> None:
    refuse_sliced_job(variables, has_store=has_store, count=count)


def test_the_name_is_that_of_the_workflow_job(tmp_path: Path) -> None:
    given = {"store": "file", "slices": 3, "slice": 0, "name": "", "slice_timeout": 1.0}
    read = read_slices(given, {**AWX, "awx_workflow_job_id": 42}, open_run(tmp_path / "runs"), tmp_path, tmp_path)
    assert read is not None
    assert (read.name, read.slices, read.number) == ("awx-42", 3, 0)


@pytest.mark.parametrize(
    ("store", "told"),
    [
        ("file", None),
        ("etcd://store", {"url": "etcd://store", "user": "", "password": "", "ca": ""}),
        ({"url": "etcd://store", "host_url": "none"}, None),
        # What runs write with never goes to hosts.
        ({"url": "nats://store", "user": "runs", "password": "hunter2"}, None),
        (
            {
                "url": "nats://store",
                "user": "runs",
                "password": "hunter2",
                "host_user": "hosts",
                "host_password": "read",
            },
            {"url": "nats://store", "user": "hosts", "password": "read", "ca": ""},
        ),
        (
            {"url": "nats://store", "host_url": "etcd://other"},
            {"url": "etcd://other", "user": "", "password": "", "ca": ""},
        ),
    ],
)
def test_hosts_are_told_what_they_need(tmp_path: Path, store: object, told: dict[str, str] | None) -> None:
    given = {"store": store, "slices": 2, "slice": 0, "name": "n", "slice_timeout": 1.0}
    read = read_slices(given, {}, open_run(tmp_path / "runs"), tmp_path, tmp_path)
    assert read is not None
    assert read.for_hosts() == told


@pytest.mark.parametrize("minutes", [-10, 10])
def test_clocks_are_not_compared(slices: Slices, monkeypatch: pytest.MonkeyPatch, minutes: int) -> None:
    """The one slice's clock is minutes off; what its threads say of times is nobody's to look at."""
    off: set[int] = set()

    def clock(later: float = 0.0) -> str:
        return now(later + minutes * 60 if threading.get_ident() in off else later)

    for module in (protocol, heartbeats, statements):
        monkeypatch.setattr(module, "now", clock)
    ends: dict[str, SharedDecision] = {}

    def astray() -> None:
        off.add(threading.get_ident())
        deploy(slices, "b", ends)

    at_once({"a": lambda: deploy(slices, "a", ends), "b": astray})
    assert {end.decision for end in ends.values()} == {CONFIRM}
    assert len(ends) == 2


class Counting:
    """A store that counts what it is asked."""

    def __init__(self, store: CoordinationStore) -> None:
        self._store = store
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        work = getattr(self._store, name)

        def asked(*arguments: Any) -> Any:
            self.asked.append(" ".join([name, *(str(each) for each in arguments[:1])]))
            return work(*arguments)

        return asked


def test_what_slices_have_stated_is_read_once(slices: Slices, monkeypatch: pytest.MonkeyPatch) -> None:
    shared, other = (slices.slice(name) for name in "ab")
    for name, each in (("a", shared), ("b", other)):
        each.join(hosts_of(name), [[host] for host in hosts_of(name)])
    step = slices.slice("a")
    step.begins(["a1"])
    step.acknowledge({"a1": ""}, well, quiet)
    store = Counting(step._store)
    monkeypatch.setattr(step, "_store", store)
    heartbeats = "entries release-7/heartbeats"
    assert step._look(1)[1] == ["slice 2 is at wave 1 of 2"]
    assert store.asked[-1] == heartbeats
    store.asked.clear()
    for _ in range(2):
        assert step._look(1)[1] == ["slice 2 is at wave 1 of 2"]
    assert store.asked == ["get release-7/decision", "get release-7/waves/2/1"] * 2
    other.begins(["b1"])
    other.acknowledge({"b1": ""}, well, quiet)
    assert step._look(1)[1] == []
    # Before it is decided that all confirm, heartbeats are looked at in any case.
    assert step._look(None)[1] == ["slice 1 is at wave 2 of 2", "slice 2 is at wave 2 of 2"]
    for each, host in ((step, "a2"), (other, "b2")):
        each.begins([host])
        each.acknowledge({host: ""}, well, quiet)
    step._look(None)
    assert store.asked[-1] == heartbeats


def test_a_step_verifies_nothing_that_one_before_has_verified(
    tmp_path: Path, keys: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    slices = Slices(tmp_path, keys["ada"])
    shared, other = (slices.slice(name) for name in "ab")
    for name, each in (("a", shared), ("b", other)):
        each.join(hosts_of(name), [[host] for host in hosts_of(name)])
    step = slices.slice("a")
    step._look(1)
    monkeypatch.setattr(statements, "_is_signed", lambda *_: pytest.fail("it was verified once more"))
    assert slices.slice("a")._look(1)[1] == ["slice 1 is at wave 1 of 2", "slice 2 is at wave 1 of 2"]
