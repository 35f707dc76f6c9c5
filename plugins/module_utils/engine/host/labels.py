"""Labels of SELinux: files that Sluice makes get those that the policy has for the same path below ``/etc/nginx``.

Asked of libselinux, which each host with SELinux has, since only it knows all of the policy's files, those of the
host's own included. Where it cannot be had, a file gets the label of what is at that path now, or above it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Callable, Iterator

__all__ = ["ATTRIBUTE", "is_enforcing", "is_labelled", "label_as_made", "label_tree", "lookup"]

ATTRIBUTE = "security.selinux"
_MOUNT = "/sys/fs/selinux"
_LIBRARY = "libselinux.so.1"
_FILES = 0
_WITHOUT = (errno.ENOTSUP, errno.EROFS)

# A path and its mode to a label; nothing where the policy has none for it.
Lookup = Callable[[str, int], bytes]


def is_enforcing() -> bool:
    """Return whether this machine's SELinux forbids what its policy does not allow."""
    try:
        with open(f"{_MOUNT}/enforce") as file:
            return file.read().strip() == "1"
    except OSError:
        return False


def is_labelled(place: Path, path: Path) -> bool:
    """Return whether what is at ``place`` has the label of ``path``; yes where there are none."""
    try:
        found = os.getxattr(place, ATTRIBUTE)
    except OSError as error:
        return error.errno in _WITHOUT
    with lookup() as find:
        label = find(os.fspath(path), os.stat(place).st_mode)
    return not label or _type(found) == _type(label)


def label_as_made(path: Path, pid: int) -> None:
    """Give a file the label that it would have had if a process had made it: the policy decides by that process and the
    folder. Raises ``OSError``.
    """
    with open(f"/proc/{pid}/attr/current", "rb") as file:
        domain = file.read().rstrip(b"\0\n")
    folder = os.getxattr(path.parent, ATTRIBUTE).rstrip(b"\0")
    kind = "dir" if path.is_dir() else "file"
    with open(f"{_MOUNT}/class/{kind}/index", "rb") as file:
        number = file.read().strip()
    descriptor = os.open(f"{_MOUNT}/create", os.O_RDWR | os.O_CLOEXEC)
    try:
        os.write(descriptor, b" ".join([domain, folder, number]))
        label = os.read(descriptor, 4096).rstrip(b"\0")
    finally:
        os.close(descriptor)
    if label:
        _set(os.fspath(path), label + b"\0")


def label_tree(place: str | os.PathLike[str], path: Path) -> None:
    """Give what is at ``place``, and all in it, the labels of the same tree at ``path``. Links are not followed.

    Raises ``OSError`` where this process may not label; a file system that has no labels is left as it is.
    """
    with lookup() as find:
        _label(os.fspath(place), os.fspath(path), find)
        # By descriptors: a folder may be another user's, who puts a link in the place of what is gone through.
        if not stat.S_ISDIR(os.lstat(place).st_mode):
            return
        for folder, folders, files, at in os.fwalk(place):
            below = os.path.relpath(folder, place)
            for name in folders + files:
                there = os.path.normpath(os.path.join(path, below, name))
                _label(f"/proc/self/fd/{at}/{name}", there, find)


@contextmanager
def lookup() -> Iterator[Lookup]:
    """Have what finds the label of a path, for the time of a ``with``."""
    try:
        library = ctypes.CDLL(_LIBRARY, use_errno=True)
        library.selabel_open.restype = ctypes.c_void_p
        handle = library.selabel_open(_FILES, None, 0)
    except (OSError, AttributeError):
        handle = None
    if not handle:
        yield _label_nearby
        return

    def find(path: str, mode: int) -> bytes:
        context = ctypes.c_char_p()
        given = (ctypes.c_void_p(handle), ctypes.byref(context), os.fsencode(path), ctypes.c_int(mode))
        if library.selabel_lookup_raw(*given) != 0 or context.value is None:
            return b""
        label = context.value + b"\0"
        library.freecon(context)
        return label

    try:
        yield find
    finally:
        library.selabel_close(ctypes.c_void_p(handle))


def _label_nearby(path: str, mode: int) -> bytes:
    """Return the label of what is at ``path``, else of the nearest folder above it."""
    while True:
        with suppress(OSError):
            return os.getxattr(path, ATTRIBUTE)
        if path in ("/", ""):
            return b""
        path = os.path.dirname(path)


def _label(at: str, path: str, find: Lookup) -> None:
    label = find(path, os.lstat(at).st_mode)
    if label:
        _set(at, label)


def _set(at: str, label: bytes) -> None:
    with suppress(OSError):
        if _type(os.getxattr(at, ATTRIBUTE, follow_symlinks=False)) == _type(label):
            return
    try:
        os.setxattr(at, ATTRIBUTE, label, follow_symlinks=False)
    except OSError as error:
        # As vfat, or what is mounted with one label for all.
        if error.errno not in _WITHOUT:
            raise


def _type(label: bytes) -> bytes:
    """Return the part of a label that the policy decides by; the user in it is whoever made the file."""
    return label.rstrip(b"\0").split(b":", 2)[-1]
