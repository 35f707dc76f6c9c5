"""What the containers of a stage may take of the machine, and which of root's rights they keep.

What a release does in them is anything: a module of it runs as root there. So each bound holds in the kernel, but for
the disk, which Docker bounds on few file systems: that one is watched.
"""

from __future__ import annotations

import contextlib
import functools
import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError, SluiceError
from ..packages import docker
from ..textfmt import count

if TYPE_CHECKING:
    from docker.models.containers import Container

__all__ = ["Bounds", "DiskWatch", "Tree", "read_bounds"]

_MIB, _GIB = 1 << 20, 1 << 30
_UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": _MIB, "g": _GIB, "t": 1 << 40}
_USUAL_CPUS = 2
_USUAL_PROCESSES = 1024
# As many workers as cores, each with a pool of threads for files.
_PROCESSES_A_CORE = 64
_LEAST_MEMORY = 64 * _MIB
# Root that works with files, users and processes of its own container, and binds its ports.
_ROOT = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID"]
_CAPABILITIES = {
    # worker_priority, and `proxy_bind … transparent`. Not every engine gives SYS_RESOURCE, for worker_rlimit_nofile.
    "nginx": [*_ROOT, "NET_RAW", "SYS_NICE"],
    # Its own end of the link, and its routes.
    "stub": [*_ROOT, "NET_ADMIN"],
    # The link, and the addresses of nginx's network. The other is one that the stubs lack: the kernel lets nobody
    # look into a process that may more than he, and the user's programs run beside the stubs.
    "judge": ["NET_ADMIN", "SYS_NICE"],
    "image": _ROOT,
    "build": [],
}


@dataclass(frozen=True)
class Bounds:
    """What each container may take: bytes of memory and of disk, cores and processes (0: as the machine has them).

    ``tree_size`` (bytes) and ``tree_files`` bound a release.
    """

    memory: int = 4 * _GIB
    cpus: float = 0
    processes: int = 0
    disk: int = 4 * _GIB
    tree_size: int = 256 * _MIB
    tree_files: int = 50_000

    def of(self, client: docker.DockerClient, part: str) -> dict[str, Any]:
        """Return the arguments with which Docker makes a container of that part."""
        machine = _machine(client)
        return {
            "mem_limit": self.memory,
            # No swap beside it.
            "memswap_limit": self.memory,
            "pids_limit": self.processes or max(_USUAL_PROCESSES, _PROCESSES_A_CORE * machine.cores),
            "nano_cpus": int(min(self.cpus or _USUAL_CPUS, machine.cores) * 1e9) if machine.bounds_cores else None,
            # Docker lends a container files outside of what is measured, as /etc/hosts.
            "ulimits": [docker.types.Ulimit(name="fsize", soft=self.disk, hard=self.disk)],
            "security_opt": ["no-new-privileges"],
            "cap_drop": ["ALL"],
            "cap_add": _CAPABILITIES[part],
            # What is said is read as it comes. Only the last words of an image are looked up.
            "log_config": docker.types.LogConfig(type="json-file", config={"max-size": "1m", "max-file": "1"})
            if part in ("image", "build")
            else docker.types.LogConfig(type="none"),
        }

    def reached(self, hits: Mapping[str, Any]) -> str:
        """Return in words which bounds the kernel held a container to; nothing where it did not."""
        words = []
        if hits.get("memory"):
            words.append(
                f"its bound on memory, {_size(self.memory)} (staging_memory), and the kernel ended a process there"
            )
        if hits.get("processes"):
            most = self.processes or "the usual number"
            words.append(f"its bound on processes, {most} (staging_processes), and could start no more")
        if not words:
            return ""
        return (
            f"nginx's container reached {' and '.join(words)}; "
            "let the configuration need less, as fewer workers, or raise the bound"
        )

    def check(self, trees: Sequence[Path]) -> None:
        """Raise ``SluiceError`` for a tree that is larger than a release may be."""
        for tree in trees:
            measured = _measured(tree)
            if measured.files > self.tree_files:
                raise SluiceError(
                    f"the release has {count(measured.files, 'file')}; staging takes at most {self.tree_files}: "
                    "leave out what is no configuration, or raise staging_tree_files"
                )
            if measured.size > self.tree_size:
                raise SluiceError(
                    f"the release has {_size(measured.size)}; staging takes at most {_size(self.tree_size)}: "
                    "leave out what is no configuration, or raise staging_tree_size"
                )


@dataclass(frozen=True)
class Tree:
    """How many files and folders a tree has, and how many bytes are in them."""

    files: int
    size: int


