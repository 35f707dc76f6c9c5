"""The one seam to the environment: every change that the engine makes to files or processes, its requests, and its
clock.

What only some operations need is imported where it is needed: a host pays for each import in each phase.

A test replaces it, or stops the engine after any one of its calls.
"""

from __future__ import annotations

import gc
import os
import signal
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Iterator, NamedTuple, Sequence

from .command import NotEntered, Ran, Standing, close_others, run
from .copying import copy, create

if TYPE_CHECKING:
    from ...coordination.model import CoordinationStore, StoreLogin
    from ..protocol import Json

__all__ = ["SELINUX", "Bind", "NoNamespace", "Ran", "Standing", "System"]

SELINUX = "/sys/fs/selinux/enforce"
"""It is there where the machine runs SELinux."""

# So many files are synced one by one.
_FEW = 64


class Bind(NamedTuple):
    """A directory that a command sees at another place, and nobody else does."""

    source: Path
    target: Path


class NoNamespace(Exception):
    """This host lets nobody have a private mount namespace."""


class System:
    """Files, processes and clock of this host. ``proc`` is where ``/proc`` is."""

    proc = Path("/proc")
    _boot: str | None = None

    def now(self) -> str:
        """Return the time, ISO-8601 in UTC with milliseconds."""
        seconds, thousandths = divmod(time.time_ns() // 1_000_000, 1000)
        return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{thousandths:03d}Z"

    def monotonic(self) -> float:
        """Return seconds that never go back, and that no change of the clock moves."""
        return time.monotonic()

    def boot(self) -> str:
        """Return the time since the machine was started; a container starts with its first process."""
        if self._boot is None:
            self._boot = self._read_boot()
        return self._boot

    def _read_boot(self) -> str:
        boot = (self.proc / "sys/kernel/random/boot_id").read_text().strip()
        started = (self.proc / "1/stat").read_text().rpartition(") ")[2].split()[19]
        return f"{boot}/{started}"

    def systemd(self) -> bool:
        """Return whether systemd runs this machine."""
        return os.path.isdir("/run/systemd/system")

    def manager(self) -> str:
        """Return what starts services on this machine: ``systemd``, ``openrc``, ``runit``, ``sysvinit`` or ``none``."""
        if self.systemd():
            return "systemd"
        from .services import find_manager

        return find_manager(self.proc)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def store(self, login: StoreLogin) -> CoordinationStore:
        """Return the store where slices of a roll-out meet. Raises ``InputError`` for an address that is none."""
        from ...coordination.locate import open_store

        return open_store(login)

    def make_directory(self, path: Path, mode: int = 0o755) -> None:
        """Make a directory and its parents, and give it its mode even when it was there."""
        if not path.parent.exists():
            self.make_directory(path.parent)
        path.mkdir(mode & 0o700, exist_ok=True)
        path.chmod(mode)

    def write(self, path: Path, data: bytes, mode: int = 0o600, *, durable: bool = True) -> None:
        """Replace a file as a whole: after a crash there is the old one or the new one.

        What is not ``durable`` need not outlive the machine. The file is closed to others until it is whole.
        """
        temporary = path.with_name(f".{path.name}.new")
        with suppress(FileNotFoundError):
            # What a crash has left may be open to more people.
            os.unlink(temporary)
        with open(create(temporary), "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            if durable:
                os.fsync(file.fileno())
        os.rename(temporary, path)
        if durable:
            self._sync(path.parent)

    def append(self, path: Path, line: bytes) -> None:
        """Add a line to a file, on disk when this returns. A line that a crash cut short is ended first."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            whole = not size or os.pread(descriptor, 1, size - 1) == b"\n"
            os.write(descriptor, line if whole else b"\n" + line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def symlink(self, target: Path, path: Path) -> None:
        """Make ``path`` a link to ``target`` in one step; ``path`` may be a link or a file, or not exist."""
        temporary = path.with_name(f".{path.name}.sluice-link")
        if os.path.lexists(temporary):
            temporary.unlink()
        os.symlink(target, temporary)
        self.label(temporary, path)
        os.rename(temporary, path)
        self._sync(path.parent)

    def rename(self, source: Path, target: Path) -> None:
        """Move a file or tree within one file system, on disk when this returns."""
        self._sync_tree(source)
        os.rename(source, target)
        self._sync(target.parent)

    def _sync_tree(self, path: Path) -> None:
        # A file system may hold much that others have written, so only what has many parts is worth to sync it all.
        parts = list(_some(os.fspath(path), _FEW + 1))
        if len(parts) <= _FEW:
            for part in parts:
                self._sync(part)
        else:
            from . import kernel

            kernel.sync_filesystem(path)

    def replace(self, source: Path, target: Path) -> None:
        """Put a file or link in the place of another one, in one step; it is on disk when this returns."""
        from . import kernel

        kernel.sync_filesystem(source.parent)
        os.replace(source, target)
        self._sync(target.parent)

    def exchange(self, one: Path, other: Path) -> None:
        """Let two names change places in one step; what they name is on disk when this returns."""
        from . import kernel

        kernel.sync_filesystem(one.parent)
        kernel.exchange(one, other)
        self._sync(other.parent)

    def copy(self, source: Path, target: Path) -> None:
        """Copy a file, link or tree with owners, modes and times; no part of it is ever more open than its origin."""
        copy(str(source), str(target))

    def label(self, place: str | os.PathLike[str], path: Path) -> str:
        """Give what is at ``place`` the labels of SELinux that the same tree has at ``path``, where there are labels.

        Returns why this process could not; nothing where it could. No switch and no rollback may fail for that alone.
        """
        if not os.path.exists(SELINUX):
            return ""
        # Here, as many hosts have none.
        from .labels import label_tree

        try:
            label_tree(place, path)
        except OSError as error:
            return str(error)
        return ""

    def remove(self, path: Path) -> None:
        """Remove a file, link or tree; nothing happens when there is none.

        A folder in it may be another user's, who puts a link in the place of what is gone through: none is followed.
        """
        if path.is_dir() and not path.is_symlink():
            for _, folders, files, at in os.fwalk(path, topdown=False):
                for name in files:
                    os.unlink(name, dir_fd=at)
                for name in folders:
                    mode = os.stat(name, dir_fd=at, follow_symlinks=False).st_mode
                    (os.rmdir if stat.S_ISDIR(mode) else os.unlink)(name, dir_fd=at)
            os.rmdir(path)
        elif os.path.lexists(path):
            path.unlink()

    def run(
        self,
        argv: Sequence[str],
        timeout: float,
        bind: Bind | None = None,
        data: bytes = b"",
        *,
        program: int = -1,
        standing: Standing | None = None,
    ) -> Ran:
        """Run a command with ``data`` as its input, within ``timeout`` seconds, and with ``bind`` in a mount namespace
        of its own. ``program`` is a descriptor of the file to run, where it is not the one that ``argv[0]`` names, and
        ``standing`` is as what it runs.

        Raises ``NoNamespace`` where that cannot be had; a command that cannot start or does not end has code 127 or
        124.
        """
        enter = None
        if bind is not None or standing is not None:
            # Imported before the fork: a child that imports may wait for a lock of a thread that it does not have.
            from .kernel import become, bind_privately, enter_mounts

            def enter() -> None:
                if standing is not None and standing.mounts:
                    enter_mounts(standing.mounts)
                if bind is not None:
                    bind_privately(*bind)
                if standing is not None and standing.user:
                    become(standing.user, standing.group, standing.groups, standing.capabilities)

        try:
            return run(argv, timeout, data, enter, program)
        except NotEntered as error:
            raise NoNamespace(str(error)) from error

    def reload(self, pid: int) -> None:
        """Tell a master to read its configuration again. Raises ``ProcessLookupError`` when it is gone."""
        os.kill(pid, signal.SIGHUP)

    def quit(self, pid: int) -> None:
        """Tell a process of nginx to end what it has and go. Raises ``ProcessLookupError`` when it is gone."""
        os.kill(pid, signal.SIGQUIT)

    def kill(self, pid: int) -> None:
        """End a process at once. Raises ``ProcessLookupError`` when it is gone."""
        os.kill(pid, signal.SIGKILL)

    def ask(
        self,
        contract: list[Json],
        timeout: float,
        noted: Callable[[Json], None] | None = None,
        lost: Callable[[], str] | None = None,
    ) -> list[Json]:
        """Make the requests of a contract, each within ``timeout`` seconds, and return the outcomes in its order.

        ``noted`` gets each outcome as soon as it is there, on any thread. ``lost`` is as in ``run_checks``.
        """
        # Here, since most operations ask nothing.
        from ...contract.client import Outcome, run_rows

        def note(outcome: Outcome) -> None:
            if noted is not None:
                noted(outcome.to_json())

        outcomes = run_rows(contract, timeout=timeout, noted=note, lenient=True, lost=lost)
        return [outcome.to_json() for outcome in outcomes]

    def detach(self, work: Callable[[], object], *kept: int) -> None:
        """Let a process of its own do ``work``; it outlives this one, and the session that this one belongs to.

        Of what is open, it has the descriptors ``kept``.
        """
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            return
        try:
            os.setsid()
            if not os.fork():
                _let_go(*kept)
                work()
        finally:
            os._exit(0)

    def _sync(self, path: str | os.PathLike[str]) -> None:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _some(path: str, most: int) -> Iterator[str]:
    """Yield the files and folders of a tree, at most so many: what can be synced. Links are parts of their folder."""
    waiting = [path]
    while waiting and most > 0:
        path = waiting.pop()
        mode = os.lstat(path).st_mode
        if stat.S_ISDIR(mode) or stat.S_ISREG(mode):
            yield path
            most -= 1
        if stat.S_ISDIR(mode):
            waiting += [os.path.join(path, name) for name in os.listdir(path)]


def _let_go(*kept: int) -> None:
    """Keep nothing of the process before: neither its folder, nor its lock, nor the connection that waits for it."""
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(null, number)
    # What is closed here by its number must not be once more, when the object that had it is collected.
    gc.freeze()
    close_others(*kept)
