"""Sluice leaves a host: what is then there, what stops it, and what comes back when it fails."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.engine.host.system import System
from ansible_collections.sluice.nginx.plugins.module_utils.engine.main import handle
from ansible_collections.sluice.nginx.plugins.module_utils.engine.session import Session
from ansible_collections.sluice.nginx.plugins.module_utils.engine.store import Layout
from ansible_collections.sluice.nginx.plugins.module_utils.engine.trees.directory import (
    directory_problems,
    make_directory,
    put_directory,
)
from tests.unit.engine.simulation.host import SimulatedHost
from tests.unit.engine.simulation.releases import release
from tests.unit.engine.simulation.truths import serves, state_of, untrue
from tests.unit.engine.simulation.work import confirm, deploy, leave, push, rewrite

NewHost = Callable[..., SimulatedHost]

ANY_DEADLINE = 200


def listed(host: SimulatedHost) -> dict[str, tuple[int, str]]:
    """Everything of the host but its processes and logs: mode, and target or content."""
    found = {}
    for top in ("etc", "var/lib", "run", "usr"):
        for path in sorted((host.root / top).rglob("*")):
            what = os.readlink(path) if path.is_symlink() else "" if path.is_dir() else path.read_text("latin-1")
            found[str(path.relative_to(host.root))] = (path.lstat().st_mode, what)
    return found


def trust(host: SimulatedHost) -> None:
    """As sluice.nginx.trust leaves a host."""
    for path in (host.layout.allowed_signers, host.layout.own / "current", host.layout.own / "engine/d/x.py"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("text")
    host.layout.command.parent.mkdir(parents=True, exist_ok=True)
    host.layout.command.write_text("#!/usr/bin/python3 -IS\n")


def words(answer: dict[str, Any]) -> str:
    return " ".join(str(value) for problem in answer["problems"] for value in problem.values())


@pytest.mark.parametrize("can", [{}, {"exchanges": False}, {"has_systemd": False}, {"namespaces": False}])
def test_nothing_of_sluice_stays_and_nginx_is_told_nothing(new_host: NewHost, can: dict[str, bool]) -> None:
    host = new_host(**can)
    (host.root / "usr/local/sbin").mkdir(parents=True)
    (host.root / "usr/local/lib").mkdir()
    before = listed(host)
    deploy(host, "a", "b")
    trust(host)
    workers, tree = [worker.pid for worker in host.nginx.serving], serves(host)
    answer = leave(host)
    assert (answer["ok"], answer["changed"], answer["release"]) == (True, True, release("b").id), answer["problems"]
    assert str(host.layout.root) in answer["removed"]
    assert [worker.pid for worker in host.nginx.serving] == workers
    assert serves(host) == tree
    # A watchdog that is a process sees by itself that it is not needed, and leaves nothing either.
    host.wait(ANY_DEADLINE)
    after = listed(host)
    own = {path for path in before.keys() | after.keys() if path.startswith("etc/nginx/")}
    assert {path: after[path] for path in after.keys() - own} == {path: before[path] for path in before.keys() - own}
    assert host.watchdogs() == []


def test_a_host_that_was_left_is_left_alone_and_takes_a_release_again(new_host: NewHost) -> None:
    host = new_host()
    deploy(host, "a")
    assert leave(host)["ok"]
    before = listed(host)
    again = leave(host)
    assert (again["ok"], again["changed"], again["removed"], again["release"]) == (True, False, [], None)
    assert listed(host) == before
    deploy(host, "b")
    assert untrue(host) == []
    origins = {record["origin"] for record in state_of(host)["releases"].values()}
    assert origins == {"adopted", "pushed"}


def test_a_look_says_what_would_go_and_writes_nothing(new_host: NewHost) -> None:
    host = new_host()
    deploy(host, "a")
    trust(host)
    before = listed(host)
    looked = leave(host, looking=True)
    assert listed(host) == before
    assert (looked["ok"], looked["changed"], looked["release"]) == (True, False, release("a").id)
    assert looked["removed"] == leave(host)["removed"]


def test_a_leave_that_was_cut_short_is_done_by_the_next(new_host: NewHost) -> None:
    host = new_host()
    deploy(host, "a")
    trust(host)
    prepared = host.saved()
    host.restore(prepared)
    with host.crashing() as steps:
        leave(host)
    count, gone = steps.taken, listed(host)
    for after in range(0, count, 3):
        host.restore(prepared)
        with host.crashing(after):
            leave(host)
        answer = leave(host)
        assert answer["ok"], (after, answer["problems"])
        left = {path: value for path, value in listed(host).items() if value != gone.get(path)}
        assert left == {}, after
        host.wait(ANY_DEADLINE)
        assert (host.nginx.master is not None, host.watchdogs()) == (True, [])


def test_a_pending_release_is_in_the_way(new_host: NewHost) -> None:
    host = new_host()
    deploy(host, "a")
    assert push(host, "r", "b")["ok"]
    for answer in (leave(host, looking=True), leave(host)):
        assert not answer["ok"]
        assert "the host has a pending release" in words(answer)
        assert "sluice.nginx.unlock" in words(answer)
    assert confirm(host, "r", "b")["ok"]
    assert leave(host)["ok"]


def test_a_run_that_holds_the_host_is_in_the_way(new_host: NewHost) -> None:
    host = new_host()
    deploy(host, "a")
    with (host.layout.root / "lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.truncate()
        lock.write('{"who": "bob", "from": "desk", "id": "r9", "operation": "bake", "since": "now"}')
        lock.flush()
        for answer in (leave(host, looking=True), leave(host)):
            assert "another operation holds this host" in words(answer)
            assert "bob from desk (run r9, bake since now)" in words(answer)
    assert host.layout.linked() == release("a").id


def test_drift_is_in_the_way_unless_it_is_to_stay(new_host: NewHost) -> None:
    host = new_host()
    deploy(host, "a")
    rewrite(host)
    refused = leave(host)
    assert "conf.d/packaged.conf (added)" in words(refused)
    assert "-e rollout_drift=adopt leaves them as they are now" in words(refused)
    assert leave(host, drift="adopt")["ok"]
    assert (host.layout.conf / "conf.d/packaged.conf").read_text() == "gzip on;\n"
    assert not host.layout.root.exists()


def test_a_configuration_that_nginx_refuses_is_in_the_way(new_host: NewHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host = new_host()
    deploy(host, "a")
    monkeypatch.setattr(host.nginx, "test", lambda tree: "nginx: [emerg] no certificate")
    assert "nginx refuses /etc/nginx (nginx -t)" in words(leave(host, looking=True))
    assert host.layout.linked() == release("a").id


def test_nginx_that_does_not_run_is_not_in_the_way(new_host: NewHost) -> None:
    host = new_host()
    deploy(host, "a")
    host.nginx.stop()
    assert leave(host)["ok"]
    assert not host.layout.conf.is_symlink()
    assert host.nginx.master is None


@pytest.mark.parametrize("fault", ["refused in its place", "a check", "a reload"])
def test_a_directory_that_is_not_as_good_becomes_a_link_again(
    new_host: NewHost, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    host = new_host()
    deploy(host, "a")

    def is_directory() -> bool:
        return not host.layout.conf.is_symlink()

    if fault == "refused in its place":
        said = "nginx: [emerg] no certificate"
        monkeypatch.setattr(host.nginx, "test", lambda tree: said if is_directory() else "")
    elif fault == "a check":
        ask: Any = host.ask
        broken = {"ok": False, "problems": ["status 403"], "status": 403}
        monkeypatch.setattr(
            host, "ask", lambda *given: [{**each, **(broken if is_directory() else {})} for each in ask(*given)]
        )
    else:
        exchange = host.exchange

        def reloaded(one: Path, other: Path) -> None:
            exchange(one, other)
            assert host.nginx.master is not None
            host.nginx.reload(host.nginx.master.pid)
            host.clock.pass_(5.0)

        monkeypatch.setattr(host, "exchange", reloaded)
    answer = leave(host)
    expected = {"refused in its place": "nginx -t", "a check": "status 403", "a reload": "somebody else reloaded"}
    assert expected[fault] in words(answer)
    monkeypatch.undo()
    assert host.layout.linked() == release("a").id
    assert untrue(host) == []
    assert not list(host.layout.conf.parent.glob(".nginx*"))


def test_a_check_that_never_held_is_not_in_the_way(new_host: NewHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host = new_host()
    deploy(host, "a")
    ask: Any = host.ask
    broken = {"ok": False, "problems": ["status 502"], "status": 502}
    monkeypatch.setattr(host, "ask", lambda *given: [{**each, **broken} for each in ask(*given)])
    assert leave(host)["ok"]


def test_the_hosts_own_engine_does_not_remove_itself(new_host: NewHost) -> None:
    host = new_host()
    deploy(host, "a")
    for more in ({}, {"looking": True}):
        run = {"id": "leave", "who": "eve", "from": "attic"}
        answer = handle({"op": "leave", "run": run, **more}, b"", host, host.layout, own=True)
        assert "-e rollout_engine_command=" in words(answer)
    assert host.layout.linked() == release("a").id


def test_what_others_made_for_sluice_is_named_and_stays(new_host: NewHost) -> None:
    host = new_host()
    deploy(host, "a")
    etc, home = host.root / "etc", host.root / "root"
    (etc / "sudoers.d").mkdir()
    (etc / "sudoers.d/sluice").write_text(f'deploy ALL=(root) NOPASSWD: {host.layout.command} ""\n')
    (etc / "sudoers.d/other").write_text("ada ALL=(root) ALL\n")
    (etc / "passwd").write_text(f"root:x:0:0:root:{home}:/bin/bash\n")
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh/authorized_keys").write_text(f'command="{host.layout.command}",restrict ssh-ed25519 AAAA\n')
    host.layout.own.mkdir(parents=True)
    (host.layout.own / "metrics.pyz").write_text("")
    answer = leave(host)
    assert answer["left"] == [
        f"{etc}/sudoers.d/sluice names {host.layout.command}; remove that line",
        f"{home}/.ssh/authorized_keys names {host.layout.command}; remove that line",
        "the exporters of the role monitor are here; run sluice.nginx.leave with -e leave_monitor=true",
    ]
    assert (etc / "sudoers.d/sluice").exists()
    assert (host.layout.own / "metrics.pyz").exists()


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """A host with a live release whose ``ssl`` is kept outside of it, and a key in that."""
    session = Session(System(), Layout(tmp_path / "sluice", tmp_path / "etc/nginx"), {"id": "r1"})
    tree, kept = session.layout.releases / ("a" * 64), session.layout.shared
    (Path(tree) / "conf.d").mkdir(parents=True, mode=0o750)
    (Path(tree) / "nginx.conf").write_text(f"# not {session.layout.root}/x\nevents {{}}\n")
    (Path(tree) / "ssl").symlink_to(f"{kept}/ssl")
    (Path(tree) / "cert.pem").symlink_to(f"{kept}/ssl/shop.pem")
    (Path(tree) / "modules").symlink_to("/usr/lib/nginx/modules")
    (Path(kept) / "ssl").mkdir(parents=True, mode=0o700)
    (Path(kept) / "ssl/shop.pem").write_text("certificate")
    (Path(kept) / "ssl/shop.key").write_text("key")
    (Path(kept) / "ssl/shop.key").chmod(0o600)
    Path(session.layout.conf).parent.mkdir(parents=True)
    Path(session.layout.conf).symlink_to(tree)
    return session


def test_what_is_kept_comes_back_to_its_place(session: Session, tmp_path: Path) -> None:
    assert directory_problems(session) == []
    put_directory(session, make_directory(session))
    conf = tmp_path / "etc/nginx"
    assert not conf.is_symlink()
    assert sorted(str(path.relative_to(conf)) for path in conf.rglob("*")) == [
        "cert.pem", "conf.d", "modules", "nginx.conf", "ssl", "ssl/shop.key", "ssl/shop.pem",
    ]  # fmt: skip
    modes = {name: (conf / name).lstat().st_mode & 0o7777 for name in ("conf.d", "ssl", "ssl/shop.key")}
    assert modes == {"conf.d": 0o750, "ssl": 0o700, "ssl/shop.key": 0o600}
    assert not (conf / "ssl").is_symlink()
    assert os.readlink(conf / "cert.pem") == f"{conf}/ssl/shop.pem"
    assert os.readlink(conf / "modules") == "/usr/lib/nginx/modules"
    assert (conf / "cert.pem").read_text() == "certificate"
    assert [path.name for path in conf.parent.iterdir()] == ["nginx"]


def test_what_is_kept_and_not_in_use_is_not_lost(session: Session) -> None:
    (Path(session.layout.shared) / "old").mkdir()
    (Path(session.layout.shared) / "old/htpasswd").write_text("ada:x")
    (problem,) = directory_problems(session)
    assert "they would be lost" in problem.what
    assert problem.actual == f"{session.layout.shared}/old/htpasswd"


def test_a_release_that_needs_the_folder_is_named(session: Session) -> None:
    tree = Path(session.layout.conf.resolve())
    (tree / "conf.d/a.conf").write_text(f"server {{\nssl_certificate {session.layout.shared}/ssl/shop.pem;\n}}\n")
    (tree / "stray").symlink_to(f"{session.layout.root}/other/x")
    (problem,) = directory_problems(session)
    assert problem.actual == f"stray leads to {session.layout.root}/other/x, conf.d/a.conf:2"


def test_a_tree_that_changes_meanwhile_is_not_taken(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = session.system.copy

    def changed(source: Path, target: Path) -> None:
        copy(source, target)
        (Path(session.layout.conf) / "nginx.conf").write_text("# another\n")

    monkeypatch.setattr(session.system, "copy", changed)
    with pytest.raises(Exception, match=r"nginx\.conf was changed meanwhile"):
        make_directory(session)
    assert Path(session.layout.conf).is_symlink()
