"""What the controller keeps is its user's alone, and files of it are written whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .errors import SluiceError

__all__ = ["alone", "keep_private", "make_folder", "path_of", "write_bytes", "write_text"]


def path_of(project: Path, written: str | Path) -> Path:
    """Return the path that a variable names: relative to the project, and ``~`` is the user's folder, as in a shell.

    Raises ``SluiceError`` where ``~NAME`` is nobody's.
    """
    try:
        return project / Path(written).expanduser()
    except RuntimeError as error:
        raise SluiceError(
            f"{written}: nobody knows whose folder {Path(written).parts[0]} is; write the path out"
        ) from error


def write_text(path: Path, text: str, *, sync: bool = False, mode: int = 0o600) -> None:
    """Write a file so that a reader sees the old or the new one, and a full disk leaves the old one; ``sync`` waits for
    the disk. With the default ``mode`` it is this user's alone. Raises ``OSError``.
    """
    # What is no character, as a byte of a log, is shown as an escape, which JSON reads as the same again.
    write_bytes(path, text.encode("utf-8", "backslashreplace"), sync=sync, mode=mode)


def write_bytes(path: Path, data: bytes, *, sync: bool = False, mode: int = 0o600) -> None:
    """Write a file as ``write_text`` does. Raises ``OSError``."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:200]}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            if mode != 0o600:
                os.fchmod(handle, mode)
            stream.write(data)
            if sync:
                stream.flush()
                os.fsync(stream.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def make_folder(path: Path) -> None:
    """Make a folder, and those above it that are missing, for this user alone. Raises ``OSError``."""
    missing = [path]
    while not missing[-1].parent.exists():
        missing.append(missing[-1].parent)
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Wait until nobody else is alone with a folder, in any process. Raises ``OSError``."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def keep_private(folder: Path) -> Path:
    """Make ``folder``, or close it to others where it is open to them, and return it.

    Raises ``SluiceError`` where it is a link or another user's: that user reads and writes what is kept there.
    """
    try:
        status = folder.lstat()
    except FileNotFoundError:
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            return keep_private(folder)
        except OSError:
            # Who writes there says why that cannot be; who reads finds nothing.
            return folder
        return folder
    if not stat.S_ISDIR(status.st_mode):
        kind = "a link" if stat.S_ISLNK(status.st_mode) else "no folder"
        raise SluiceError(
            f"{folder} is {kind}, and what is kept there could be read or changed by others; expected a folder of this "
            "user: remove it, or move what it leads to in its place"
        )
    mode = stat.S_IMODE(status.st_mode)
    if status.st_uid == 0 != os.geteuid() and (os.path.ismount(folder) or not mode & stat.S_IWOTH):
        # A volume that a service mounts, or what an administrator has made for this user.
        return folder
    if status.st_uid != os.geteuid():
        raise SluiceError(
            f"{folder} belongs to the user {status.st_uid}, and this is the user {os.geteuid()}; run as its owner, or "
            "give it to this user: what is kept there decides what is deployed"
        )
    if mode & 0o077:
        try:
            folder.chmod(0o700)
        except OSError as error:
            raise SluiceError(
                f"{folder} cannot be closed to other users: {error.strerror}; expected mode 0700"
            ) from error
    return folder
