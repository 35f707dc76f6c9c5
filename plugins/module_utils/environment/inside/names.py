"""Answers nginx's many questions for names out of a table.

nginx looks up each name of a configuration whenever it reads it, and the C library goes through all of ``/etc/hosts``
for each: ten thousand names take half a minute, at every start and reload. Before it does, GNU's library asks its
cache's daemon (nscd), which hands out a table that all processes share. Here the agent hands out such a table, with
what ``/etc/hosts`` says. Who does not ask for it, or does not find a name there, reads the file as ever.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path

__all__ = ["LEAST", "answer", "table"]

LEAST = 200
"""So few names are found as fast in the file."""

_SOCKET = Path("/var/run/nscd/socket")
# Of nscd-client.h, in the order of the fields there; they are the same since 2005.
_REQUEST = struct.Struct("=iii")
_TABLE_OF_HOSTS, _ADDRESSES = 13, 14
_KEY = b"hosts\0"
_VERSION = 2
_ALIGN = 16
_END = 0xFFFFFFFF
_HEAD = struct.Struct("=iiiiq16xiiiiii56x")
_ENTRY = struct.Struct("=B?2xiIiII8x")
_RECORD = struct.Struct("=iiqBBBxI")
_ANSWER = struct.Struct("=iiiiii")
_IPV4_BYTES = 4
# Nobody grows old here.
_EVER = 2**62


def table(names: Mapping[str, str]) -> bytes:
    """Return the table of names and their IPv4 addresses, as the C library reads it."""
    slots = max(1, len(names)) | 1
    rows: list[list[tuple[bytes, bytes]]] = [[] for _ in range(slots)]
    for name, address in names.items():
        key = name.encode() + b"\0"
        rows[_hash(key) % slots].append((key, socket.inet_aton(address)))
    array, data = bytearray(), bytearray()
    for row in rows:
        following = _END
        for key, packed in row:
            following = _add(data, key, packed, following)
        array += struct.pack("=I", following)
    array += bytes(-len(array) % _ALIGN)
    head = _HEAD.pack(
        _VERSION, _HEAD.size, 0, 1, _EVER, slots, len(data), len(data), len(names), len(names), len(names)
    )
    return bytes(head + array + data)


def _add(data: bytearray, key: bytes, address: bytes, following: int) -> int:
    """Add what is known of a name; returns its place."""
    said = _ANSWER.pack(_VERSION, 1, 1, _IPV4_BYTES, len(key), 0) + address + bytes([socket.AF_INET]) + key
    size = _RECORD.size + len(said)
    record = len(data)
    data += _RECORD.pack(size, size, _EVER, 0, 0, 1, _END >> 1) + said + bytes(-size % _ALIGN)
    place = len(data)
    # The key is the end of what is said.
    data += _ENTRY.pack(_ADDRESSES, True, len(key), record + size - len(key), -1, following, record)
    data += bytes(-len(data) % _ALIGN)
    return place


def _hash(key: bytes) -> int:
    found = 0
    for each in key:
        found = (each + 65599 * found) & _END
    return found


def answer(names: Mapping[str, str]) -> None:
    """Hand out the table of names from now on, until the container ends."""
    with tempfile.TemporaryFile() as file:
        file.write(table(names))
        file.flush()
        shared = os.open(f"/proc/self/fd/{file.fileno()}", os.O_RDONLY | os.O_CLOEXEC)
    _SOCKET.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        _SOCKET.unlink()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(_SOCKET))
    _SOCKET.chmod(0o666)
    listener.listen(64)
    threading.Thread(target=_serve, args=(listener, shared), daemon=True).start()


def _serve(listener: socket.socket, shared: int) -> None:
    while True:
        with contextlib.suppress(OSError, struct.error):
            line, _ = listener.accept()
            # Whose other questions are not answered reads the files.
            with line:
                line.settimeout(1)
                asked = line.recv(_REQUEST.size + len(_KEY))
                version, kind, _ = _REQUEST.unpack_from(asked)
                if (version, kind, asked[_REQUEST.size :]) == (_VERSION, _TABLE_OF_HOSTS, _KEY):
                    socket.send_fds(line, [_KEY], [shared])
