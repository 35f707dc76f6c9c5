"""A store in a folder, for the controllers of one machine: a file for each key, and a lock over all of them."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from .model import CoordinationStore, KeyEntry, StoreFault, StoreUnreachable, check_key

__all__ = ["FileStore"]

_SUFFIX = ".entry"
_LOOK = 0.1


class FileStore(CoordinationStore):
    """``folder`` is made for this user alone. ``timeout`` is how many seconds the lock is waited for."""

    def __init__(self, folder: Path, timeout: float = 5.0) -> None:
        self._folder = folder
        self._timeout = timeout

    def get(self, key: str) -> KeyEntry | None:
        """Read the file, which is replaced as a whole."""
        return self._read(check_key(key))

    def compare_and_set(self, key: str, value: bytes, revision: int) -> int | None:
        """Compare and write while nobody else does."""
        path = self._path(check_key(key))
        with self._locked():
            found = self._read(key)
            if (found.revision if found else 0) != revision:
                return None
            return self._write(path, value)

    def entries(self, prefix: str) -> list[KeyEntry]:
        """Read every file below the prefix."""
        top = self._folder.joinpath(*check_key(prefix).split("/"))
        keys = [path.relative_to(self._folder).as_posix()[: -len(_SUFFIX)] for path in top.rglob(f"*{_SUFFIX}")]
        found = [self._read(key) for key in sorted(keys)]
        return [entry for entry in found if entry is not None]

    def watch(self, prefix: str, seconds: float) -> Iterator[KeyEntry]:
        """Look ten times a second."""
        until = time.monotonic() + seconds
        seen: dict[str, int] = {}
        while True:
            for entry in sorted(self.entries(prefix), key=lambda entry: entry.revision):
                if seen.get(entry.key) != entry.revision:
                    seen[entry.key] = entry.revision
                    yield entry
            left = until - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, _LOOK))

    def close(self) -> None:
        """Nothing stays open between requests."""

    def _path(self, key: str) -> Path:
        # No word of a key has a dot, so no file has the name of a folder.
        return self._folder.joinpath(*key.split("/")[:-1], key.split("/")[-1] + _SUFFIX)

    def _read(self, key: str) -> KeyEntry | None:
        try:
            revision, _, value = self._path(key).read_bytes().partition(b"\n")
            return KeyEntry(key, value, int(revision))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise StoreFault(f"{self._path(key)} cannot be read: {error}; expected what Sluice wrote there") from error

    def _write(self, path: Path, value: bytes) -> int:
        counter = self._folder / "revision"
        try:
            revision = int(counter.read_text()) + 1 if counter.exists() else 1
            # First, so that no two changes ever have the same one.
            self._replace(counter, str(revision).encode())
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._replace(path, b"%d\n%s" % (revision, value))
        except (OSError, ValueError) as error:
            raise StoreFault(
                f"{path} cannot be written: {error}; see to the disk, and to whose folder it is"
            ) from error
        return revision

    def _replace(self, path: Path, data: bytes) -> None:
        temporary = path.with_name(f".{path.name}.new")
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, path)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            words = f"the folder {self._folder} cannot be written: {error.strerror}; give it to this user"
            raise StoreFault(words) from error
        try:
            until = time.monotonic() + self._timeout
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > until:
                        words = f"{self._folder} is locked by another process for more than {self._timeout:g} s"
                        raise StoreUnreachable(f"{words}; see what hangs there") from None
                    time.sleep(0.01)
            yield
        finally:
            os.close(descriptor)
