"""ELF headers are read and nothing is run; libraries are found as the loader finds them."""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.engine.host.elf import NoElf, elf_of, read_elf
from ansible_collections.sluice.nginx.plugins.module_utils.engine.host.libraries import Libraries, mapped_files
from tests.unit.elf_files import elf
from tests.unit.engine.simulation.host import SimulatedHost

LOADER = "/lib64/ld-linux-x86-64.so.2"


def _read(data: bytes) -> object:
    return read_elf(lambda offset, size: data[offset : offset + size], len(data))


def test_what_a_file_says_of_itself() -> None:
    data = elf(["libc.so.6", "libz.so.1"], soname="nginx", loader=LOADER, paths="$ORIGIN/lib:/opt/lib")
    found = read_elf(lambda offset, size: data[offset : offset + size], len(data))
    assert (found.machine, found.bits, found.loader) == ("x86_64", 64, LOADER)
    assert data[found.loader_at : found.loader_at + len(LOADER)].decode() == LOADER
    assert (found.needed, found.soname) == (("libc.so.6", "libz.so.1"), "nginx")
    assert found.paths == ("$ORIGIN/lib", "/opt/lib")


def test_a_real_program_is_read() -> None:
    descriptor = os.open(os.path.realpath(sys.executable), os.O_RDONLY)
    try:
        found = elf_of(descriptor)
    finally:
        os.close(descriptor)
    assert found.machine == os.uname().machine
    assert any(name.startswith("libc.") for name in found.needed)


GOOD = elf(["libc.so.6"], loader=LOADER)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no ELF file"),
        (b"#!/bin/sh\nexec nginx\n", "no ELF file"),
        (GOOD[:40], "leads"),
        (GOOD[:-60], "leads"),
        (GOOD[:56] + b"\xff\xff" + GOOD[58:], "65535 program headers"),
        (GOOD[:54] + b"\1\0" + GOOD[56:], "headers of 1 bytes"),
        (GOOD[:32] + b"\xff" * 8 + GOOD[40:], "leads"),
        (GOOD.replace(struct.pack("<QQ", 1, 1), struct.pack("<QQ", 1, 1 << 40)), "outside of them"),
        (GOOD.replace(b"libc.so.6", b"\xff\xfe\xfdc.so.6"), "damaged"),
    ],
)
def test_what_is_damaged_is_refused_in_words(data: bytes, words: str) -> None:
    with pytest.raises(NoElf, match=words):
        _read(data)


def _cache(entries: list[tuple[str, str, int]], before: bytes = b"") -> bytes:
    strings, rows = b"", b""
    start = 48 + 24 * len(entries)
    for name, path, processors in entries:
        texts = name.encode() + b"\0" + path.encode() + b"\0"
        at = start + len(strings)
        rows += struct.pack("=iIIIQ", 0x303, at, at + len(name) + 1, 0, processors)
        strings += texts
    head = b"glibc-ld.so.cache1.1" + struct.pack("=II", len(entries), len(strings))
    return before + head.ljust(48, b"\0") + rows + strings


def _root(folder: Path, files: dict[str, bytes]) -> str:
    for path, data in files.items():
        place = folder / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    return str(folder)


def _libraries(root: str, asking: bytes = GOOD, mapped: tuple[str, ...] = ()) -> Callable[[str], str]:
    like = read_elf(lambda offset, size: asking[offset : offset + size], len(asking))
    found = Libraries(like, list(mapped), root)
    return lambda name: found.find(name, like, "/opt/own/sbin")


@pytest.mark.parametrize("before", [b"", b"ld.so-1.7.0\0\0\0\0\0"], ids=["new", "behind the old form"])
def test_libraries_are_found_in_the_order_of_the_loader(tmp_path: Path, before: bytes) -> None:
    library = elf(soname="x")
    entries = [
        ("libz.so.1", "/usr/lib/fast/libz.so.1", 1 << 62),
        ("libz.so.1", "/usr/lib32/libz.so.1", 0),
        ("libz.so.1", "/usr/lib/other/libz.so.1", 0),
        ("liba.so.1", "/usr/lib/other/liba.so.1", 0),
    ]
    files = {
        "/etc/ld.so.cache": _cache(entries, before),
        "/usr/lib/fast/libz.so.1": library,
        "/usr/lib32/libz.so.1": elf(soname="libz.so.1", machine=3),
        "/usr/lib/other/libz.so.1": library,
        "/usr/lib/other/liba.so.1": library,
        "/opt/own/lib/liba.so.1": library,
        "/usr/lib/libb.so.1": library,
        "/usr/lib/libc.so.6": b"no library",
        "/srv/run/libm-2.36.so": elf(soname="libm.so.6"),
    }
    asking = elf(loader=LOADER, paths="$ORIGIN/../lib")
    find = _libraries(_root(tmp_path, files), asking, ("/srv/run/libm-2.36.so", "/srv/run/gone.so"))
    assert find("libz.so.1") == "/usr/lib/other/libz.so.1"
    assert find("liba.so.1") == "/opt/own/lib/liba.so.1"
    assert find("libb.so.1") == "/usr/lib/libb.so.1"
    # What the process has mapped is what it runs with.
    assert find("libm.so.6") == "/srv/run/libm-2.36.so"
    assert find("libc.so.6") == ""
    assert find("libnowhere.so.1") == ""
    assert find("../../etc/shadow") == ""


def test_musl_has_its_folders_in_a_file_of_its_own(tmp_path: Path) -> None:
    root = _root(tmp_path, {"/etc/ld-musl-x86_64.path": b"/srv/musl\n", "/srv/musl/libz.so.1": elf()})
    assert _libraries(root)("libz.so.1") == "/srv/musl/libz.so.1"


def test_a_damaged_cache_is_left_out(tmp_path: Path) -> None:
    data = _cache([("libz.so.1", "/usr/lib/other/libz.so.1", 0)])
    root = _root(tmp_path, {"/etc/ld.so.cache": data[:60], "/lib/libz.so.1": elf()})
    assert _libraries(root)("libz.so.1") == "/lib/libz.so.1"


def test_what_a_process_has_mapped_and_what_is_gone(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    lines = [
        "55-66 r--p 00000000 08:01 12   /usr/sbin/nginx",
        "66-77 r-xp 00020000 08:01 12   /usr/sbin/nginx",
        "77-88 r-xp 00000000 08:01 13   /usr/lib/libssl.so.3 (deleted)",
        "88-99 rw-p 00000000 00:00 0    [heap]",
        "99-aa rw-p 00000000 00:00 0 ",
    ]
    (tmp_path / "7/maps").write_text("\n".join(lines) + "\n")
    assert mapped_files(tmp_path, 7) == (["/usr/sbin/nginx"], ["/usr/lib/libssl.so.3"])
    assert mapped_files(tmp_path, 8) == ([], [])


def test_a_host_whose_nginx_is_no_program_says_so_and_keeps_nothing(new_host: Callable[..., SimulatedHost]) -> None:
    host = new_host()
    answer = host.ask_engine("nginx_files", "r1")
    assert not answer["ok"]
    assert "cannot be sent" in answer["problems"][0]["what"]
    assert not host.layout.root.exists()
