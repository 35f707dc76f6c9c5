"""What a power cut takes: the content of files that were written and not synced."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

__all__ = ["Disk"]


class Disk:
    """The files that are not on disk yet, by their inodes: a file keeps that under another name."""

    def __init__(self) -> None:
        self._opened: list[str] = []
        self._unsynced: set[int] = set()

    def opened(self, path: str) -> None:
        """A file is about to be opened for writing; it may not be there yet."""
        self.look()
        self._opened.append(path)

    def look(self) -> None:
        """Find the files that were opened, before they get other names."""
        for path in self._opened:
            with contextlib.suppress(OSError):
                self._unsynced.add(os.stat(path).st_ino)
        self._opened.clear()

    def synced(self, descriptor: int) -> None:
        """One file is on disk."""
        self.look()
        self._unsynced.discard(os.fstat(descriptor).st_ino)

    def synced_all(self) -> None:
        """Everything is on disk."""
        self._opened.clear()
        self._unsynced.clear()

    def lose(self, folders: Iterable[Path]) -> None:
        """Empty what was not on disk, as file systems with delayed allocation leave it."""
        self.look()
        for top in folders:
            for folder, _, names in os.walk(top):
                for path in (os.path.join(folder, name) for name in names):
                    if not os.path.islink(path) and os.stat(path).st_ino in self._unsynced:
                        os.truncate(path, 0)
        self.synced_all()
