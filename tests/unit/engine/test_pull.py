"""A host that pulls: what it tries, what it rolls back, what it refuses, and what it remembers of that."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.engine.host import kernel
from ansible_collections.sluice.nginx.plugins.module_utils.engine.pull import command, trial
from ansible_collections.sluice.nginx.plugins.module_utils.engine.pull.settings import PullSettings
from tests.unit.engine.pulling import Folder, PullingHost, make_key
from tests.unit.engine.simulation.crash import Crash, fsync, sync_filesystem
from tests.unit.engine.simulation.releases import release
from tests.unit.engine.simulation.truths import state_of, untrue
from tests.unit.engine.simulation.work import deploy


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    make_key(folder / "eve")
    return make_key(folder / "ann")


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, key: Path) -> PullingHost:
    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(kernel, "sync_filesystem", sync_filesystem)
    made = PullingHost(tmp_path / "host")
    made.trusts(key)
    return made


@pytest.fixture
def folder(tmp_path: Path, key: Path, host: PullingHost) -> Folder:
    return Folder(tmp_path / "published", key, host)


def live(host: PullingHost) -> str:
    state = state_of(host)
    assert state["pending"] is None
    assert untrue(host) == []
    return str(state["live"])


def test_what_is_published_is_tried_and_confirmed_and_then_let_alone(host: PullingHost, folder: Folder) -> None:
    folder.publish("a")
    looked = host.look(folder.url)
    assert (looked.good, looked.restart) == (True, False), looked.words
    assert live(host) == release("a").id == state_of(host)["confirmed"]["release"]
    before = state_of(host)
    again = host.look(folder.url)
    assert again.good
    assert "serves, confirmed" in again.words
    assert state_of(host) == before
    folder.publish("b")
    assert host.look(folder.url).good
    assert live(host) == release("b").id
    assert host.watchdogs() == []


def test_what_a_run_pushed_and_published_is_served_already(host: PullingHost, folder: Folder) -> None:
    host.layout.allowed_signers.rename(host.layout.allowed_signers.with_suffix(".off"))
    deploy(host, "a")
    host.layout.allowed_signers.with_suffix(".off").rename(host.layout.allowed_signers)
    before = state_of(host)
    folder.publish("a")
    assert host.look(folder.url).good
    assert state_of(host)["confirmed"] == before["confirmed"]


@pytest.mark.parametrize("behaviour", ["refused", "unbindable", "ignored", "dying", "wrong", "silent"])
def test_a_bad_release_is_rolled_back_and_not_tried_again(host: PullingHost, folder: Folder, behaviour: str) -> None:
    folder.publish("a")
    assert host.look(folder.url).good
    folder.publish("bad", behaviour)
    looked = host.look(folder.url)
    assert not looked.good
    assert "failed and is not tried again until a newer one is published" in looked.words
    assert live(host) == release("a").id
    journal = host.layout.journal.read_text()
    for _ in range(3):
        host.clock.pass_(600)
        assert not host.look(folder.url).good
    assert host.layout.journal.read_text() == journal
    assert host.pulled()["trials"] == 1
    status = host.ask_engine("status", "s")
    # The timer is not installed here, so nothing of pull is told.
    assert "pull" not in status
    # A person may try it once more, and something newer is tried by itself.
    assert not host.look(folder.url, again=True).good
    assert host.layout.journal.read_text() != journal
    host.clock.pass_(30)
    folder.publish("c")
    assert host.look(folder.url).good
    assert live(host) == release("c").id


def test_a_host_that_cannot_verify_takes_nothing(host: PullingHost, folder: Folder) -> None:
    folder.publish("a")
    host.layout.allowed_signers.unlink()
    looked = host.look(folder.url)
    assert not looked.good
    assert "takes signed releases only by pull, and cannot verify any" in looked.words
    assert "sluice.nginx.trust" in looked.words
    assert state_of(host)["releases"] == {} if host.layout.state.exists() else True


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


HARMS: dict[str, tuple[Callable[[Folder, dict[str, Any], Path], object], str]] = {
    "a stranger's": (
        lambda folder, was, key: folder.publish("b", key=key.with_name("eve")),
        "is signed with a key that this host does not allow",
    ),
    "unsigned": (
        lambda folder, was, key: folder.write({**json.loads(folder.document.read_text()), "signature": ""}),
        "the publication is not signed",
    ),
    "a downgrade": (
        lambda folder, was, key: folder.publish("b", number=was["number"] - 1),
        "what is published is older than what this host has taken",
    ),
    "another release with the same number": (
        lambda folder, was, key: folder.publish("b", number=was["number"]),
        "what is published is older than what this host has taken",
    ),
    "of another fleet": (
        lambda folder, was, key: folder.publish("b", inventory="staging"),
        "the publication was signed for another inventory",
    ),
    "of another host": (
        lambda folder, was, key: folder.publish("b", target="edge2"),
        "what is published was signed for another host",
    ),
    "expired": (
        lambda folder, was, key: folder.publish("b", expires="2020-01-01T00:00:00.000Z"),
        "what is published expired at 2020-01-01",
    ),
    "of the future": (
        lambda folder, was, key: folder.publish("b", number=1 << 60),
        "the publication comes from the future",
    ),
    "of another kind": (
        lambda folder, was, key: folder.publish("b", kind="gates"),
        "is no statement about a release",
    ),
    "of another form": (lambda folder, was, key: folder.publish("b", bundle=7), "has another form"),
    "with odd times": (lambda folder, was, key: folder.publish("b", bake=-1), "has another form"),
    "truncated": (
        lambda folder, was, key: folder.document.write_text(folder.document.read_text()[:-9]),
        "cannot be read",
    ),
    "no object": (lambda folder, was, key: folder.write([1]), "cannot be read"),
    "nested too deeply": (
        lambda folder, was, key: folder.document.write_text("[" * 100_000),
        "cannot be read",
    ),
    "endless": (
        lambda folder, was, key: folder.document.write_text(" " * (300 << 10)),
        "more than 262144 bytes",
    ),
    "gone": (lambda folder, was, key: folder.document.unlink(), "cannot be read"),
    "a pipe": (
        lambda folder, was, key: _pipe(folder.document),
        "regular file",
    ),
}


@pytest.mark.parametrize("harm", HARMS)
def test_a_hostile_document_changes_nothing(host: PullingHost, folder: Folder, key: Path, harm: str) -> None:
    was = folder.publish("a")
    assert host.look(folder.url).good
    before = state_of(host)
    change, words = HARMS[harm]
    change(folder, was, key)
    looked = host.look(folder.url)
    assert not looked.good
    assert words in looked.words
    assert state_of(host) == before
    # What became of the release before is known still, and why the look came to nothing.
    assert (host.pulled()["outcome"], words in host.pulled()["trouble"]) == ("serves", True)
    folder.publish("c", number=was["number"] + 9)
    assert host.look(folder.url).good
    assert host.pulled()["trouble"] == ""


def test_another_file_than_was_signed_is_not_unpacked(host: PullingHost, folder: Folder) -> None:
    statement = folder.publish("a")
    bundle = folder.root / "content" / f"{statement['bundle']['sha256']}.tar.gz"
    data = bundle.read_bytes()
    for bad in (data[:-1], data + b"x", data[:-1] + b"x", b""):
        bundle.write_bytes(bad)
        looked = host.look(folder.url, again=True)
        assert not looked.good
        assert "is not the file that was published" in looked.words or "more than" in looked.words
    assert host.pulled()["outcome"] == "refused"
    bundle.write_bytes(data)
    assert host.look(folder.url, again=True).good


def test_what_is_refused_before_a_switch_is_tried_again_a_few_times(host: PullingHost, folder: Folder) -> None:
    statement = folder.publish("a")
    (folder.root / "content" / f"{statement['bundle']['sha256']}.tar.gz").unlink()
    assert "1 of 10 times" in host.look(folder.url).words
    # Not with each look: the pauses double.
    assert "1 of 10 times" in host.look(folder.url).words
    for _ in range(12):
        host.clock.pass_(3601)
        last = host.look(folder.url)
    assert "it was refused 10 times" in last.words
    assert (host.pulled()["attempts"], host.pulled()["outcome"]) == (10, "failed")


def test_a_clock_that_ran_ahead_keeps_nothing_out_for_as_long(host: PullingHost, folder: Folder) -> None:
    statement = folder.publish("a")
    bundle = folder.root / "content" / f"{statement['bundle']['sha256']}.tar.gz"
    bundle.rename(folder.root / "aside")
    host.clock.offset += 20 * 3600
    assert "1 of 10 times" in host.look(folder.url).words
    host.clock.offset -= 20 * 3600
    (folder.root / "aside").rename(bundle)
    assert host.look(folder.url).good


def test_on_a_full_disk_it_is_said_what_is_wrong(
    host: PullingHost, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.publish("a")

    def full(path: Path, *_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with monkeypatch.context() as disk:
        disk.setattr(host, "write", full)
        looked = host.look(folder.url)
    assert not looked.good
    assert "No space left on device" in looked.words
    assert host.look(folder.url).good


def test_what_a_look_warns_of_is_said(
    host: PullingHost, folder: Folder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.publish("a")
    assert host.look(folder.url).good
    host.layout.state.write_text("{")
    folder.publish("b")
    assert command._look(host, host.layout, PullSettings(folder.url, "edge1"), again=False) == 0
    *warnings, last = capsys.readouterr().out.splitlines()
    assert "state.json was damaged; it was rebuilt" in " ".join(warnings)
    assert "serves, confirmed" in last


def test_a_window_that_is_closed_is_waited_for_and_costs_no_attempt(host: PullingHost, folder: Folder) -> None:
    freeze = {"from": "2026-01-01T00:00:00.000Z", "to": "2026-03-01T12:00:00.000Z", "reason": "the fair"}
    folder.publish("a", freezes=[freeze])
    for _ in range(12):
        looked = host.look(folder.url)
        assert looked.good
        assert "waits: there is a freeze until" in looked.words
        host.clock.pass_(600)
    assert (host.pulled()["attempts"], host.pulled()["outcome"]) == (0, "waits")
    host.clock.pass_(12 * 3600)
    assert host.look(folder.url).good
    assert live(host) == release("a").id


def down(*_: Any) -> None:
    raise Crash


def test_the_policy_of_the_host_holds_as_for_a_push(
    host: PullingHost, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = host.layout.allowed_signers.with_name("policy.json")
    policy.write_text(json.dumps({"approvals": 1, "approvers": ["bob"]}))
    folder.publish("a")
    for _ in range(4):
        looked = host.look(folder.url)
        assert not looked.good
        assert "this host takes a release with more approvals only" in looked.words
        host.clock.pass_(3601)
    # That was no trial, and none that was cut short.
    assert (host.pulled()["attempts"], host.pulled()["trials"]) == (4, 0)
    policy.unlink()
    with monkeypatch.context() as broken:
        broken.setattr(trial._PullLook, "_bake", down)
        with pytest.raises(Crash):
            host.look(folder.url)
    host.reboot()
    host.wait(60)
    assert host.look(folder.url).good


def test_the_first_hosts_try_it_and_others_wait(host: PullingHost, folder: Folder) -> None:
    folder.publish("a", canary={"percent": 0, "minutes": 30})
    # Who joins waits for nobody.
    assert host.look(folder.url).good
    assert live(host) == release("a").id
    folder.publish("b", canary={"percent": 0, "minutes": 30})
    looked = host.look(folder.url)
    assert "waits: the first 0 % of the hosts try it" in looked.words
    host.clock.pass_(31 * 60)
    assert host.look(folder.url).good
    assert live(host) == release("b").id


def test_what_somebody_else_has_pending_is_waited_for(host: PullingHost, folder: Folder) -> None:
    host.layout.allowed_signers.rename(host.layout.allowed_signers.with_suffix(".off"))
    deploy(host, "a")
    from tests.unit.engine.simulation.work import push

    assert push(host, "run b", "b")["ok"]
    host.layout.allowed_signers.with_suffix(".off").rename(host.layout.allowed_signers)
    folder.publish("c")
    assert "of run run b is pending here" in host.look(folder.url).words
    host.wait(60)
    assert host.look(folder.url).good
    assert live(host) == release("c").id


def test_a_look_that_dies_at_any_step_leaves_a_host_that_goes_on(host: PullingHost, folder: Folder) -> None:
    folder.publish("a")
    assert host.look(folder.url).good
    folder.publish("b")
    prepared = host.saved()
    host.restore(prepared)
    with host.crashing() as steps:
        assert host.look(folder.url).good
    for after in range(0, steps.taken, 9):
        host.restore(prepared)
        try:
            with host.crashing(after):
                host.look(folder.url)
        except Crash:
            pass
        host.wait(200)
        assert live(host) in (release("a").id, release("b").id), after
        host.clock.pass_(3600)
        assert host.look(folder.url).good, (after, host.pulled())
        assert live(host) == release("b").id


def test_a_trial_that_takes_the_machine_down_is_not_tried_for_ever(
    host: PullingHost, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.publish("a")
    assert host.look(folder.url).good
    folder.publish("b")
    with monkeypatch.context() as broken:
        broken.setattr(trial._PullLook, "_bake", down)
        for _ in range(3):
            with pytest.raises(Crash):
                host.look(folder.url)
            host.reboot()
            host.wait(60)
            assert live(host) == release("a").id
        looked = host.look(folder.url)
    assert "its trial was cut short 3 times" in looked.words
    assert not host.look(folder.url).good
