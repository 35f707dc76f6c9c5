"""The table of names is read as the C library reads it: by the structures of nscd's header file."""

from __future__ import annotations

import socket
import struct
import threading
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.environment.inside import names as module
from ansible_collections.sluice.nginx.plugins.module_utils.environment.inside.names import answer, table

NAMES = {f"shop-{number}.internal": f"198.19.{number // 250}.{number % 250 + 1}" for number in range(3_000)}


def _found(shared: bytes, name: str) -> str | None:
    """Look a name up, with the checks that glibc makes on the way."""
    version, head, cycle, running = struct.unpack_from("=iiii", shared, 0)
    slots, size = struct.unpack_from("=ii", shared, 40)
    assert (version, head, cycle, running) == (2, 120, 0, 1)
    begin = head + (slots * 4 + 15) // 16 * 16
    assert begin + size == len(shared)
    key, hashed = name.encode() + b"\0", 0
    for each in key:
        hashed = (each + 65599 * hashed) % 2**32
    (work,) = struct.unpack_from("=I", shared, head + hashed % slots * 4)
    while work != 2**32 - 1 and work + 24 <= size:
        entry = begin + work
        length, its_key, _, following, packet = struct.unpack_from("=iIiII", shared, entry + 4)
        if shared[entry] == 14 and length == len(key) and shared[begin + its_key :].startswith(key):
            whole, recorded = struct.unpack_from("=ii", shared, begin + packet)
            assert shared[begin + packet + 18] == 1
            assert packet + whole <= size
            said = begin + packet + 24
            _, found, count, addresses, canonical, error = struct.unpack_from("=iiiiii", shared, said)
            assert (found, count, addresses, canonical, error) == (1, 1, 4, len(key), 0)
            assert said + 24 + count + addresses + canonical <= begin + packet + recorded
            assert shared[said + 28] == socket.AF_INET
            return socket.inet_ntoa(shared[said + 24 : said + 28])
        work = following
    return None


def test_each_name_is_found_and_no_other() -> None:
    shared = table(NAMES)
    assert {name: _found(shared, name) for name in NAMES} == NAMES
    assert _found(shared, "shop-1.interna") is None
    assert _found(table({}), "shop-1.internal") is None


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "nscd" / "socket"
    monkeypatch.setattr(module, "_SOCKET", path)
    before = threading.active_count()
    answer(NAMES)
    assert threading.active_count() == before + 1
    return path


def _asked(path: Path, question: bytes) -> tuple[bytes, list[int]]:
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(5)
        line.connect(str(path))
        line.sendall(question)
        said, files, _, _ = socket.recv_fds(line, 100, 1)
    return said, files


def test_who_asks_for_the_table_gets_it_and_who_asks_for_anything_else_reads_files(served: Path) -> None:
    for other in (b"", b"x", struct.pack("=iii", 2, 14, 5) + b"shop\0", struct.pack("=iii", 1, 13, 6) + b"hosts\0"):
        if other:
            assert _asked(served, other) == (b"", [])
    said, (file,) = _asked(served, struct.pack("=iii", 2, 13, 6) + b"hosts\0")
    assert said == b"hosts\0"
    with open(file, "rb") as shared:
        assert _found(shared.read(), "shop-2999.internal") == NAMES["shop-2999.internal"]
