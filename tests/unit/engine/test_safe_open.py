"""Files in folders in which others than root write."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.engine import logs
from ansible_collections.sluice.nginx.plugins.module_utils.engine.host.messages import last_line, pid_of_files
from ansible_collections.sluice.nginx.plugins.module_utils.engine.log_window import lines_between
from ansible_collections.sluice.nginx.plugins.module_utils.engine.safe_open import opened
from ansible_collections.sluice.nginx.plugins.module_utils.engine.trees.external_files import fingerprints

OTHER = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


def read(path: Path) -> str:
    with opened(path) as descriptor:
        return os.read(descriptor, 100).decode()


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """What only root may read."""
    path = tmp_path / "shadow"
    path.write_text("root:secret\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for logs, which the web server's user owns where it can be given away."""
    path = tmp_path / "log"
    path.mkdir()
    if os.geteuid() == 0:
        os.chown(path, OTHER, OTHER)
    return path


def linked(folder: Path, secret: Path) -> None:
    (folder / "error.log").symlink_to(secret)
    os.chown(folder / "error.log", OTHER, OTHER, follow_symlinks=False)


def hard_linked(folder: Path, secret: Path) -> None:
    os.link(secret, folder / "error.log")


def through_a_folder(folder: Path, secret: Path) -> None:
    (secret.parent / "error.log").write_text("root:secret\n")
    folder.rmdir()
    folder.symlink_to(secret.parent)
    os.chown(folder, OTHER, OTHER, follow_symlinks=False)


@as_root
@pytest.mark.parametrize("plant", [linked, hard_linked, through_a_folder])
def test_a_planted_link_makes_root_read_nothing(
    folder: Path, secret: Path, plant: Callable[[Path, Path], None]
) -> None:
    plant(folder, secret)
    log = folder / "error.log"
    with pytest.raises(PermissionError):
        read(log)
    assert logs.mark([str(log)]) == ({}, [str(log)])
    assert logs.new_lines(str(log), [0, 0]) == []
    assert logs.tail_before(str(log), [log.stat().st_ino, 9]) == ([], True)
    assert last_line(str(log)) == ""
    assert list(lines_between(str(log), 0, 1 << 40)) == []


@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
def test_what_is_no_file_is_not_opened_and_nobody_waits(folder: Path, kind: str) -> None:
    log = folder / "error.log"
    if kind == "pipe":
        os.mkfifo(log)
    elif kind == "folder":
        log.mkdir()
    else:
        log.symlink_to("/dev/zero")
    with pytest.raises(OSError, match="no regular file"):
        read(log)
    assert logs.mark([str(log)]) == ({}, [str(log)])
    assert list(logs.since(str(log), [1, 0])) == []
    assert list(lines_between(str(log), 0, 1 << 40)) == []
    assert last_line(str(log)) == ""
    assert pid_of_files([str(log)]) == 0


def test_links_that_root_made_are_followed(tmp_path: Path) -> None:
    (tmp_path / "data" / "logs").mkdir(parents=True)
    (tmp_path / "data" / "logs" / "error.log").write_text("here\n")
    (tmp_path / "log").symlink_to("data/../data")
    (tmp_path / "log" / "nginx").symlink_to(tmp_path / "data" / "logs")
    (tmp_path / "log" / "nginx" / "link").symlink_to("./error.log")
    assert read(tmp_path / "log" / "nginx" / "link") == "here\n"
    (tmp_path / "round").symlink_to("round")
    with pytest.raises(PermissionError):
        read(tmp_path / "round")
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "missing")


def test_nothing_stays_open(tmp_path: Path) -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    (tmp_path / "link").symlink_to(tmp_path / "file")
    for path in (tmp_path / "link", tmp_path, tmp_path / "file" / "x"):
        with pytest.raises(OSError):  # noqa: PT011
            read(path)
    (tmp_path / "file").write_text("x")
    assert read(tmp_path / "link") == "x"
    assert sorted(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(("text", "pid"), [("12\n", 12), ("²", 0), ("-1", 0), ("9" * 5000, 0), ("", 0)])
def test_a_pid_is_a_number(tmp_path: Path, text: str, pid: int) -> None:
    path = tmp_path / "nginx.pid"
    path.write_text(text)
    assert pid_of_files([str(tmp_path / "none.pid"), str(path)]) == pid


@as_root
def test_a_pid_file_of_another_user_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "nginx.pid"
    path.write_text("12\n")
    os.chown(path, OTHER, OTHER)
    assert pid_of_files([str(path)]) == 0


def test_a_file_outside_that_is_a_pipe_keeps_no_rollback_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "users")
    (tmp_path / "real").write_text("a")
    (tmp_path / "link").symlink_to("real")
    if os.geteuid() == 0:
        os.chown(tmp_path / "link", OTHER, OTHER, follow_symlinks=False)
    paths = [str(tmp_path / name) for name in ("users", "real", "link", "none")]
    found = fingerprints({"facts": {"outside": paths}})
    assert [bool(found[path]) for path in paths] == [False, True, True, False]
