"""The flags of files that ``chattr`` sets: what is immutable, not even root can move."""

from __future__ import annotations

import fcntl
import os
import struct

__all__ = ["is_fixed"]

_FS_IMMUTABLE, _FS_APPEND = 0x10, 0x20
# Where the direction of an ioctl has other bits.
_OTHER_IOCTL = ("alpha", "mips", "parisc", "ppc", "sparc")


def is_fixed(path: str) -> bool:
    """Return whether a file or folder is immutable or may only be appended to (``chattr +i``, ``+a``).

    Where the file system has no such flags, it is not; links have none.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        flags = fcntl.ioctl(descriptor, _get_flags(), struct.pack("l", 0))
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return bool(struct.unpack("i", flags[:4])[0] & (_FS_IMMUTABLE | _FS_APPEND))


def _get_flags() -> int:
    """Return the number of FS_IOC_GETFLAGS, ``_IOR('f', 1, long)``."""
    read = 1 << 30 if os.uname().machine.startswith(_OTHER_IOCTL) else 2 << 30
    return read | struct.calcsize("l") << 16 | ord("f") << 8 | 1
