"""A pair of virtual interfaces, one end of which is in the network of another process.

Not by ``ip link add … netns PID``: iproute2 6.15 looks the network up by itself, and for that the kernel
wants whoever asks to be allowed to look into the process. The judge is not, and the kernel itself takes the number.
"""

from __future__ import annotations

import os
import socket
import struct

__all__ = ["add_pair"]

_NEW_LINK, _ERROR = 16, 2
_REQUEST, _ACKNOWLEDGE, _EXCLUSIVE, _CREATE = 0x1, 0x4, 0x200, 0x400
_NAME, _INFO, _PROCESS = 3, 18, 19
_KIND, _DATA = 1, 2
_PEER = 1
_HEADER = struct.Struct("=IHHII")
_READ = 64 << 10


def add_pair(name: str, process: int) -> None:
    """Add the interface ``name`` here, and its other end, of the same name, in the network of a process.

    Raises ``OSError`` with the kernel's reason.
    """
    nothing = bytes(16)
    peer = nothing + _attribute(_NAME, _text(name)) + _attribute(_PROCESS, struct.pack("=I", process))
    info = _attribute(_KIND, b"veth") + _attribute(_DATA, _attribute(_PEER, peer))
    body = nothing + _attribute(_NAME, _text(name)) + _attribute(_INFO, info)
    flags = _REQUEST | _ACKNOWLEDGE | _EXCLUSIVE | _CREATE
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW) as kernel:
        kernel.bind((0, 0))
        kernel.send(_HEADER.pack(_HEADER.size + len(body), _NEW_LINK, flags, 1, 0) + body)
        answer = kernel.recv(_READ)
    _, kind, *_ = _HEADER.unpack_from(answer)
    code = struct.unpack_from("=i", answer, _HEADER.size)[0] if kind == _ERROR else 0
    if code:
        raise OSError(-code, os.strerror(-code))


def _text(name: str) -> bytes:
    return name.encode() + b"\0"


def _attribute(kind: int, value: bytes) -> bytes:
    """Write an attribute: its length, what it is, its value, and up to three bytes to the next multiple of four."""
    size = 4 + len(value)
    return struct.pack("=HH", size, kind) + value + bytes(-size % 4)
