"""Which libraries a program of this host gets from its loader, found without running either.

What the running process has mapped is what its loader found, so that comes first. For what it has not loaded, as a
module that lies in the folder, the loader's own order is followed: the folders that the file names, the loader's cache,
its usual folders.
"""

from __future__ import annotations

import os
import re
import struct
from contextlib import suppress
from pathlib import Path
from typing import Iterator

from ..safe_open import opened
from .elf import Elf, NoElf, elf_of

__all__ = ["NAME", "Libraries", "mapped_files"]

_CACHE = "/etc/ld.so.cache"
_MAGIC = b"glibc-ld.so.cache1.1"
_MOST_CACHE = 8 << 20
_MOST_MAPS = 4 << 20
_ENTRY = struct.Struct("=iIIIQ")
_HEADER = 48
_FOLDERS = ("/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}")
"""The name of a library or a module."""

_MAPPED = re.compile(rb"^\S+ r\S+ \S+ \S+ \d+ +(/.*)$", re.MULTILINE)
_GONE = " (deleted)"
# Of other processors than the one that staging may have; the same library is there without them.
_FOR_PROCESSORS = "/glibc-hwcaps/"


def mapped_files(proc: Path, pid: int) -> tuple[list[str], list[str]]:
    """Return the files that a process has mapped, and those of them that are no more what it has mapped."""
    found: dict[str, None] = {}
    with suppress(OSError), open(f"{proc}/{pid}/maps", "rb") as file:
        for line in _MAPPED.findall(file.read(_MOST_MAPS)):
            found[os.fsdecode(line)] = None
    gone = [path[: -len(_GONE)] for path in found if path.endswith(_GONE)]
    return [path for path in found if not path.endswith(_GONE)], gone


class Libraries:
    """Finds libraries by the names that programs need them by. ``mapped`` are files of the running process."""

    def __init__(self, like: Elf, mapped: list[str], root: str = "") -> None:
        self._like = like
        self._root = root
        self._mapped = dict(self._named(path for path in mapped if _FOR_PROCESSORS not in path))
        self._cached = _read_cache(f"{root}{_CACHE}")
        self._folders = [*self._musl(), *_FOLDERS]

    def find(self, name: str, asking: Elf, origin: str) -> str:
        """Return the path of the library that a file in the folder ``origin`` needs as ``name``; empty for none."""
        if name.startswith("/"):
            return name if self._fits(name) else ""
        if not NAME.fullmatch(name):
            return ""
        if name in self._mapped:
            return self._mapped[name]
        own = [path.replace("${ORIGIN}", origin).replace("$ORIGIN", origin) for path in asking.paths]
        # A real path, so a step up in it leads where the loader goes.
        places = [os.path.normpath(os.path.join(folder, name)) for folder in own if folder.startswith("/")]
        places += self._cached.get(name, [])
        # Debian has its libraries below the name of the machine; what libc was found in is the loader's usual folder.
        near = [os.path.dirname(path) for each, path in self._mapped.items() if each.startswith("libc.")]
        places += [os.path.join(folder, name) for folder in (*near, *self._folders)]
        return next((path for path in places if self._fits(path)), "")

    def _fits(self, path: str) -> bool:
        try:
            with opened(f"{self._root}{path}") as file:
                found = elf_of(file)
        except (OSError, NoElf):
            return False
        return (found.machine, found.bits) == (self._like.machine, self._like.bits)

    def _named(self, paths: Iterator[str]) -> Iterator[tuple[str, str]]:
        for path in paths:
            with suppress(OSError, NoElf), opened(f"{self._root}{path}") as file:
                found = elf_of(file)
                if not found.loader or found.soname:
                    yield found.soname or os.path.basename(path), path

    def _musl(self) -> list[str]:
        try:
            text = Path(f"{self._root}/etc/ld-musl-{self._like.machine}.path").read_text(encoding="utf-8")
        except (OSError, ValueError):
            return []
        return [line for line in re.split(r"[:\n]", text) if line.startswith("/")]


def _read_cache(path: str) -> dict[str, list[str]]:
    """Return where the loader's cache has each library, by its name. What cannot be read of it is left out."""
    try:
        with open(path, "rb") as file:
            data = file.read(_MOST_CACHE)
    except OSError:
        return {}
    # An older form may stand before it.
    start = data.find(_MAGIC)
    found: dict[str, list[str]] = {}
    if start < 0:
        return found
    data = data[start:]
    with suppress(struct.error):
        (count,) = struct.unpack_from("=I", data, len(_MAGIC))
        for number in range(min(count, len(data) // _ENTRY.size)):
            _, name_at, path_at, _, processors = _ENTRY.unpack_from(data, _HEADER + number * _ENTRY.size)
            if not processors:
                found.setdefault(_text(data, name_at), []).append(_text(data, path_at))
    return found


def _text(data: bytes, at: int) -> str:
    end = data.find(b"\0", at)
    return os.fsdecode(data[at:end]) if 0 <= at < end else ""
