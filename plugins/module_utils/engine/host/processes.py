"""Processes as ``/proc`` tells them. nginx writes what a process is into its title, so nothing else has to be asked."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Callable, NamedTuple

from ...untrusted import whole_number
from .command import Standing
from .trust import exe_of, process_fault

__all__ = [
    "Master",
    "Stranger",
    "Worker",
    "command_of",
    "contained_masters",
    "cpus",
    "find_masters",
    "find_orphans",
    "folder_of",
    "is_alive",
    "look_for_masters",
    "open_logs",
    "parent_of",
    "read_worker",
    "standing_of",
    "started_at",
    "unit_of",
    "workers_of",
]

# Angie has its own name in the titles; OpenResty and freenginx have nginx's.
_MASTER = ("nginx: master process", "angie: master process")
_WORKER = ("nginx: worker process", "angie: worker process")
_O_APPEND = 0o2000
_PART = 64 << 10
# Of nginx, but -g.
_OPTIONS = tuple("cepqtTv")
_OCTAL = frozenset("01234567")
# The hierarchies of control groups that systemd keeps: the only one of version 2, and its own of version 1.
_SYSTEMD = ("", "name=systemd")


class Master(NamedTuple):
    """A running master: ``started`` in clock ticks since boot tells it from a later process with its pid;

    ``title`` ends with its arguments. ``exe`` is the path of its binary; where ``replaced``, another file has that
    path by now, or none.
    """

    pid: int
    started: int
    title: str
    exe: str
    replaced: bool = False

    @property
    def config(self) -> str:
        """The file given with ``-c``, or nothing."""
        return _first_word(self._command.partition(" -c")[2])

    @property
    def globals(self) -> str:
        """The directives given with ``-g``, or nothing."""
        given, *others = self._command.partition(" -g")[2].lstrip().split(" -")
        for other in others:
            # The next option, unless it is a word of a directive.
            if other[:1] in _OPTIONS and not (other[1:2].isalnum() or other[1:2] == "_"):
                break
            given += f" -{other}"
        return given.strip()

    @property
    def _command(self) -> str:
        """The title, or what is in brackets at the end of Angie's, behind its version and a count of reloads."""
        words = self.title.partition(" [")[2] if self.title.startswith("angie:") else ""
        return words[:-1] if words.endswith("]") else words or self.title


class Stranger(NamedTuple):
    """A process that calls itself nginx's master, and why it is left out."""

    pid: int
    why: str


class Worker(NamedTuple):
    """A worker; ``draining`` ones have stopped listening and only end what they have."""

    pid: int
    started: int
    draining: bool

    @property
    def key(self) -> tuple[int, int]:
        """What tells it from any other process, before and after."""
        return (self.pid, self.started)


def _read(path: str) -> str:
    # Texts and bare descriptors: this is done for each process of the host, and again and again in a proof.
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return ""
    try:
        parts = [os.read(descriptor, _PART)]
        # To the very end: /proc gives long lists a page at a time.
        while parts[-1]:
            parts.append(os.read(descriptor, _PART))
    except OSError:
        return ""
    finally:
        os.close(descriptor)
    return b"".join(parts).decode("utf-8", "replace")


def _first_word(text: str) -> str:
    return next(iter(text.split(None, 1)), "")


def _title(proc: Path, pid: int) -> str:
    return _read(f"{proc}/{pid}/cmdline").replace("\0", " ").strip()


def command_of(proc: Path, pid: int) -> list[str]:
    """Return the words of a process's command; none where there is no such process."""
    return [word for word in _read(f"{proc}/{pid}/cmdline").split("\0") if word]


def folder_of(proc: Path, pid: int) -> str:
    """Return the folder that a process works in; empty where that cannot be told."""
    try:
        return os.readlink(f"{proc}/{pid}/cwd")
    except OSError:
        return ""


def _state_parent_start(proc: Path, pid: int) -> tuple[str, int, int] | None:
    # The name in parentheses may hold anything, so fields are counted from behind it.
    fields = _read(f"{proc}/{pid}/stat").rpartition(") ")[2].split()
    return (fields[0], int(fields[1]), int(fields[19])) if len(fields) > 19 else None


def _namespace(proc: Path, pid: object, kind: str) -> str:
    try:
        return os.readlink(f"{proc}/{pid}/ns/{kind}")
    except OSError:
        return ""


def _pids(proc: Path) -> list[int]:
    return [pid for pid in map(whole_number, os.listdir(proc)) if pid is not None]


def find_masters(proc: Path) -> list[Master]:
    """Find nginx's masters that belong to this machine: those of containers on it live in other pid namespaces."""
    return look_for_masters(proc)[0]


def look_for_masters(proc: Path, vouched: Callable[[int], bool] | None = None) -> tuple[list[Master], list[Stranger]]:
    """Find nginx's masters, and those that only say that they are some: ``trust`` tells them apart.

    A process of another user counts where ``vouched`` says so of its pid.
    """
    here = _namespace(proc, "self", "pid")
    found, strangers = [], []
    for pid in _pids(proc):
        title = _title(proc, pid)
        if not title.startswith(_MASTER) or _namespace(proc, pid, "pid") != here:
            continue
        status = _state_parent_start(proc, pid)
        why = process_fault(proc, pid)
        if why and vouched is not None and not process_fault(proc, pid, any_user=True) and vouched(pid):
            why = ""
        # Whatever was looked at was one process: none has taken its pid meanwhile.
        if status is None or started_at(proc, pid) != status[2]:
            continue
        if why:
            strangers.append(Stranger(pid, why))
            continue
        with suppress(OSError):
            found.append(Master(pid, status[2], title, *exe_of(proc, pid)))
    return sorted(found), strangers