def _measured(tree: Path) -> Tree:
    files = size = 0
    for folder, folders, names in os.walk(tree):
        files += len(folders) + len(names)
        size += sum(os.lstat(os.path.join(folder, name)).st_size for name in names)
    return Tree(files, size)


def read_bounds(settings: Mapping[str, Any]) -> Bounds:
    """Read the variables of the role by the names of ``Bounds``. Raises ``InputError``."""
    usual = Bounds()
    memory = _bytes(settings, "memory", usual.memory)
    if memory < _LEAST_MEMORY:
        raise InputError("staging_memory", f"{settings['memory']!r} is too little; use at least {_size(_LEAST_MEMORY)}")
    return Bounds(
        memory=memory,
        cpus=_number(settings, "cpus", usual.cpus),
        processes=int(_number(settings, "processes", usual.processes)),
        disk=_bytes(settings, "disk", usual.disk),
        tree_size=_bytes(settings, "tree_size", usual.tree_size),
        tree_files=int(_number(settings, "tree_files", usual.tree_files)),
    )


def _bytes(settings: Mapping[str, Any], name: str, usual: int) -> int:
    given = str(settings.get(name, usual)).strip().lower()
    digits = given.rstrip("bkmgt")
    unit = given[len(digits) :]
    if digits.isascii() and digits.isdigit() and len(digits) < 16 and unit in _UNITS and int(digits):
        return int(digits) * _UNITS[unit]
    raise InputError(f"staging_{name}", f"{settings[name]!r} is no size; write a number with k, m or g, as 4g")


def _number(settings: Mapping[str, Any], name: str, usual: float) -> float:
    try:
        given = float(settings.get(name, usual))
    except (TypeError, ValueError):
        given = -1
    if 0 <= given < 1e9:
        return given
    raise InputError(f"staging_{name}", f"{settings[name]!r} is no number; write 0 or more")


def _size(value: int) -> str:
    for unit, name in ((_GIB, "GiB"), (_MIB, "MiB")):
        if value >= unit:
            return f"{value / unit:.1f} {name}".replace(".0 ", " ")
    return f"{value} bytes"


@dataclass(frozen=True)
class _Limits:
    cores: int
    bounds_cores: bool


_ASKING = threading.Lock()


def _machine(client: docker.DockerClient) -> _Limits:
    """The engine's machine, which may be another one. Without root an engine often may not bound cores."""
    # All containers of a stage are made at once, and their first question is this one, which an engine takes time for.
    with _ASKING:
        return _asked(client)


@functools.lru_cache(maxsize=4)
def _asked(client: docker.DockerClient) -> _Limits:
    known = client.info()
    return _Limits(int(known.get("NCPU") or 1), bool(known.get("CpuCfsQuota", True)))


class DiskWatch:
    """Ends containers that have written more than they may: Docker measures what is theirs, at least every second."""

    # A share of one core at most, however many files there are.
    _SHARE = 20
    _EVERY_SECONDS = 1.0
    # Nobody counts so many files for so long but where somebody makes them.
    _MOST_SECONDS = 60.0

    def __init__(self, client: docker.DockerClient, bounds: Bounds) -> None:
        self._client = client
        self._bounds = bounds
        self._given: dict[str, int] = {}
        self._over = threading.Event()
        self._words = ""
        self._thread = threading.Thread(target=self._go_on, daemon=True)

    @property
    def words(self) -> str:
        """Why a container was ended; nothing where none was."""
        return self._words

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def add(self, container: Container, given: int = 0) -> None:
        """Watch a container, which was given so many bytes."""
        self._given[str(container.id)] = given

    def stop(self) -> None:
        """Watch no more."""
        self._over.set()

    def _go_on(self) -> None:
        pause = self._EVERY_SECONDS
        while not self._over.wait(pause):
            began = time.monotonic()
            # One that is being made or removed may be in the way; the next look comes.
            with contextlib.suppress(Exception):
                self._look()
            pause = max(self._EVERY_SECONDS, self._SHARE * (time.monotonic() - began))

    def _look(self) -> None:
        given, began = dict(self._given), time.monotonic()
        rows = self._client.api.containers(size=True, filters={"id": list(given)}) if given else []
        slow = time.monotonic() - began > self._MOST_SECONDS
        for row in rows:
            written = int(row.get("SizeRw") or 0) - given.get(row["Id"], 0)
            if written > self._bounds.disk or slow:
                name = str(row["Names"][0]).strip("/")
                self._words = (
                    f"the containers have more files than can be counted in {self._MOST_SECONDS:.0f} s"
                    if slow
                    else f"the container {name} wrote {_size(written)}, more than its bound on disk, "
                    f"{_size(self._bounds.disk)} (staging_disk); let it write less, or raise the bound"
                )
                self._client.api.kill(row["Id"])
