"""A tree of files, its manifest and its id.

The manifest lists each entry's path, mode and either digest (files), target (links) or nothing (directories), sorted by
path. The id of a release is the SHA-256 of the manifest's canonical text: owner and times do not count, so the same
input gives the same id on any machine.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import Iterable, NamedTuple

from .errors import SluiceError

__all__ = ["Difference", "Entry", "compare", "entries_from_json", "entries_to_json", "read_tree", "release_id"]


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


def _entry(root: Path, path: Path) -> Entry:
    name = path.relative_to(root).as_posix()
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        return Entry(name, "link", 0o777, os.readlink(path))
    if stat.S_ISDIR(status.st_mode):
        return Entry(name, "dir", stat.S_IMODE(status.st_mode), "")
    if stat.S_ISREG(status.st_mode):
        return Entry(name, "file", stat.S_IMODE(status.st_mode), hashlib.sha256(path.read_bytes()).hexdigest())
    raise SluiceError(
        f"{path} is neither a file, a directory nor a link; a release can hold nothing else: remove it from the tree"
    )


def read_tree(root: Path) -> list[Entry]:
    """Read the manifest of the tree below ``root``, sorted by path; the root itself is not an entry.

    Raises ``SluiceError`` for sockets, pipes and devices, ``OSError`` for what cannot be read.
    """
    found: list[Entry] = []
    for folder, folders, files in os.walk(root):
        found.extend(_entry(root, Path(folder) / name) for name in folders + files)
    return sorted(found)


def release_id(entries: Iterable[Entry]) -> str:
    """Name a tree: the SHA-256, in hex, of its manifest's canonical text."""
    digest = hashlib.sha256()
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
