"""Which processes are nginx's: a title is what a process says of itself, and any user's process may say it.

A master counts when it has the engine's own user, really and effectively, when it sees the same root directory, and
when its binary is nginx's by its name, root's, and nobody else can write to it or to a folder above it. Nothing else is
asked, signalled or executed. Nor does the Python count that the host's own engine is run by, unless it is such a file.
"""

from __future__ import annotations

import os
import stat

__all__ = ["NAMES", "binary_fault", "exe_of", "file_fault", "interpreter_fault", "process_fault"]

_DELETED = " (deleted)"
_OTHERS_WRITE = 0o022
_MOST_LINKS = 40
# What nginx and its descendants call their binaries, as nginx-debug and angie. A program of root's that any user may
# start, such as sudo, has another name.
NAMES = ("nginx", "angie")


def process_fault(proc: str | os.PathLike[str], pid: int, *, any_user: bool = False) -> str:
    """Return why a process cannot be this host's nginx; nothing where it can. ``any_user``: a worker may be
    anybody's.
    """
    if not any_user:
        users = _users(proc, pid)
        if users != {os.geteuid()}:
            seen = ", ".join(str(user) for user in sorted(users)) or "nobody knows who"
            return f"user {seen} runs it, not user {os.geteuid()}"
    try:
        if not os.path.samestat(os.stat(f"{proc}/{pid}/root"), os.stat(f"{proc}/self/root")):
            return "it has another root directory, as in a container"
        path, gone = exe_of(proc, pid)
        # One that an upgrade has replaced has no name any more; it is what runs.
        fault = file_fault(os.stat(f"{proc}/{pid}/exe"), path)
        return fault or ("" if gone else _folders_fault(path, _top(proc)))
    except OSError as error:
        return f"it cannot be looked at: {error.strerror}"


def exe_of(proc: str | os.PathLike[str], pid: int) -> tuple[str, bool]:
    """Return the path of a process's binary, and whether that file is gone from there. Raises ``OSError``."""
    path = os.readlink(f"{proc}/{pid}/exe")
    return (path[: -len(_DELETED)], True) if path.endswith(_DELETED) else (path, False)


def binary_fault(path: str, proc: str | os.PathLike[str]) -> str:
    """Return why a file must not be run as nginx; nothing where it may."""
    real = os.path.realpath(path)
    try:
        return file_fault(os.stat(real), real) or _folders_fault(real, _top(proc))
    except OSError as error:
        return f"{path}: {error.strerror}"


def interpreter_fault(path: str) -> str:
    """Return why others than root may change what a path to Python, as that of a virtual environment, starts; nothing
    where they may not.
    """
    # In a chain of links each one decides.
    for _ in range(_MOST_LINKS):
        path = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        try:
            fault = _folders_fault(path, "/") or ("" if os.path.islink(path) else _others(os.stat(path), path))
        except OSError as error:
            return f"{path}: {error.strerror}"
        if fault or not os.path.islink(path):
            return fault
        path = os.path.join(os.path.dirname(path), os.readlink(path))
    return f"{path} is a link to a link without end"


def file_fault(status: os.stat_result, path: str) -> str:
    """Return why the file behind ``status``, named ``path``, is none that root alone can change; nothing where it
    is.
    """
    name = os.path.basename(path)
    if not any(known in name for known in NAMES):
        return f"its binary is {path}, which is not nginx's"
    if not stat.S_ISREG(status.st_mode):
        return f"its binary {path} is no regular file"
    return _others(status, f"its binary {path}")


def _folders_fault(path: str, top: str) -> str:
    folder = os.path.dirname(path)
    while True:
        fault = _others(os.lstat(folder), f"the folder {folder} of its binary")
        if fault or folder in (top, "/"):
            return fault
        folder = os.path.dirname(folder)


def _others(status: os.stat_result, what: str) -> str:
    if status.st_uid not in (0, os.geteuid()):
        return f"{what} belongs to user {status.st_uid}, not to root"
    if status.st_mode & _OTHERS_WRITE:
        return f"{what} can be written by others than root (mode {status.st_mode & 0o7777:04o})"
    return ""


def _top(proc: str | os.PathLike[str]) -> str:
    """Return the root directory of the machine whose processes these are."""
    return os.path.dirname(os.path.realpath(proc))


def _users(proc: str | os.PathLike[str], pid: int) -> set[int]:
    """Return the real and the effective user of a process; nothing when it is gone."""
    try:
        with open(f"{proc}/{pid}/status", "rb") as file:
            lines = file.read(8192).split(b"\n")
    except OSError:
        return set()
    # The name above it shows its line ends as escapes.
    found = next((line.split()[1:3] for line in lines if line.startswith(b"Uid:")), [])
    return {int(user) for user in found if user.isdigit()}
