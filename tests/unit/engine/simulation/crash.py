"""Stops the engine dead after any number of its steps."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from .disk import Disk

__all__ = ["Crash", "Steps", "fsync", "sync_filesystem", "unwatched"]

# Owners and times are left out: nothing that is held to be true depends on them.
_CHANGES = frozenset({"os.chmod", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink"})
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class Crash(BaseException):
    """The process of the engine is gone; nothing of it may happen any more."""


class Steps:
    """Counts what the engine changes: every change of a file below ``folders``, and what calls ``step``.

    Files are watched at Python's own audit events, so a change counts whichever way it takes. A file that is made or
    emptied by being opened, and nothing is in it yet, is a step of its own.
    """

    def __init__(self, *folders: Path) -> None:
        self._folders = tuple(f"{folder}{os.sep}" for folder in folders)
        self._limit: int | None = None
        self.disk = Disk()
        self.taken = 0
        self.dead = False

    @contextlib.contextmanager
    def counted(self, limit: int | None = None) -> Iterator[None]:
        """Watch what is done here; after ``limit`` steps nothing more happens, but ``Crash``."""
        global _watching
        self.taken, self.dead, self._limit = 0, False, limit
        _watching = self
        try:
            yield
        except Crash:
            self.dead = True
        finally:
            _watching = None

    def step(self, last: Callable[[], None] | None = None) -> None:
        """Take one step, or none any more; ``last`` is what still happens of it when it is the one that stops half way.

        Raises ``Crash``.
        """
        if _watching is not self:
            return
        # Kept up while the stack unwinds: a process that is gone cleans nothing up.
        if self.dead:
            raise Crash
        if self.taken == self._limit:
            self.dead = True
            if last is not None:
                with unwatched(), contextlib.suppress(OSError):
                    last()
            raise Crash
        self.taken += 1

    def _audit(self, event: str, arguments: tuple[object, ...]) -> None:
        if event in _CHANGES:
            folder = arguments[-1] if event in ("os.remove", "os.rmdir") else None
            if self._concerns(arguments[:2], folder):
                self.disk.look()
                self.step()
        elif event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & _WRITES and self._concerns((path,), None):
                self.step()
                if flags & os.O_TRUNC or not os.path.exists(str(path)):
                    self.step(lambda: os.close(os.open(str(path), flags, 0o600)))
                self.disk.opened(str(path))

    def _concerns(self, names: tuple[object, ...], folder: object) -> bool:
        if threading.current_thread() is not threading.main_thread():
            return False
        # What goes with its folder is named without it, beside the folder's descriptor.
        at = os.readlink(f"/proc/self/fd/{folder}") if isinstance(folder, int) and folder >= 0 else ""
        paths = [os.path.join(at, os.fspath(name)) for name in names if isinstance(name, (str, os.PathLike))]
        return any(path.startswith(self._folders) for path in paths)


@contextlib.contextmanager
def unwatched() -> Iterator[None]:
    """Let something happen that is not the engine's."""
    global _watching
    before, _watching = _watching, None
    try:
        yield
    finally:
        _watching = before


def fsync(descriptor: int) -> None:
    """Stands for ``os.fsync``, and costs nothing."""
    if _watching is not None:
        _watching.disk.synced(descriptor)


def sync_filesystem(path: Path) -> None:
    """Stands for ``kernel.sync_filesystem``."""
    if _watching is not None:
        _watching.disk.synced_all()


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if _watching is not None and (event == "open" or event.startswith("os.")):
        _watching._audit(event, arguments)


_watching: Steps | None = None
# It cannot be taken off again, and does nothing while nobody watches.
sys.addaudithook(_hook)