def started_at(proc: Path, pid: int) -> int | None:
    """Return when a process was started, in clock ticks since boot, or nothing when there is none."""
    status = _state_parent_start(proc, pid)
    return status[2] if status else None


def contained_masters(proc: Path) -> list[int]:
    """Return the pids of nginx's masters that live in containers on this machine; whose they are, is not looked at."""
    here = _namespace(proc, "self", "pid")
    titled = [pid for pid in _pids(proc) if _title(proc, pid).startswith(_MASTER)]
    return sorted(pid for pid in titled if _namespace(proc, pid, "pid") not in ("", here))


def parent_of(proc: Path, pid: int) -> int:
    """Return the pid of a process's parent; 0 where there is none."""
    return (_state_parent_start(proc, pid) or ("", 0, 0))[1]


def unit_of(proc: Path, pid: int) -> str:
    """Return the service of systemd that a process belongs to by its control group, as ``nginx.service``, or nothing.

    Only root can move a process into another group. A service may have groups of its own below.
    """
    lines = _read(f"{proc}/{pid}/cgroup").splitlines()
    groups = [line.split(":", 2)[2] for line in lines if line.count(":") > 1 and line.split(":", 2)[1] in _SYSTEMD]
    # Of a container the machine's own groups come first; a user's own units are below user@.service.
    below = [group.rpartition("/system.slice/")[2] for group in groups]
    return next((name for group in below for name in group.split("/") if name.endswith(".service")), "")


def standing_of(proc: Path, pid: int) -> Standing | None:
    """Return as what a process runs; nothing where that is what the engine itself is: its user, and its files."""
    lines = dict(line.partition(":")[::2] for line in _read(f"{proc}/{pid}/status").splitlines())
    user = _numbers(lines.get("Uid", ""))[1:2]
    here, there = _namespace(proc, "self", "mnt"), _namespace(proc, pid, "mnt")
    mounts = f"{proc}/{pid}/ns/mnt" if here and there and here != there else ""
    if not user or user[0] == os.geteuid():
        return Standing(mounts) if mounts else None
    group = [*_numbers(lines.get("Gid", "")), 0, 0][1]
    groups = tuple(_numbers(lines.get("Groups", "")))
    return Standing(mounts, user[0], group, groups, int(lines.get("CapEff", "").strip() or "0", 16))


def _numbers(text: str) -> list[int]:
    return [int(word) for word in text.split() if word.isdigit()]


def find_orphans(proc: Path) -> list[Worker]:
    """Find workers whose master has died: they hold its listeners, so no other one could start.

    Those of somebody else's nginx, which has a master of its own, are none.
    """
    here = _namespace(proc, "self", "pid")
    found = []
    for pid in _pids(proc):
        worker = read_worker(proc, pid)
        if worker is None or _namespace(proc, pid, "pid") != here:
            continue
        parent = (_state_parent_start(proc, pid) or ("", 0, 0))[1]
        if not _title(proc, parent).startswith(_MASTER) and not process_fault(proc, pid, any_user=True):
            found.append(worker)
    return sorted(found)


def is_alive(proc: Path, master: Master) -> bool:
    """Return whether this very master still runs."""
    status = _state_parent_start(proc, master.pid)
    return status is not None and status[2] == master.started and status[0] not in "ZX"


def read_worker(proc: Path, pid: int, parent: int | None = None) -> Worker | None:
    """Read one worker, or nothing when it has ended, is none, or is not a child of ``parent``."""
    status = _state_parent_start(proc, pid)
    if status is None or status[0] in "ZX" or parent not in (None, status[1]):
        return None
    title = _title(proc, pid)
    return Worker(pid, status[2], "shutting down" in title) if title.startswith(_WORKER) else None


def _children(proc: Path, pid: int) -> list[int]:
    path = f"{proc}/{pid}/task/{pid}/children"
    listed = _read(path)
    if not listed and not os.path.exists(path):
        # A kernel without CONFIG_PROC_CHILDREN.
        return [child for child in _pids(proc) if (_state_parent_start(proc, child) or ("", 0, 0))[1] == pid]
    return [int(child) for child in listed.split()]


def workers_of(proc: Path, master: Master, known: frozenset[int] = frozenset()) -> list[Worker]:
    """Read the workers of a master: only its children are some, whatever others call themselves.

    ``known`` pids are looked at too: the kernel may leave one out while another one ends.
    """
    pids = set(_children(proc, master.pid)) | known
    found = (read_worker(proc, pid, master.pid) for pid in sorted(pids))
    return [worker for worker in found if worker is not None]


def open_logs(proc: Path, pid: int) -> list[str]:
    """List the regular files that a process holds open for appending:

    its logs, whatever its configuration on disk says by now.
    """
    found = set()
    folder = f"{proc}/{pid}/fd"
    try:
        numbers = os.listdir(folder)
    except OSError:
        return []
    for number in numbers:
        try:
            target = os.readlink(f"{folder}/{number}")
        except OSError:
            continue
        if not target.startswith("/") or target in found:
            continue
        flags = _first_word(_read(f"{proc}/{pid}/fdinfo/{number}").partition("flags:")[2])
        if flags and _OCTAL.issuperset(flags) and int(flags, 8) & _O_APPEND and os.path.isfile(target):
            found.add(target)
    return sorted(found)


def cpus(master_pid: int) -> frozenset[int]:
    """Return what ``worker_processes auto`` may mean:

    glibc counts the online ones, musl those that the master may use.
    """
    found = {os.sysconf("SC_NPROCESSORS_ONLN")}
    with suppress(OSError):
        found.add(len(os.sched_getaffinity(master_pid)))
    return frozenset(found)
