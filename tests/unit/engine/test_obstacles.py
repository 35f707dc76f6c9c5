"""What stands in the way of a switch, by tables: who starts nginx, where its pid file is, and whose process it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.engine.host.command import Ran
from ansible_collections.sluice.nginx.plugins.module_utils.engine.host.nginx import (
    build,
    find_master,
    master_problems,
    try_tree,
)
from ansible_collections.sluice.nginx.plugins.module_utils.engine.host.processes import standing_of, unit_of
from ansible_collections.sluice.nginx.plugins.module_utils.engine.host.starter import (
    NOBODY,
    OPENRC,
    RUNIT,
    SUPERVISOR,
    SYSVINIT,
    UNIT,
    USUAL,
    Starter,
    known_starter,
    remember,
    start_service,
    starter_of,
    starter_problems,
    vouched,
)
from ansible_collections.sluice.nginx.plugins.module_utils.engine.obstacles.pid_file import pid_file_problems
from ansible_collections.sluice.nginx.plugins.module_utils.engine.obstacles.upgrade import upgrade_problems
from ansible_collections.sluice.nginx.plugins.module_utils.engine.session import Session
from ansible_collections.sluice.nginx.plugins.module_utils.engine.watchdog.hook import BOOT_UNIT, ensure_hook, hooks
from tests.unit.engine.simulation.host import SimulatedHost

NewHost = Callable[..., SimulatedHost]


def session_of(host: SimulatedHost) -> Session:
    return Session(host, host.layout, {"id": "r1"})


def knows_units(host: SimulatedHost, monkeypatch: pytest.MonkeyPatch, **units: str) -> None:
    """Let systemd know units: what ``systemctl show`` prints, by the name before ``.service``."""

    def run(argv: Sequence[str], timeout: float, *more: Any, **others: Any) -> Ran:
        assert argv[:2] == ["systemctl", "show"], argv
        return Ran(0, units.get(argv[-1].partition(".")[0], "LoadState=not-found\nMainPID=0\n"))

    monkeypatch.setattr(host, "run", run)


def process(host: SimulatedHost, pid: int, command: str, parent: int) -> None:
    folder, name = host.proc / str(pid), command.partition("\0")[0]
    folder.mkdir()
    if command != name:
        (folder / "cmdline").write_text(command)
    (folder / "comm").write_text(f"{name}\n")
    (folder / "stat").write_text(f"{pid} ({name}) S {parent} {'0 ' * 17}7 0\n")


@pytest.mark.parametrize(
    ("groups", "unit"),
    [
        ("0::/system.slice/nginx.service\n", "nginx.service"),
        ("0::/system.slice/edge.service/workers\n", "edge.service"),
        ("4:memory:/system.slice/other.service\n1:name=systemd:/docker/1f/system.slice/edge.service\n", "edge.service"),
        ("0::/user.slice/user-0.slice/session-4.scope\n", ""),
        ("0::/user.slice/user-7.slice/user@7.service/app.slice/nginx.service\n", "user@7.service"),
        ("", ""),
    ],
)
def test_the_unit_of_a_process_is_read_off_its_control_group(tmp_path: Path, groups: str, unit: str) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7/cgroup").write_text(groups)
    assert unit_of(tmp_path, 7) == unit


STARTERS: dict[str, tuple[str, dict[str, str], tuple[str, ...], Starter]] = {
    "the usual unit": ("nginx", {}, (), Starter(UNIT, USUAL)),
    "another unit": (
        "edge",
        {"edge": "Id=edge.service\nLoadState=loaded\nMainPID={pid}\n"},
        (),
        Starter(UNIT, "edge.service"),
    ),
    "a unit that forks": (
        "edge",
        {"edge": "Id=edge.service\nLoadState=loaded\nMainPID=0\nExecStart={{ path={exe} ; argv[]= }}\n"},
        (),
        Starter(UNIT, "edge.service"),
    ),
    "a supervisor": (
        "supervisor",
        {"supervisor": "LoadState=loaded\nMainPID=50\nExecStart={{ path=/usr/bin/supervisord ; }}\n"},
        ("supervisord",),
        Starter(SUPERVISOR, "supervisord", unit="supervisor.service"),
    ),
    "a script of a supervisor's": (
        "runit",
        {"runit": "LoadState=loaded\nMainPID=50\n"},
        ("sh", "runsv"),
        Starter(SUPERVISOR, "runsv", unit="runit.service"),
    ),
    "runit beside systemd": (
        "runit",
        {"runit": "LoadState=loaded\nMainPID=50\n"},
        ("runsv\0edge\0", "runsvdir\0-P\0/etc/service\0"),
        Starter(RUNIT, "edge", "runit.service", "/etc/service/edge", "/etc/service"),
    ),
    "a person": (
        "ssh",
        {"ssh": "LoadState=loaded\nMainPID=9\n", "nginx": "Id=nginx.service\nLoadState=loaded\n"},
        (),
        Starter(UNIT, USUAL),
    ),
    "a person, and the unit is masked": (
        "ssh",
        {"ssh": "LoadState=loaded\nMainPID=9\n", "nginx": "LoadState=masked\n"},
        (),
        Starter(),
    ),
}


@pytest.mark.parametrize("story", STARTERS)
def test_who_starts_nginx(new_host: NewHost, monkeypatch: pytest.MonkeyPatch, story: str) -> None:
    group, units, parents, expected = STARTERS[story]
    host = new_host()
    session = session_of(host)
    master = find_master(session)
    (host.proc / str(master.pid) / "cgroup").write_text(f"0::/system.slice/{group}.service\n")
    for number, name in enumerate(parents):
        process(host, 50 + number, name, 51 + number if number + 1 < len(parents) else 1)
    if parents:
        stat = host.proc / str(master.pid) / "stat"
        stat.write_text(stat.read_text().replace(") S 1 ", ") S 50 "))
    said = {name: text.format(pid=master.pid, exe=master.exe) for name, text in units.items()}
    knows_units(host, monkeypatch, **said)
    starter = starter_of(session, master)
    assert starter == expected
    problems = starter_problems(session, starter, master, in_foreground=True)
    assert bool(problems) is (starter.kind == NOBODY)


SCRIPT = "#!/bin/sh\nexec start-stop-daemon --start --exec {exe}\n"
# The service manager, its scripts by name, what supervises nginx, and who starts it.
WITHOUT_SYSTEMD: dict[str, tuple[str, dict[str, str], str, Starter]] = {
    "a script of another name": ("sysvinit", {"edge": SCRIPT, "cron": "#!/bin/sh\n"}, "", Starter(SYSVINIT, "edge")),
    "the usual script wins": ("openrc", {"angie": SCRIPT, "nginx": SCRIPT}, "", Starter(OPENRC, "nginx")),
    "a person, and a script is there": ("sysvinit", {"nginx": "#!/bin/sh\n"}, "", Starter(SYSVINIT, "nginx")),
    "a person, and nothing is there": ("sysvinit", {"cron": "#!/bin/sh\n"}, "", Starter()),
    "runit starts scripts as well": ("runit", {"nginx": SCRIPT}, "", Starter(SYSVINIT, "nginx")),
    "a supervisor beside a script": ("sysvinit", {"nginx": SCRIPT}, "supervisord", Starter(SUPERVISOR, "supervisord")),
    "OpenRC's own supervisor": ("openrc", {"nginx": SCRIPT}, "supervise-daemo", Starter(OPENRC, "nginx")),
    "a container": ("none", {"nginx": SCRIPT}, "", Starter()),
}


@pytest.mark.parametrize("story", WITHOUT_SYSTEMD)
def test_who_starts_nginx_without_systemd(new_host: NewHost, monkeypatch: pytest.MonkeyPatch, story: str) -> None:
    manager, scripts, parent, expected = WITHOUT_SYSTEMD[story]
    host = new_host(has_systemd=False)
    session = session_of(host)
    master = find_master(session)
    monkeypatch.setattr(host, "manager", lambda: manager)
    init = host.layout.conf.parent / "init.d"
    init.mkdir()
    for name, text in scripts.items():
        (init / name).write_text(text.format(exe=master.exe))
        (init / name).chmod(0o755)
    if parent:
        process(host, 50, parent, 1)
        stat = host.proc / str(master.pid) / "stat"
        stat.write_text(stat.read_text().replace(") S 1 ", ") S 50 "))
    starter = starter_of(session, master)
    assert starter == expected
    # It is what starts nginx when it has died.
    session.layout.root.mkdir(parents=True)
    remember(session, starter)
    assert known_starter(session) == expected
    ran: list[list[str]] = []

    def run(argv: Sequence[str], timeout: float) -> Ran:
        ran.append(list(argv))
        return Ran(0, "")

    monkeypatch.setattr(host, "run", run)
    done = start_service(session, starter)
    assert (done is None) is (expected.kind in (SUPERVISOR, NOBODY))
    assert all(expected.name in " ".join(argv) for argv in ran)


@pytest.mark.parametrize(
    ("before", "now", "is_known"),
    [
        (Starter(UNIT, "edge.service"), "systemd", True),
        (Starter(UNIT, "edge.service"), "sysvinit", False),
        (Starter(OPENRC, "edge"), "sysvinit", False),
        (Starter(SYSVINIT, "edge"), "runit", True),
        (Starter(RUNIT, "edge", "", "/etc/service/edge", "/etc/service"), "systemd", True),
        (Starter(SUPERVISOR, "supervisord"), "none", True),
    ],
)
def test_a_host_may_have_changed_what_starts_its_services(
    new_host: NewHost, monkeypatch: pytest.MonkeyPatch, before: Starter, now: str, is_known: bool
) -> None:
    host = new_host()
    session = session_of(host)
    session.layout.root.mkdir(parents=True)
    monkeypatch.setattr(host, "manager", lambda: before.kind if before.kind in ("systemd", "openrc") else now)
    remember(session, before)
    monkeypatch.setattr(host, "manager", lambda: now)
    assert (known_starter(session) == before) is is_known


@pytest.mark.parametrize(
    ("starter", "units"),
    [
        (Starter(UNIT, USUAL), {USUAL}),
        (Starter(UNIT, "edge.service"), {USUAL, "edge.service"}),
        (Starter(SUPERVISOR, "supervisord", unit="supervisor.service"), {USUAL, "supervisor.service"}),
        (Starter(), {USUAL}),
    ],
)
def test_the_watchdog_comes_before_whatever_starts_nginx(new_host: NewHost, starter: Starter, units: set[str]) -> None:
    host = new_host()
    session = session_of(host)
    session.layout.root.mkdir(parents=True)
    remember(session, starter)
    ensure_hook(session, starter, session.layout.root / "watchdog.py")
    wanting = {each.parent.name[: -len(".wants")] for each in host.layout.units.glob(f"*.wants/{BOOT_UNIT}")}
    text = (host.layout.units / BOOT_UNIT).read_text()
    before = next(line for line in text.splitlines() if line.startswith("Before="))
    assert wanting == set(before[len("Before=") :].split()) == units
    for path in hooks(session):
        host.remove(path)
    assert not list(host.layout.units.iterdir())


def test_who_starts_nginx_is_remembered(new_host: NewHost) -> None:
    session = session_of(new_host())
    assert known_starter(session) == Starter(UNIT, USUAL)
    session.layout.root.mkdir(parents=True)
    remember(session, Starter(UNIT, "edge.service"))
    assert known_starter(session) == Starter(UNIT, "edge.service")
    for damaged in ("{", "[]", '{"kind": "x", "name": "y"}', '{"kind": "unit", "name": 7}'):
        (session.layout.root / "starter.json").write_text(damaged)
        assert known_starter(session) == Starter(UNIT, USUAL)


@pytest.mark.parametrize(
    ("said", "is_vouched"),
    [
        ("LoadState=loaded\nMainPID={pid}\nUser=www-data\nExecStart={{ path=/usr/sbin/nginx ; }}\n", True),
        ("LoadState=loaded\nMainPID={pid}\nUser=angie\nExecStart={{ path=/usr/sbin/angie ; }}\n", True),
        ("LoadState=loaded\nMainPID={pid}\nUser=\nExecStart={{ path=/usr/sbin/nginx ; }}\n", False),
        ("LoadState=loaded\nMainPID=7\nUser=www-data\nExecStart={{ path=/usr/sbin/nginx ; }}\n", False),
        ("LoadState=loaded\nMainPID={pid}\nUser=www-data\nExecStart={{ path=/usr/bin/php-fpm ; }}\n", False),
        ("LoadState=not-found\nMainPID={pid}\nUser=www-data\nExecStart={{ path=/usr/sbin/nginx ; }}\n", False),
    ],
)
def test_another_user_is_nginx_only_by_the_word_of_a_unit(
    new_host: NewHost, monkeypatch: pytest.MonkeyPatch, said: str, is_vouched: bool
) -> None:
    host = new_host()
    pid = find_master(session_of(host)).pid
    (host.proc / str(pid) / "cgroup").write_text("0::/system.slice/nginx.service\n")
    knows_units(host, monkeypatch, nginx=said.format(pid=pid))
    assert vouched(session_of(host), pid) is is_vouched
    assert not vouched(session_of(new_host(has_systemd=False)), pid)


@pytest.mark.parametrize(
    ("given", "built_for", "fix"),
    [
        ("/etc/other.conf", "", "restart it without -c (a reload can never change that)"),
        (
            "",
            "/opt/resty/conf/nginx.conf",
            "move /opt/resty/conf to {conf} once, and leave a link from /opt/resty/conf to {conf}; or",
        ),
        # As Angie's unit has it: to leave -c out would change nothing.
        (
            "/opt/angie/angie.conf",
            "/opt/angie/angie.conf",
            "a link from /opt/angie to {conf}, rename angie.conf in it to nginx.conf, and leave a link of that name",
        ),
    ],
)
def test_another_configuration_is_moved_or_no_longer_named(
    new_host: NewHost, given: str, built_for: str, fix: str
) -> None:
    host = new_host()
    session = session_of(host)
    master, built = find_master(session), build(session)
    assert built is not None
    assert master_problems(session, master, built, {}) == []
    master = master._replace(title=f"{master.title} -c {given}" if given else master.title)
    built = built._replace(config=built_for or built.config)
    (found,) = master_problems(session, master, built, {})
    assert (found.actual, fix.format(conf=host.layout.conf) in found.fix) == (given or built_for, True), found


def test_what_the_master_reads_is_tested(new_host: NewHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host = new_host()
    session = session_of(host)
    master = find_master(session)
    asked: list[list[str]] = []

    def run(argv: list[str], *more: Any, **others: Any) -> Ran:
        asked.append(argv[1:])
        return Ran(0, "")

    monkeypatch.setattr(host, "run", run)
    for more in ("", " -c /etc/nginx/nginx.conf -g daemon on;"):
        try_tree(session, master._replace(title=master.title + more), None)
    assert [each for each in asked if "-t" in each] == [
        ["-t"],
        ["-t", "-c", "/etc/nginx/nginx.conf", "-g", "daemon on;"],
    ]


def test_an_upgrade_is_in_flight_while_both_masters_serve(new_host: NewHost) -> None:
    host = new_host()
    session = session_of(host)
    old = find_master(session)
    assert upgrade_problems(session) == []
    new = host.nginx._process("nginx: master process nginx", old.pid, "", "")
    (problem,) = upgrade_problems(session)
    assert f"process {old.pid}, and the new one, process {new.pid}" in problem.actual
    for worker in host.nginx.workers:
        host.nginx._title(worker.pid, "nginx: worker process is shutting down")
    assert upgrade_problems(session) == []


PID_FILES: dict[str, tuple[str | None, str, bool]] = {
    "as it is": ("{root}/run/nginx.pid", "{root}/run/nginx.pid", False),
    "it moves": ("{root}/run/nginx2.pid", "{root}/run/nginx.pid", True),
    "it moves to where the unit waits": ("{root}/run/nginx2.pid", "{root}/run/nginx2.pid", False),
    "it was somewhere else already": ("{root}/run/nginx2.pid", "{root}/run/other.pid", False),
    "the unit has none": ("{root}/run/nginx2.pid", "", False),
    "nothing is known of the release": (None, "{root}/run/nginx.pid", False),
}


@pytest.mark.parametrize("story", PID_FILES)
def test_the_pid_file_stays_where_the_unit_waits_for_it(
    new_host: NewHost, monkeypatch: pytest.MonkeyPatch, story: str
) -> None:
    wanted, waits, is_stopped = PID_FILES[story]
    host = new_host()
    session = session_of(host)
    master = find_master(session)
    (host.root / "run").mkdir(exist_ok=True)
    (host.root / "run/nginx.pid").write_text(f"{master.pid}\n")
    waits = waits.format(root=host.root)
    knows_units(host, monkeypatch, nginx=f"Id=nginx.service\nLoadState=loaded\nMainPID=0\nPIDFile={waits}\n")
    facts: Any = {} if wanted is None else {"pid": wanted.format(root=host.root)}
    assert bool(pid_file_problems(session, master, None, Starter(UNIT, USUAL), facts)) is is_stopped


def test_a_command_stands_where_another_process_does(tmp_path: Path) -> None:
    for pid in ("self", "7"):
        (tmp_path / pid / "ns").mkdir(parents=True)
    (tmp_path / "self/ns/mnt").symlink_to("mnt:[1]")
    (tmp_path / "7/ns/mnt").symlink_to("mnt:[2]")
    status = (
        "Name:\tnginx\nUid:\t{0}\t{0}\t{0}\t{0}\nGid:\t33\t33\t33\t33\nGroups:\t33 44 \nCapEff:\t0000000000000400\n"
    )
    (tmp_path / "7/status").write_text(status.format(4_000_000))
    found = standing_of(tmp_path, 7)
    assert found is not None
    assert found == (f"{tmp_path}/7/ns/mnt", 4_000_000, 33, (33, 44), 0x400)
