"""The disk that loses its cache: what a flush has acknowledged stays, and nothing else need."""

from __future__ import annotations

import random
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.machines.disk import Disk

_BLOCK = 4096
_READ, _WRITE, _FLUSH = 0, 1, 3


class Client:
    """As much of NBD as an emulator speaks."""

    def __init__(self, path: Path) -> None:
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._line.connect(str(path))
        self._stream = self._line.makefile("rb")
        self._stream.read(18)
        name = b"disk"
        go = struct.pack(">QIII", 0x49484156454F5054, 7, len(name) + 6, len(name)) + name + b"\0\0"
        # A wish that the server does not know comes first, as of each emulator.
        unknown = struct.pack(">QII", 0x49484156454F5054, 8, 0)
        self._line.sendall(struct.pack(">I", 3) + unknown + go)
        assert self._answered() == (8, 0x80000001)
        assert self._answered() == (7, 3)
        assert self._answered() == (7, 1)

    def _answered(self) -> tuple[int, int]:
        _, option, kind, length = struct.unpack(">QIII", self._stream.read(20))
        self._stream.read(length)
        return option, kind

    def _do(self, kind: int, offset: int, length: int, data: bytes = b"", flags: int = 0) -> bytes:
        self._line.sendall(struct.pack(">IHHQQI", 0x25609513, flags, kind, 7, offset, length) + data)
        assert struct.unpack(">IIQ", self._stream.read(16)) == (0x67446698, 0, 7)
        return self._stream.read(length) if kind == _READ else b""

    def read(self, offset: int, length: int) -> bytes:
        return self._do(_READ, offset, length)

    def write(self, offset: int, data: bytes, *, through: bool = False) -> None:
        self._do(_WRITE, offset, len(data), data, int(through))

    def flush(self) -> None:
        self._do(_FLUSH, 0, 0)

    def close(self) -> None:
        self._stream.close()
        self._line.close()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[tuple[Disk, Client]]:
    image = tmp_path / "image"
    image.write_bytes(b"i" * 8 * _BLOCK)
    disk = Disk(image)
    disk.serve(tmp_path / "nbd")
    client = Client(tmp_path / "nbd")
    yield disk, client
    client.close()
    disk.close()
    assert image.read_bytes() == b"i" * 8 * _BLOCK, "the image was written"


def test_what_is_written_is_read(disk: tuple[Disk, Client]) -> None:
    _, client = disk
    client.write(_BLOCK - 512, b"a" * 1024)
    assert client.read(_BLOCK - 1024, 2048) == b"i" * 512 + b"a" * 1024 + b"i" * 512
    client.flush()
    client.write(_BLOCK, b"b" * 512)
    assert client.read(_BLOCK - 512, 1536) == b"a" * 512 + b"b" * 512 + b"i" * 512


def test_what_was_flushed_or_written_through_survives_each_cut(disk: tuple[Disk, Client]) -> None:
    server, client = disk
    client.write(0, b"a" * _BLOCK)
    client.flush()
    client.write(_BLOCK, b"b" * _BLOCK, through=True)
    for seed in range(50):
        client.write(2 * _BLOCK, bytes([seed]) * 2 * _BLOCK)
        server.cut(random.Random(seed))
        assert client.read(0, 2 * _BLOCK) == b"a" * _BLOCK + b"b" * _BLOCK


def test_a_cut_loses_each_block_for_itself(disk: tuple[Disk, Client]) -> None:
    server, client = disk
    seen = set()
    for seed in range(200):
        client.write(0, b"o" * 2 * _BLOCK)
        client.flush()
        client.write(0, b"n" * 2 * _BLOCK)
        cached, lost = server.cut(random.Random(seed))
        found = client.read(0, 1) + client.read(_BLOCK, 1)
        assert (cached, lost) == (2, found.count(b"o"))
        seen.add(found)
    # The second write may be there without the first one, too.
    assert seen == {b"oo", b"on", b"no", b"nn"}
