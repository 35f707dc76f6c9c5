"""A tree of files, its manifest and its id.

The manifest lists each entry's path, mode and either digest (files), target (links) or nothing (directories), sorted by
path. The id of a release is the SHA-256 of the manifest's canonical text: owner and times do not count, so the same
input gives the same id on any machine.
"""

from __future__ import annotations

import os
import stat

from .errors import SluiceError
from .lean import TYPE_CHECKING, NamedTuple, sha256

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Iterable

__all__ = [
    "CONF_ROOT",
    "Difference",
    "Entry",
    "compare",
    "entries_from_json",
    "entries_to_json",
    "read_tree",
    "release_id",
]

CONF_ROOT = "/etc/nginx"
"""Where a host has the tree, which the paths of a manifest begin below."""

_PART = 64 << 10


class Entry(NamedTuple):
    """One line of a manifest: ``kind`` is ``file``, ``link`` or ``dir``, ``value`` the digest or the link's target."""

    path: str
    kind: str
    mode: int
    value: str


class Difference(NamedTuple):
    """What differs between two trees at ``path``: ``added``, ``removed`` or ``changed``."""

    path: str
    what: str


def read_tree(root: Path) -> list[Entry]:
    """Read the manifest of the tree below ``root``, sorted by path; the root itself is not an entry, and may be absent.

    Raises ``SluiceError`` for sockets, pipes and devices, ``OSError`` for what cannot be read.
    """
    found: list[Entry] = []
    folders = [(str(root), "")] if os.path.isdir(root) else []
    while folders:
        folder, prefix = folders.pop()
        with os.scandir(folder) as entries:
            for each in entries:
                entry = _entry(each, prefix)
                found.append(entry)
                if entry.kind == "dir":
                    folders.append((each.path, f"{entry.path}/"))
    return sorted(found)


def _entry(found: os.DirEntry[str], prefix: str) -> Entry:
    name = prefix + found.name
    status = found.stat(follow_symlinks=False)
    if stat.S_ISLNK(status.st_mode):
        return Entry(name, "link", 0o777, os.readlink(found.path))
    if stat.S_ISDIR(status.st_mode):
        return Entry(name, "dir", stat.S_IMODE(status.st_mode), "")
    if stat.S_ISREG(status.st_mode):
        return Entry(name, "file", stat.S_IMODE(status.st_mode), _digest(found.path))
    raise SluiceError(
        f"{found.path} is neither a file, a directory nor a link; a release can hold nothing else: remove it from the "
        "tree"
    )


def _digest(path: str) -> str:
    digest = sha256()
    # Without the buffers that open() makes: most files of a tree are small, and there may be thousands.
    descriptor = os.open(path, os.O_RDONLY)
    try:
        part = os.read(descriptor, _PART)
        while part:
            digest.update(part)
            part = os.read(descriptor, _PART)
    finally:
        os.close(descriptor)
    return digest.hexdigest()


def release_id(entries: Iterable[Entry]) -> str:
    """Name a tree: the SHA-256, in hex, of its manifest's canonical text."""
    digest = sha256()
    for entry in sorted(entries):
        digest.update(f"{entry.path}\0{entry.kind}\0{entry.mode:04o}\0{entry.value}\n".encode())
    return digest.hexdigest()


def compare(before: Iterable[Entry], after: Iterable[Entry]) -> list[Difference]:
    """List what differs, sorted by path."""
    old: dict[str, Entry] = {entry.path: entry for entry in before}
    new: dict[str, Entry] = {entry.path: entry for entry in after}
    found = [Difference(path, "removed") for path in old.keys() - new.keys()]
    found += [Difference(path, "added") for path in new.keys() - old.keys()]
    found += [Difference(path, "changed") for path in old.keys() & new.keys() if old[path] != new[path]]
    return sorted(found)


def entries_to_json(entries: Iterable[Entry]) -> list[list[object]]:
    """Turn a manifest into plain lists, for JSON."""
    return [list(entry) for entry in entries]


def entries_from_json(rows: Iterable[Iterable[object]]) -> list[Entry]:
    """Turn plain lists back into a manifest. Raises ``SluiceError`` when a row is not one."""
    found: list[Entry] = []
    for row in rows:
        cells = list(row)
        if len(cells) != 4 or not isinstance(cells[2], int):
            raise SluiceError(f"{cells!r} is no line of a manifest; expected [path, kind, mode, value]")
        found.append(Entry(str(cells[0]), str(cells[1]), cells[2], str(cells[3])))
    return found
