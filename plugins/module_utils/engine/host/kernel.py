"""Kernel calls that Python 3.8 does not have."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from pathlib import Path
from typing import Sequence

__all__ = ["become", "bind_privately", "enter_mounts", "exchange", "sync_filesystem"]

_CLONE_NEWNS = 0x00020000
_MS_BIND, _MS_REC, _MS_PRIVATE = 4096, 16384, 1 << 18
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
_PR_SET_KEEPCAPS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 8, 47, 2
_CAPABILITY_VERSION = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: object) -> None:
    function = getattr(_libc, name, None)
    if function is None:
        raise OSError(errno.ENOSYS, f"the C library has no {name}")
    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def bind_privately(source: Path, target: Path) -> None:
    """Leave the mount namespace of this process and bind ``source`` over ``target``.

    Raises ``OSError`` where that is not allowed.
    """
    _call("unshare", _CLONE_NEWNS)
    # Without this the bind would spread to the host where / is shared, as systemd makes it.
    _call("mount", b"none", b"/", None, ctypes.c_ulong(_MS_REC | _MS_PRIVATE), None)
    _call("mount", os.fsencode(source), os.fsencode(target), None, ctypes.c_ulong(_MS_BIND), None)


def enter_mounts(namespace: str) -> None:
    """See the files that the processes of a mount namespace see. Raises ``OSError`` where that is not allowed."""
    descriptor = os.open(namespace, os.O_RDONLY)
    try:
        _call("setns", descriptor, _CLONE_NEWNS)
    finally:
        os.close(descriptor)


def become(user: int, group: int, groups: Sequence[int], capabilities: int) -> None:
    """Be another user for good, with these capabilities and no others, also in the command that this process becomes.

    Raises ``OSError`` where that is not allowed.
    """
    for stream in (1, 2):
        # /dev/stderr, to which nginx may log, is opened anew, and a pipe of root's would be closed to it.
        os.fchown(stream, user, group)
    _call("prctl", _PR_SET_KEEPCAPS, ctypes.c_ulong(1), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0))
    os.setgroups(list(groups))
    os.setresgid(group, group, group)
    os.setresuid(user, user, user)
    header = struct.pack("Ii", _CAPABILITY_VERSION, 0)
    low, high = capabilities & 0xFFFFFFFF, capabilities >> 32
    _call("capset", header, struct.pack("6I", low, low, low, high, high, high))
    for number in range(64):
        if capabilities >> number & 1:
            numbers = (ctypes.c_ulong(each) for each in (_PR_CAP_AMBIENT_RAISE, number, 0, 0))
            _call("prctl", _PR_CAP_AMBIENT, *numbers)


def exchange(one: Path, other: Path) -> None:
    """Let two names change places in one step.

    Raises ``OSError``, with ``EXDEV`` for a lower directory of overlayfs.
    """
    _call("renameat2", _AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), ctypes.c_uint(_RENAME_EXCHANGE))


def sync_filesystem(path: Path) -> None:
    """Write everything of the file system that holds ``path`` to disk:

    one call instead of one for each file of a tree.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        _call("syncfs", descriptor)
    except OSError as error:
        if error.errno != errno.ENOSYS:
            raise
        os.sync()
    finally:
        os.close(descriptor)
