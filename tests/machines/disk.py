"""A disk whose cache is lost with its power: an NBD server over an image, for one emulator.

What was written and not flushed may be gone after a power cut, each block for itself and in no order, as real disks
lose it. What a flush has acknowledged stays. The image itself is never written.
"""

from __future__ import annotations

import contextlib
import os
import random
import socket
import struct
import threading
from pathlib import Path
from typing import BinaryIO

__all__ = ["Disk"]

_BLOCK = 4096

_FIXED_NEWSTYLE, _NO_ZEROES = 1, 2
_HAS_FLAGS, _SEND_FLUSH, _SEND_FUA = 1, 4, 8
_OPTION, _ANSWER = 0x49484156454F5054, 0x3E889045565A9
_INFO, _GO, _ABORT = 6, 7, 2
_ACK, _REP_INFO, _UNSUPPORTED = 1, 3, 0x80000001
_REQUEST, _REPLY = 0x25609513, 0x67446698
_READ, _WRITE, _END, _FLUSH = 0, 1, 2, 3
_FUA = 1
_EINVAL = 22


class Disk:
    """An image with what was written since, in memory. ``serve`` gives it to an emulator at a socket's path."""

    def __init__(self, image: Path) -> None:
        self._image = os.open(image, os.O_RDONLY | os.O_CLOEXEC)
        self.size = os.fstat(self._image).st_size
        # By the number of a block; a block is one of the cache until it is flushed.
        self._kept: dict[int, bytes] = {}
        self._cached: dict[int, list[bytes]] = {}
        self._listening: socket.socket | None = None
        self._served: list[socket.socket] = []
        self._lock = threading.Lock()
        self.flushes = 0
        # What a cut at each flush, before it, would have left, while somebody wants to know.
        self._noted: list[dict[int, bytes]] | None = None
        self._chance = random.Random(0)

    def serve(self, path: Path) -> None:
        """Listen at ``path`` for one emulator after the other, on a thread of its own."""
        path.unlink(missing_ok=True)
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listening.bind(str(path))
        self._listening.listen(1)
        threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    def close(self) -> None:
        """End the server and what it serves."""
        for each in [self._listening, *self._served]:
            if each is not None:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()
        self._listening, self._served = None, []
        os.close(self._image)

    def note_cuts(self, chance: random.Random) -> None:
        """From now on note, just before each flush, what a power cut would leave then."""
        with self._lock:
            self._noted, self._chance = [], chance

    def noted_cuts(self) -> list[dict[int, bytes]]:
        """Return what was noted, each as the blocks that differ from the image, and note no more."""
        with self._lock:
            noted, self._noted = self._noted or [], None
            return noted

    def cut(self, chance: random.Random) -> tuple[int, int]:
        """Cut the power: of each block in the cache any of its writes, or none, is what the disk has.

        ``chance`` decides which. Returns how many blocks were in the cache, and how many of them lost their last write.
        """
        with self._lock:
            cached, lost = len(self._cached), _lose(self._kept, self._cached, chance)
            self._cached = {}
            return cached, lost

    def write_image(self, path: Path) -> None:
        """Write what the disk has, its cache included, to a file of its own, to be looked at."""
        with self._lock, path.open("wb") as file:
            file.truncate(self.size)
            for start in range(0, self.size, 1 << 20):
                data = os.pread(self._image, 1 << 20, start)
                if data.count(0) != len(data):
                    os.pwrite(file.fileno(), data, start)
            for block, data in {**self._kept, **{block: writes[-1] for block, writes in self._cached.items()}}.items():
                os.pwrite(file.fileno(), data, block * _BLOCK)

    def _accept(self, listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listening.accept()
                self._served.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        # An emulator that is killed ends its connection anywhere.
        with contextlib.suppress(OSError, EOFError), client, client.makefile("rb") as stream:
            client.sendall(b"NBDMAGIC" + struct.pack(">QH", _OPTION, _FIXED_NEWSTYLE | _NO_ZEROES))
            _take(stream, 4)
            if self._agree(client, stream):
                while self._answer(client, stream):
                    pass

    def _agree(self, client: socket.socket, stream: BinaryIO) -> bool:
        while True:
            _, option, length = struct.unpack(">QII", _take(stream, 16))
            _take(stream, length)
            if option in (_INFO, _GO):
                flags = _HAS_FLAGS | _SEND_FLUSH | _SEND_FUA
                _tell(client, option, _REP_INFO, struct.pack(">HQH", 0, self.size, flags))
                _tell(client, option, _ACK)
                if option == _GO:
                    return True
            elif option == _ABORT:
                _tell(client, option, _ACK)
                return False
            else:
                _tell(client, option, _UNSUPPORTED)

    def _answer(self, client: socket.socket, stream: BinaryIO) -> bool:
        _, flags, kind, handle, offset, length = struct.unpack(">IHHQQI", _take(stream, 28))
        data, error = b"", 0
        if kind == _END:
            return False
        if kind == _READ:
            data = self._read(offset, length)
        elif kind == _WRITE:
            self._write(offset, _take(stream, length), bool(flags & _FUA))
        elif kind == _FLUSH:
            self._flush()
        else:
            error = _EINVAL
        client.sendall(struct.pack(">IIQ", _REPLY, error, handle) + data)
        return True

    def _block(self, block: int) -> bytes:
        writes = self._cached.get(block)
        if writes:
            return writes[-1]
        kept = self._kept.get(block)
        return os.pread(self._image, _BLOCK, block * _BLOCK) if kept is None else kept

    def _read(self, offset: int, length: int) -> bytes:
        first, last = offset // _BLOCK, (offset + length - 1) // _BLOCK
        with self._lock:
            data = bytearray(os.pread(self._image, (last - first + 1) * _BLOCK, first * _BLOCK))
            for block in range(first, last + 1):
                if block in self._cached or block in self._kept:
                    at = (block - first) * _BLOCK
                    data[at : at + _BLOCK] = self._block(block)
        return bytes(data[offset - first * _BLOCK :][:length])

    def _write(self, offset: int, data: bytes, through: bool) -> None:
        with self._lock:
            at = 0
            while at < len(data):
                block, within = divmod(offset + at, _BLOCK)
                part = data[at : at + _BLOCK - within]
                if len(part) < _BLOCK:
                    whole = self._block(block)
                    part = whole[:within] + part + whole[within + len(part) :]
                    at += _BLOCK - within
                else:
                    at += _BLOCK
                if through:
                    self._cached.pop(block, None)
                    self._kept[block] = part
                else:
                    self._cached.setdefault(block, []).append(part)

    def _flush(self) -> None:
        with self._lock:
            self.flushes += 1
            if self._noted is not None:
                left = dict(self._kept)
                _lose(left, self._cached, self._chance)
                self._noted.append(left)
            for block, writes in self._cached.items():
                self._kept[block] = writes[-1]
            self._cached = {}


def _lose(kept: dict[int, bytes], cached: dict[int, list[bytes]], chance: random.Random) -> int:
    """Let some of the cache be kept; returns how many blocks lost their last write. It may be all of them, or few."""
    share, lost = chance.choice([0.0, 0.1, 0.5, 0.9]), 0
    for block, writes in sorted(cached.items()):
        if chance.random() < share:
            kept[block] = writes[-1]
            continue
        lost += 1
        older = chance.randrange(len(writes))
        if older:
            kept[block] = writes[older - 1]
    return lost


def _take(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise EOFError
    return data


def _tell(client: socket.socket, option: int, kind: int, data: bytes = b"") -> None:
    client.sendall(struct.pack(">QIII", _ANSWER, option, kind, len(data)) + data)
