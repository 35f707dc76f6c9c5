"""Opening files that others than root may have prepared: a log in a folder of the web server's user, a pid file.

Whoever may write in a folder can put a link to ``/etc/shadow`` there, or a pipe on which a reader waits for ever. So
links are followed only where root made them, and what is no regular file is never opened.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager
from typing import Iterator

__all__ = ["open_regular", "opened", "read_any", "read_start"]

_MOST_LINKS = 40
_OTHERS_WRITE = 0o022
_LOOK = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[int]:
    """Open a regular file for reading, for the time of a ``with``. Raises ``OSError``, as ``open_regular`` does."""
    descriptor = open_regular(path)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def read_start(path: str | os.PathLike[str], size: int) -> bytes:
    """Return the first ``size`` bytes of a file that root owns. Raises ``OSError`` where somebody else does."""
    with opened(path) as descriptor:
        if os.fstat(descriptor).st_uid not in _trusted():
            raise PermissionError(errno.EACCES, "it belongs to another user than root", os.fspath(path))
        return os.read(descriptor, size)


def read_any(path: str | os.PathLike[str], size: int) -> bytes:
    """Return the first ``size`` bytes of a regular file of anybody's, at the end of anybody's links, as a certificate.

    For what is never shown. Raises ``OSError`` for anything else, and never waits.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", os.fspath(path))
        return file.read(size)


def open_regular(path: str | os.PathLike[str]) -> int:
    """Open a regular file for reading; returns its descriptor.

    Raises ``OSError`` for anything else, for a link that another user than root has made, and for a hard link in a
    folder in which others may make one. Never waits: a pipe or a device is not even opened.
    """
    at, folder = _walk(os.fspath(path))
    try:
        status = os.fstat(at)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", os.fspath(path))
        if status.st_nlink > 1 and _is_open_to_others(folder):
            raise PermissionError(errno.EACCES, "it is one of several hard links", os.fspath(path))
        # The very file that was looked at, whatever its name leads to by now.
        return os.open(f"/proc/self/fd/{at}", os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    finally:
        os.close(at)


def _walk(path: str) -> tuple[int, os.stat_result]:
    """Go to a file name by name; returns a descriptor to look at it with, and what its folder is."""
    at = os.open("/" if path.startswith("/") else ".", _LOOK | os.O_DIRECTORY)
    folder = os.fstat(at)
    names, links = _names(path), 0
    try:
        while names:
            found = os.open(names.pop(), _LOOK, dir_fd=at)
            try:
                status = os.fstat(found)
                if stat.S_ISLNK(status.st_mode):
                    links += 1
                    if status.st_uid not in _trusted() or links > _MOST_LINKS:
                        raise PermissionError(errno.EACCES, "a link that root did not make leads there", path)
                    target = os.readlink("", dir_fd=found)
                    names += _names(target)
                    if not target.startswith("/"):
                        continue
                    os.close(found)
                    found = os.open("/", _LOOK | os.O_DIRECTORY)
                at, found = found, at
                if names or stat.S_ISDIR(os.fstat(at).st_mode):
                    folder = os.fstat(at)
            finally:
                os.close(found)
    except BaseException:
        os.close(at)
        raise
    return at, folder


def _names(path: str) -> list[str]:
    return [name for name in reversed(path.split("/")) if name not in ("", ".")]


def _is_open_to_others(folder: os.stat_result) -> bool:
    return folder.st_uid not in _trusted() or bool(folder.st_mode & _OTHERS_WRITE)


def _trusted() -> tuple[int, int]:
    # In tests the engine is not root.
    return (0, os.geteuid())
