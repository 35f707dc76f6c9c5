"""Kernel calls that Python 3.8 does not have."""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path

__all__ = ["bind_privately", "exchange", "sync_filesystem"]

_CLONE_NEWNS = 0x00020000
_MS_BIND, _MS_REC, _MS_PRIVATE = 4096, 16384, 1 << 18
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2

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
