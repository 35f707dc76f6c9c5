"""What a program or a library says of itself in its ELF header: its machine, its loader, the libraries that it needs.

It is read and never run: ``ldd`` starts the program with the loader that the program names. Used on hosts, and by the
controller for what a host sent, so each offset and length is held to the file's size.
"""

from __future__ import annotations

import os
import struct
from typing import Callable, Iterator, NamedTuple

__all__ = ["MACHINES", "Elf", "NoElf", "elf_of", "read_elf"]

Read = Callable[[int, int], bytes]

MACHINES = {3: "i386", 40: "arm", 62: "x86_64", 183: "aarch64", 243: "riscv64", 21: "ppc64le", 22: "s390x"}
"""What ``uname -m`` calls the machines."""

_MAGIC = b"\x7fELF"
_MOST_HEADERS = 200
_MOST_ENTRIES = 4000
_MOST_TEXT = 4096
_LOAD, _DYNAMIC, _INTERP = 1, 2, 3
_NEEDED, _STRTAB, _SONAME, _RPATH, _RUNPATH = 1, 5, 14, 15, 29


class NoElf(ValueError):
    """It is no ELF file, or a damaged one."""


class Elf(NamedTuple):
    """A program or a library. ``loader`` is the path of the program that starts it, which stands ``loader_at`` bytes
    from the start; empty in a library. ``paths`` are the folders in which it has its libraries looked for.
    """

    bits: int
    machine: str
    loader: str
    loader_at: int
    needed: tuple[str, ...]
    soname: str
    paths: tuple[str, ...]


def elf_of(descriptor: int) -> Elf:
    """Read an open file. Raises ``NoElf``."""
    return read_elf(lambda offset, size: os.pread(descriptor, size, offset), os.fstat(descriptor).st_size)


def read_elf(read: Read, size: int) -> Elf:
    """Read a file of ``size`` bytes by ``read(offset, size)``. Raises ``NoElf``."""
    try:
        return _read(_bounded(read, size))
    except (struct.error, OverflowError, UnicodeError) as error:
        raise NoElf(f"its ELF header is damaged ({error})") from None


def _bounded(read: Read, size: int) -> Read:
    def part(offset: int, length: int) -> bytes:
        if not 0 <= offset <= offset + length <= size:
            raise NoElf(f"its ELF header leads {offset + length} bytes far, and it has {size}")
        data = read(offset, length)
        if len(data) != length:
            raise NoElf("it ended while it was read")
        return data

    return part


def _read(read: Read) -> Elf:
    try:
        head = read(0, 16)
    except NoElf:
        head = b""
    if head[:4] != _MAGIC:
        raise NoElf("it is no ELF file")
    wide, order = head[4] == 2, "<" if head[5] == 1 else ">"
    machine, _, _, start = struct.unpack(order + ("HIQQ" if wide else "HIII"), read(18, 22 if wide else 14))
    entry, count = struct.unpack(f"{order}HH", read(54 if wide else 42, 4))
    if count > _MOST_HEADERS or entry < (56 if wide else 32):
        raise NoElf(f"it has {count} program headers of {entry} bytes")
    loads, dynamic, loader, loader_at = [], (0, 0), "", 0
    for number in range(count):
        kind, offset, address, length = _header(read(start + number * entry, 56 if wide else 32), wide, order)
        if kind == _LOAD:
            loads.append((address, offset, length))
        elif kind == _DYNAMIC:
            dynamic = (offset, length)
        elif kind == _INTERP:
            loader, loader_at = _text(read(offset, min(length, _MOST_TEXT)), 0), offset
    entries = list(_entries(read, dynamic, wide, order))
    table = next((value for tag, value in entries if tag == _STRTAB), None)
    strings = _strings(read, table, loads) if table is not None else b""
    named = [(tag, _text(strings, value)) for tag, value in entries if tag in (_NEEDED, _SONAME, _RPATH, _RUNPATH)]
    by_tag = {tag: text for tag, text in named if tag != _NEEDED}
    return Elf(
        64 if wide else 32,
        MACHINES.get(machine, f"machine {machine}"),
        loader,
        loader_at,
        tuple(text for tag, text in named if tag == _NEEDED and text),
        by_tag.get(_SONAME, ""),
        tuple(path for path in (by_tag.get(_RUNPATH) or by_tag.get(_RPATH, "")).split(":") if path),
    )


def _header(data: bytes, wide: bool, order: str) -> tuple[int, int, int, int]:
    """Return the kind of a segment, its offset, its address, and its length in the file."""
    if wide:
        kind, _, offset, address, _, length = struct.unpack_from(f"{order}IIQQQQ", data)
    else:
        kind, offset, address, _, length = struct.unpack_from(f"{order}IIIII", data)
    return kind, offset, address, length


def _entries(read: Read, dynamic: tuple[int, int], wide: bool, order: str) -> Iterator[tuple[int, int]]:
    form = struct.Struct(order + ("QQ" if wide else "II"))
    offset, length = dynamic
    for number in range(min(length // form.size, _MOST_ENTRIES)):
        tag, value = form.unpack(read(offset + number * form.size, form.size))
        if not tag:
            return
        yield tag, value


def _strings(read: Read, address: int, loads: list[tuple[int, int, int]]) -> bytes:
    """Return the texts that begin at an address, as far as their segment goes."""
    for start, offset, length in loads:
        if start <= address < start + length:
            return read(offset + address - start, length - (address - start))
    raise NoElf("its texts are in no segment")


def _text(data: bytes, at: int) -> str:
    if at >= len(data):
        raise NoElf("one of its texts is outside of them")
    end = data.find(b"\0", at, at + _MOST_TEXT)
    return data[at : end if end >= 0 else at + _MOST_TEXT].decode()
