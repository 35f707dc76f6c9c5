"""Small ELF files, as tests of what reads their headers need them."""

from __future__ import annotations

import struct
from collections.abc import Sequence

__all__ = ["elf"]

_HEAD, _ENTRY = 64, 56


def elf(
    needed: Sequence[str] = (),
    *,
    soname: str = "",
    loader: str = "",
    paths: str = "",
    machine: int = 62,
    content: bytes = b"",
) -> bytes:
    """Return a 64-bit file with one segment that holds all of it, its texts first; ``content`` makes it another one."""
    strings = b"\0"
    tags = []
    for tag, text in [*((1, each) for each in needed), *([(14, soname)] if soname else ()), (29, paths)]:
        tags.append((tag, len(strings)))
        strings += text.encode() + b"\0"
    start = _HEAD + 3 * _ENTRY
    name = loader.encode() + b"\0" if loader else b""
    texts_at = start + len(name)
    tags = [(5, texts_at), *tags, (0, 0)]
    dynamic_at = texts_at + len(strings)
    dynamic = b"".join(struct.pack("<QQ", *each) for each in tags)
    size = dynamic_at + len(dynamic) + len(content)
    segments = [
        (1, 0, 0, size),
        (2, dynamic_at, dynamic_at, len(dynamic)),
        (3 if loader else 0, start, start, len(name)),
    ]
    head = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    head += struct.pack("<HHIQQQIHHHHHH", 3, machine, 1, 0, _HEAD, 0, 0, _HEAD, _ENTRY, 3, 0, 0, 0)
    rows = [struct.pack("<IIQQQQQQ", kind, 4, at, to, to, length, length, 8) for kind, at, to, length in segments]
    return head + b"".join(rows) + name + strings + dynamic + content
