"""What a profile of AppArmor must let nginx do before a switch, as the kernel says it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.engine.host import confined
from ansible_collections.sluice.nginx.plugins.module_utils.engine.host.confined import (
    confined_by,
    may_read,
    profile_of,
)
from ansible_collections.sluice.nginx.plugins.module_utils.engine.host.nginx import find_master
from ansible_collections.sluice.nginx.plugins.module_utils.engine.obstacles.profile import profile_problems
from ansible_collections.sluice.nginx.plugins.module_utils.engine.session import Session
from tests.unit.engine.simulation.host import SimulatedHost

NewHost = Callable[..., SimulatedHost]

# As a machine of tests/machines has answered.
ALLOWED = "allow 0x00000004\ndeny 0x00000000\naudit 0x00000000\nquiet 0x00000000\n"
DENIED = ALLOWED.replace("allow 0x00000004", "allow 0x00000000")


def runs_under(proc: Path, pid: int, label: str) -> None:
    folder = proc / str(pid) / "attr"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "current").write_text(label)


def load(apparmor: Path, name: str, attach: str, mode: str = "enforce") -> None:
    folder = apparmor / "policy/profiles" / f"{name}.1"
    folder.mkdir(parents=True)
    for each, word in {"name": name, "attach": attach, "mode": mode}.items():
        (folder / each).write_text(f"{word}\n")


@pytest.mark.parametrize(
    ("label", "said", "found"),
    [
        ("nginx (enforce)\n", "AppArmor, enforcing", "nginx"),
        ("/usr/sbin/nginx (enforce)\n", "AppArmor, enforcing", "/usr/sbin/nginx"),
        ("nginx (complain)\n", "AppArmor, complaining", ""),
        ("nginx (unconfined)\n", "", ""),
        ("unconfined\n", "", "waits"),
        ("system_u:system_r:httpd_t:s0\0", "", "waits"),
        ("", "", "waits"),
    ],
)
def test_the_profile_that_counts_is_the_one_that_is_enforced(tmp_path: Path, label: str, said: str, found: str) -> None:
    runs_under(tmp_path, 7, label)
    # As Linux 6.12 says them: nothing of the binary, unless it is the profile's name.
    for name, attach, mode in (
        ("a", "/usr/sbin/nginx", "complain"),
        ("b", "<unknown>", "enforce"),
        ("waits", "/usr/sbin/nginx", "enforce"),
    ):
        load(tmp_path, name, attach, mode)
    assert confined_by(tmp_path, 7, tmp_path / "none") == said
    assert profile_of(tmp_path, 7, "/usr/sbin/nginx", tmp_path) == found
    assert profile_of(tmp_path, 8, "/usr/sbin/other", tmp_path) == ""


def test_a_profile_that_waits_is_known_by_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "policy/profiles/usr.sbin.nginx.3"
    folder.mkdir(parents=True)
    for each, word in {"name": "/usr/sbin/nginx", "attach": "<unknown>", "mode": "enforce"}.items():
        (folder / each).write_text(f"{word}\n")
    assert profile_of(tmp_path, 7, "/usr/sbin/nginx", tmp_path) == "/usr/sbin/nginx"


@pytest.mark.parametrize(
    ("name", "found"), [("nginx", "nginx"), ("/usr/{,local/}sbin/nginx", "nginx"), ("/usr/sbin/other", "")]
)
def test_a_profile_with_a_name_of_its_own_is_known_by_a_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, found: str
) -> None:
    (tmp_path / "policy/profiles/x.1").mkdir(parents=True)
    for each, word in {"name": name, "attach": "<unknown>", "mode": "enforce"}.items():
        (tmp_path / "policy/profiles/x.1" / each).write_text(f"{word}\n")
    binary = tmp_path / "nginx"
    binary.write_text(f"#!/bin/sh\necho nginx version >&2 && touch {tmp_path}/said\n")
    binary.chmod(0o755)
    looked: list[str] = []

    def current(proc: Path, pid: int) -> tuple[str, str]:
        if pid == 7:
            return "", ""
        # It stands still, and can be looked at for as long as that takes.
        until = time.monotonic() + 20
        while not (seen := (Path("/proc") / str(pid) / "wchan").read_text()).startswith(("pipe_w", "anon_pipe_w", "0")):
            assert time.monotonic() < until, seen
        # In the middle of its start it has no words yet.
        while not (words := Path(f"/proc/{pid}/cmdline").read_text()):
            assert time.monotonic() < until
        looked.append(words)
        return "nginx", "enforce"

    monkeypatch.setattr(confined, "_current", current)
    assert profile_of(Path("/proc"), 7, str(binary), tmp_path) == found
    assert [str(binary) in each for each in looked] == [True] * bool(found)
    assert not (tmp_path / "said").exists()


@pytest.mark.parametrize(("said", "may"), [(ALLOWED, True), (DENIED, False), ("", None), ("allow all\n", None)])
def test_the_kernel_is_asked_what_a_profile_allows(
    monkeypatch: pytest.MonkeyPatch, said: str, may: bool | None
) -> None:
    asked: list[bytes] = []

    def answer(place: Path, query: bytes) -> str:
        asked.append(query)
        return said

    monkeypatch.setattr(confined, "_said", answer)
    assert may_read("nginx", "/var/lib/sluice/x") is may
    assert asked == [b"label\0nginx\0\2/var/lib/sluice/x"]


def test_a_kernel_that_does_not_say_allows_and_forbids_nothing(tmp_path: Path) -> None:
    assert may_read("nginx", "/x", tmp_path) is None
    (tmp_path / ".access").touch()
    assert may_read("nginx", "/x", tmp_path) is None


@pytest.mark.parametrize("said", [ALLOWED, DENIED])
@pytest.mark.parametrize("receives", [True, False])
def test_a_profile_under_which_no_rollback_succeeds_is_in_the_way(
    new_host: NewHost, monkeypatch: pytest.MonkeyPatch, said: str, receives: bool
) -> None:
    host = new_host()
    session = Session(host, host.layout, {"id": "r1"})
    master = find_master(session)
    signalled: list[tuple[int, int]] = []

    def kill(pid: int, number: int) -> None:
        signalled.append((pid, number))
        if not receives:
            raise PermissionError

    monkeypatch.setattr(confined, "_said", lambda place, query: said)
    monkeypatch.setattr(os, "kill", kill)
    assert profile_problems(session, master) == []
    assert signalled == []

    runs_under(host.proc, master.pid, "nginx (enforce)\n")
    found = [problem.what for problem in profile_problems(session, master)]
    assert found == [
        *([f"AppArmor does not let nginx read {host.layout.root}, where releases are"] if said == DENIED else []),
        *([] if receives else ["AppArmor does not let anybody send nginx a signal, so nobody could reload it"]),
    ]
    assert signalled == [(master.pid, 0)]
