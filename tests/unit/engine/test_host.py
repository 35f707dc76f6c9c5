"""What is read from /proc, from the store, and what is said when something is wrong."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.engine.host import command
from ansible_collections.sluice.nginx.plugins.module_utils.engine.host.binary import opened_binary
from ansible_collections.sluice.nginx.plugins.module_utils.engine.host.nginx import Build, expected_workers, own_logs
from ansible_collections.sluice.nginx.plugins.module_utils.engine.host.processes import (
    Master,
    Worker,
    find_masters,
    find_orphans,
    is_alive,
    look_for_masters,
    open_logs,
    started_at,
    workers_of,
)
from ansible_collections.sluice.nginx.plugins.module_utils.engine.host.system import Bind, NoNamespace, System
from ansible_collections.sluice.nginx.plugins.module_utils.engine.host.trust import exe_of, process_fault
from ansible_collections.sluice.nginx.plugins.module_utils.engine.logs import logs_of
from ansible_collections.sluice.nginx.plugins.module_utils.engine.main import handle
from ansible_collections.sluice.nginx.plugins.module_utils.engine.session import Fault, Problem, Session, problems_of
from ansible_collections.sluice.nginx.plugins.module_utils.engine.store import Layout, Locked
from ansible_collections.sluice.nginx.plugins.module_utils.nginx_build import read_build

MASTER = "nginx: master process /usr/sbin/nginx"
ID = "abc" * 21 + "a"


class Proc:
    """A made-up /proc."""

    def __init__(self, root: Path) -> None:
        self.root = root / "proc"
        self.nginx = root / "usr/sbin/nginx"
        self.nginx.parent.mkdir(parents=True)
        self.nginx.touch()
        for place in (self.nginx, *self.nginx.parents[:3]):
            place.chmod(0o755)
        self.add(1, 0, "init")
        (self.root / "self").symlink_to("1")

    def add(
        self,
        pid: int,
        parent: int,
        title: str,
        start: int = 5,
        namespace: str = "pid:[1]",
        state: str = "S",
        user: tuple[int, int] = (os.geteuid(), os.geteuid()),
        exe: str = "",
        root: str = "/",
    ) -> None:
        folder = self.root / str(pid)
        (folder / "ns").mkdir(parents=True)
        (folder / "ns" / "pid").symlink_to(namespace)
        (folder / "root").symlink_to(root)
        (folder / "exe").symlink_to(exe or self.nginx)
        real, effective = user
        (folder / "status").write_text(f"Name:\tUid:\t9\nUid:\t{real}\t{effective}\t9\t9\n")
        (folder / "cmdline").write_bytes(title.encode() + b"\0\0")
        fields = [state, str(parent), *(["0"] * 17), str(start), "0"]
        (folder / "stat").write_text(f"{pid} (a ) name) {' '.join(fields)}\n")


@pytest.fixture
def proc(tmp_path: Path) -> Proc:
    return Proc(tmp_path)


def test_masters_of_other_containers_are_not_ours(proc: Proc) -> None:
    proc.add(100, 1, MASTER)
    proc.add(200, 1, MASTER, namespace="pid:[2]")
    proc.add(300, 1, "vim nginx: master process")
    assert [master.pid for master in find_masters(proc.root)] == [100]


OTHER = os.geteuid() + 1000
ME = os.geteuid()


@pytest.mark.parametrize(
    ("process", "why"),
    [
        ({"user": (OTHER, OTHER)}, f"user {OTHER} runs it"),
        # A program of root's that anybody may start has root's rights, and not root as its user.
        ({"user": (OTHER, ME)}, f"user {ME}, {OTHER} runs it"),
        ({"user": (ME, OTHER)}, f"user {ME}, {OTHER} runs it"),
        ({"exe": "/usr/bin/python3"}, "which is not nginx's"),
        ({"root": "/usr"}, "another root directory"),
        ({"exe": "/nowhere/nginx"}, "cannot be looked at"),
    ],
)
def test_a_master_that_only_says_so_is_left_out(proc: Proc, process: dict[str, Any], why: str) -> None:
    proc.add(100, 1, MASTER)
    proc.add(200, 1, MASTER, **process)
    masters, strangers = look_for_masters(proc.root)
    assert [master.pid for master in masters] == [100]
    assert [stranger.pid for stranger in strangers] == [200]
    assert why in strangers[0].why


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o757, 0o1777])
@pytest.mark.parametrize("place", ["nginx", "sbin", "usr"])
def test_a_binary_that_others_can_change_is_not_nginxs(proc: Proc, place: str, mode: int) -> None:
    where = {"nginx": proc.nginx, "sbin": proc.nginx.parent, "usr": proc.nginx.parent.parent}[place]
    where.chmod(mode)
    proc.add(100, 1, MASTER)
    masters, strangers = look_for_masters(proc.root)
    assert masters == []
    assert f"can be written by others than root (mode {mode:04o})" in strangers[0].why


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("place", ["nginx", "sbin"])
def test_a_binary_of_another_user_is_not_nginxs(proc: Proc, place: str) -> None:
    os.chown(proc.nginx if place == "nginx" else proc.nginx.parent, OTHER, OTHER)
    proc.add(100, 1, MASTER)
    assert find_masters(proc.root) == []


def test_a_binary_that_an_upgrade_replaced_is_still_nginx(tmp_path: Path) -> None:
    """A real process, whose binary is removed while it runs."""
    binary = tmp_path / "nginx"
    shutil.copy("/bin/sleep", binary)
    with subprocess.Popen([binary, "600"]) as running:
        try:
            assert exe_of("/proc", running.pid) == (str(binary), False)
            binary.unlink()
            assert exe_of("/proc", running.pid) == (str(binary), True)
            assert process_fault("/proc", running.pid) == ""
            binary.write_text("#!/bin/sh\necho the wrong one\n")
            binary.chmod(0o755)
            started = started_at(Path("/proc"), running.pid)
            assert started is not None
            master = Master(running.pid, started, MASTER, str(binary), replaced=True)
            with opened_binary(session_at(tmp_path), master) as found:
                ran = System().run([found.path, "--version"], 10, program=found.descriptor)
            assert "sleep" in ran.output
            with (
                pytest.raises(Fault, match="was replaced"),
                opened_binary(session_at(tmp_path), master._replace(started=started - 1)),
            ):
                pass
        finally:
            running.kill()


def test_workers_are_children_of_their_master(proc: Proc) -> None:
    proc.add(100, 1, MASTER)
    proc.add(101, 100, "nginx: worker process", user=(OTHER, OTHER))
    proc.add(102, 1, "nginx: worker process", user=(OTHER, OTHER))
    found = workers_of(proc.root, find_masters(proc.root)[0], frozenset([102]))
    assert [worker.pid for worker in found] == [101]


def test_orphans_are_workers_of_nginx_without_any_master(proc: Proc) -> None:
    proc.add(100, 1, MASTER)
    proc.add(101, 100, "nginx: worker process")
    proc.add(102, 1, "nginx: worker process", user=(OTHER, OTHER))
    # Those of somebody's own nginx, and what only calls itself so.
    proc.add(200, 1, MASTER, user=(OTHER, OTHER))
    proc.add(201, 200, "nginx: worker process", user=(OTHER, OTHER))
    proc.add(202, 1, "nginx: worker process", user=(OTHER, OTHER), exe="/bin/sh")
    assert [worker.pid for worker in find_orphans(proc.root)] == [102]


def test_workers_and_what_they_do(proc: Proc) -> None:
    proc.add(100, 1, MASTER)
    proc.add(101, 100, "nginx: worker process", start=7)
    proc.add(102, 100, "nginx: worker process is shutting down")
    proc.add(103, 100, "nginx: cache manager process")
    proc.add(104, 100, "nginx: worker process", state="Z")
    proc.add(105, 1, "nginx: worker process")
    master = find_masters(proc.root)[0]
    assert workers_of(proc.root, master) == [Worker(101, 7, False), Worker(102, 5, True)]
    assert is_alive(proc.root, master)
    assert not is_alive(proc.root, master._replace(started=6))


def test_angies_titles_say_the_same_in_other_words(proc: Proc) -> None:
    angie = proc.nginx.with_name("angie")
    angie.touch(mode=0o755)
    angie.chmod(0o755)
    title = "angie: master process v1.9.0 PRO #3 [/usr/sbin/angie -c /etc/angie/angie.conf -g daemon off;]"
    proc.add(100, 1, title, exe=str(angie))
    proc.add(101, 100, "angie: worker process #3", start=7, exe=str(angie))
    proc.add(102, 100, "angie: worker process is shutting down #2", exe=str(angie))
    proc.add(103, 1, "angie: worker process #1", exe=str(angie))
    (master,) = find_masters(proc.root)
    assert (master.config, master.globals) == ("/etc/angie/angie.conf", "daemon off;")
    assert workers_of(proc.root, master) == [Worker(101, 7, False), Worker(102, 5, True)]
    assert [worker.pid for worker in find_orphans(proc.root)] == [103]
    started_so = master._replace(title="angie: master process v1.8.0 #1 [/usr/sbin/angie]")
    assert (started_so.config, started_so.globals) == ("", "")


@pytest.mark.parametrize(
    ("arguments", "config", "directives"),
    [
        ("", "", ""),
        (" -g daemon on; master_process on;", "", "daemon on; master_process on;"),
        (" -c /tmp/n.conf -g daemon off;", "/tmp/n.conf", "daemon off;"),
        (" -g daemon off; -c /tmp/n.conf", "/tmp/n.conf", "daemon off;"),
    ],
)
def test_how_a_master_was_started(arguments: str, config: str, directives: str) -> None:
    master = Master(1, 1, MASTER + arguments, "")
    assert (master.config, master.globals) == (config, directives)


@pytest.mark.parametrize(
    ("arguments", "facts", "expected"),
    [
        ("", {"worker_processes": "3"}, {3}),
        # As in the facts of what was adopted: any number is right.
        ("", {"worker_processes": None}, set()),
        (" -g worker_processes 4; daemon off;", {"worker_processes": "1"}, {4}),
        (" -g worker_processes_x 4;", {"worker_processes": "1"}, {1}),
        (" -g worker_processes;", {"worker_processes": "1"}, {1}),
    ],
)
def test_how_many_workers_are_expected(arguments: str, facts: Any, expected: set[int]) -> None:
    assert expected_workers(Master(1, 1, MASTER + arguments, ""), facts) == expected


def test_where_a_release_names_no_log_the_binary_knows_its_own(tmp_path: Path) -> None:
    said = f"nginx version: openresty/1.27\nconfigure arguments: --prefix={tmp_path} --http-log-path=/l/access.log"
    own = read_build(said)
    assert own
    built = Build(own.version, "", "", "", (), "", "", own)
    debian = str(tmp_path / "debian.log")
    facts = {"error_logs": [debian], "access_logs": [debian, "/a"], "own_logs": {"error_logs": [debian, "logs/b.log"]}}
    assert own_logs(facts, built) == {  # type: ignore[arg-type]
        "error_logs": [f"{tmp_path}/logs/b.log", f"{tmp_path}/logs/error.log"],
        "access_logs": ["/a", debian],
    }
    (tmp_path / "debian.log").touch()
    facts["own_logs"] = {"access_logs": [debian]}
    found = own_logs(facts, built)  # type: ignore[arg-type]
    assert found == {"error_logs": [debian], "access_logs": ["/a", "/l/access.log", debian]}
    assert logs_of({"facts": facts, "logs": found}, "access_logs") == {"/a", "/l/access.log", debian}
    assert logs_of({"facts": facts, "logs": own_logs({}, built)}, "access_logs") == {"/a", debian}


def test_logs_are_the_files_that_are_open_for_appending(tmp_path: Path) -> None:
    with (tmp_path / "log").open("a"), (tmp_path / "other").open("w"):
        found = open_logs(Path("/proc"), os.getpid())
    assert str(tmp_path / "log") in found
    assert str(tmp_path / "other") not in found


def session_at(tmp_path: Path, system: System | None = None) -> Session:
    return Session(
        system or System(), Layout(tmp_path / "sluice", tmp_path / "nginx"), {"id": "r1", "who": "ann", "from": "desk"}
    )


class Hurried(System):
    """Ten seconds pass at once."""

    waited = 0.0

    def monotonic(self) -> float:
        return self.waited

    def sleep(self, seconds: float) -> None:
        self.waited += seconds


def test_the_lock_says_who_has_the_host(tmp_path: Path) -> None:
    session = session_at(tmp_path, Hurried())
    other = {"id": "r2", "who": "bob", "from": "lap"}
    first, second = session.store.lock(session.run, "activate"), session.store.lock(other, "rollback")
    with first, pytest.raises(Locked) as caught, second:
        pass
    assert "ann from desk (run r1, activate since 2" in str(caught.value)
    with session.store.lock(session.run, "rollback"):
        pass


def test_steps_are_journalled_before_and_after(tmp_path: Path) -> None:
    session = session_at(tmp_path)
    session.layout.root.mkdir()
    with session.step("one"):
        pass
    with pytest.raises(ValueError, match="no"), session.step("two"):
        raise ValueError("no")
    events = [json.loads(line) for line in (session.layout.root / "journal.jsonl").read_text().splitlines()]
    assert [(event["event"], event["mark"]) for event in events] == [
        ("one", "begin"), ("one", "end"), ("two", "begin"), ("two", "failed"),
    ]  # fmt: skip
    assert {event["run"] for event in events} == {"r1"}
    assert [step["name"] for step in session.steps] == ["one", "two"]


def test_a_full_disk_does_not_stop_the_rollback(tmp_path: Path) -> None:
    session = session_at(tmp_path)
    with pytest.raises(FileNotFoundError):
        session.journal("x")
    session.rolling_back = True
    session.journal("x")
    assert "the journal of Sluice could not be written" in session.warnings[0]


def test_the_last_events_leave_out_a_line_that_was_cut(tmp_path: Path) -> None:
    session = session_at(tmp_path)
    session.layout.root.mkdir()
    (session.layout.root / "journal.jsonl").write_text('{"event": "a"}\n{"event": "b"}\n{"eve')
    assert session.store.last_events(2) == [{"event": "a"}, {"event": "b"}]


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"op": "dance"}, "no operation 'dance'; it has preflight, probe, nginx_files, activate"),
        ({"op": "show", "release": "abc"}, "this host has no release 'abc'"),
        ({"op": "show", "release": "previous"}, "no release before the live one"),
        ({"op": "confirm", "release": ID}, "release abcabcabcabc cannot be confirmed"),
        ({"op": "bake", "release": ID}, "not pending here by this run"),
        ({"op": "confirm"}, "NoneType is no release id; expected 64 hexadecimal digits"),
        ({"op": "confirm", "release": "../../etc"}, "'../../etc' is no release id"),
        ({"op": "bake", "release": ID[:12]}, "'abcabcabcabc' is no release id"),
        ({"op": "preflight", "release": "*"}, "'*' is no release id"),
        ({"op": "preflight", "release": "", "stored": "../../etc"}, "this host has no release '../../etc'"),
        ({"op": "activate", "release": {"id": "../x"}}, "'../x' is no release id"),
        ({"op": "activate", "release": "x"}, "'x' is no release id"),
        ({"op": "probe", "known": [ID, ".."]}, "'..' is no release id"),
    ],
)
def test_every_request_gets_an_answer(tmp_path: Path, request_: dict[str, Any], said: str) -> None:
    answer = handle(request_, layout=Layout(tmp_path / "sluice", tmp_path / "nginx"))
    assert (answer["ok"], answer["changed"]) == (False, False)
    assert said in answer["problems"][0]["what"]


def test_an_unforeseen_error_says_its_place() -> None:
    with pytest.raises(ValueError, match="Expecting value") as caught:
        json.loads("x")
    problem = problems_of(caught.value)[0]
    assert problem.what.startswith("the engine failed: JSONDecodeError: Expecting value")
    assert "decoder.py, line" in problem.actual
    assert problems_of(Fault(Problem("a"), Problem("b"))) == [Problem("a"), Problem("b")]


@pytest.mark.parametrize(
    ("argv", "rc", "said"),
    [
        (["sh", "-c", "echo out; echo err >&2; exit 3"], 3, "out\nerr\n"),
        (["/no/such"], 127, "/no/such: No such file"),
        (["sleep", "5"], 124, "did not end in 0.1 s"),
        (["no-such-command"], 127, "no-such-command: No such file"),
        (["/"], 127, "/: Permission denied"),
        (["sh", "-c", "kill -9 $$"], -9, ""),
    ],
)
def test_commands_end_in_words(argv: list[str], rc: int, said: str) -> None:
    done = System().run(argv, 0.1 if argv[0] == "sleep" else 5)
    assert done.rc == rc
    assert said in done.output


def test_a_command_gets_its_input_whole_and_gives_all_its_output() -> None:
    data = bytes(range(32, 127)) * 20_000
    assert System().run(["cat"], 60, data=data) == (0, data.decode())
    assert System().run(["head", "-c", "3"], 60, data=data) == (0, data[:3].decode())
    assert System().run(["cat"], 60) == (0, "")


def test_a_command_that_hangs_is_ended_and_what_it_said_is_kept() -> None:
    done = System().run(["sh", "-c", "echo $$; exec sleep 600"], 1.0)
    pid, *_, said = done.output.splitlines()
    assert (done.rc, said) == (124, "sh did not end in 1 s")
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)


def test_a_command_that_hangs_is_ended_with_what_it_has_started() -> None:
    done = System().run(["sh", "-c", "sleep 600 & echo $!; wait"], 1.0)
    assert done.rc == 124
    process, until = Path(f"/proc/{done.output.split()[0]}/stat"), time.monotonic() + 10
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        # Where nobody waits for it, it stays as a zombie.
        while ") Z " not in process.read_text():
            assert time.monotonic() < until
            time.sleep(0.01)


def test_of_a_command_that_talks_without_end_no_more_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_MOST", 100_000)
    done = System().run(["sh", "-c", "head -c 3000000 /dev/zero; exit 3"], 60)
    assert (done.rc, len(done.output)) == (3, 100_000)


def test_a_command_inherits_nothing_and_leaves_nothing_behind(tmp_path: Path) -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    with open(tmp_path / "file", "w") as file:
        os.set_inheritable(file.fileno(), True)
        seen = System().run(["sh", "-c", "for each in /proc/$$/fd/*; do readlink $each; done; kill -PIPE $$"], 60)
    assert str(tmp_path) not in seen.output
    assert seen.rc == -signal.SIGPIPE
    for argv in (["true"], ["/no/such"], ["sleep", "9"]):
        System().run(argv, 0.05)
    assert sorted(os.listdir("/proc/self/fd")) == before
    with contextlib.suppress(ChildProcessError):
        assert os.waitpid(-1, os.WNOHANG) == (0, 0)


def test_a_namespace_that_cannot_be_had_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoNamespace, match=r"unshare|mount|permitted|No such file"):
        System().run(["true"], 60, Bind(tmp_path / "none", tmp_path / "nor this"))


def test_a_bound_directory_is_seen_by_the_command_only(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    command = ["cat", str(tmp_path / "two" / "file")]
    try:
        output = System().run(command, 5, Bind(tmp_path / "one", tmp_path / "two")).output
    except NoNamespace:
        # Without the right to a namespace the caller is told so, and nothing was bound.
        output = "one"
    assert output == "one"
    assert (tmp_path / "two" / "file").read_text() == "two"
