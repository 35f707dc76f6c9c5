"""Copies of files and trees that are never open to more people than what they are copies of."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress

__all__ = ["copy", "create"]

_PART = 1 << 20
_LABEL = "security.selinux"


def create(path: str | os.PathLike[str], mode: int = 0o600) -> int:
    """Create a file, which must not exist, and return its descriptor for writing. Links are not followed.

    Only its owner may read it, whatever the umask is, until the caller opens it to others: at the end.
    """
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode & 0o700)


def copy(source: str, target: str) -> None:
    """Copy a file, link or tree with owners, modes, times and attributes, as those of SELinux.

    Each part is made closed, and gets its owner and then its mode when it is whole; a directory when all in it is.
    """
    status = os.lstat(source)
    if stat.S_ISLNK(status.st_mode):
        os.symlink(os.readlink(source), target)
        os.chown(target, status.st_uid, status.st_gid, follow_symlinks=False)
        _copy_label(source, target)
        return
    folder = -1
    if stat.S_ISDIR(status.st_mode):
        # By its descriptor: it may be another user's, who puts a link in its place meanwhile.
        folder = os.open(source, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        source, status = f"/proc/self/fd/{folder}/.", os.fstat(folder)
    try:
        _copy(source, target, status)
    finally:
        if folder >= 0:
            os.close(folder)


def _copy(source: str, target: str, status: os.stat_result) -> None:
    """Copy a file or tree; what is in a folder is named by the folder's descriptor."""
    if stat.S_ISDIR(status.st_mode):
        os.mkdir(target, 0o700)
        for name in sorted(os.listdir(source)):
            copy(os.path.join(source, name), os.path.join(target, name))
    elif stat.S_ISREG(status.st_mode):
        _copy_content(source, target)
    else:
        raise OSError(errno.EINVAL, "it is neither a file, a directory nor a link", os.path.realpath(source))
    import shutil

    os.chown(target, status.st_uid, status.st_gid, follow_symlinks=False)
    # Times and attributes first and the mode at the end; what changed meanwhile is as closed as it is now.
    shutil.copystat(source, target, follow_symlinks=False)


def _copy_label(source: str, target: str) -> None:
    """Give a link the label of the one that it is a copy of, where there are labels."""
    with suppress(OSError):
        os.setxattr(target, _LABEL, os.getxattr(source, _LABEL, follow_symlinks=False), follow_symlinks=False)


def _copy_content(source: str, target: str) -> None:
    # Somebody may have put a pipe or a link there meanwhile.
    reading = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        with open(create(target), "wb") as file:
            part = os.read(reading, _PART)
            while part:
                file.write(part)
                part = os.read(reading, _PART)
    finally:
        os.close(reading)
