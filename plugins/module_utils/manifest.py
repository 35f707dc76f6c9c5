"""A tree of files, its manifest and its id.

The manifest lists each entry's path, mode and either digest (files), target (links) or nothing (directories), sorted by
path. The id of a release is the SHA-256 of the manifest's canonical text: owner and times do not count, so the same
input gives the same id on any machine. Two trees never have one text: what separates its fields is refused in names.
"""

from __future__ import annotations

import errno
import os
import stat
from hashlib import sha256
from pathlib import Path
from typing import Iterable, NamedTuple

from .errors import SluiceError
from .untrusted import ReleaseId, printable, read_release_id

__all__ = [
    "CONF_ROOT",
    "ManifestEntry",
    "PathDifference",
    "compare",
    "entries_from_json",
    "entries_to_json",
    "read_tree",
    "release_id",
    "why_odd",
]

CONF_ROOT = "/etc/nginx"
"""Where a host has the tree, which the paths of a manifest begin below."""

_PART = 64 << 10
# Of all files of a tree. Whoever has a folder below /etc/nginx can make a file of any size without a byte in it.
_MOST_BYTES = 2 << 30
_LARGE = "too large file"
_KINDS = ("dir", "file", "link")
_ODD = {stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}
_MOST_MODE = 0o7777
_CONTROLS = frozenset(map(chr, [*range(0x20), *range(0x7F, 0xA0)]))
_ROW = "[path, kind, mode, value]"


class ManifestEntry(NamedTuple):
    """One line of a manifest: ``kind`` is ``file``, ``link`` or ``dir``, ``value`` the digest or the link's target."""

    path: str
    kind: str
    mode: int
    value: str


class PathDifference(NamedTuple):
    """What differs between two trees at ``path``: ``added``, ``removed`` or ``changed``."""

    path: str
    what: str


def read_tree(root: Path, *, odd: bool = False) -> list[ManifestEntry]:
    """Read the manifest of the tree below ``root``, sorted by path; the root itself is not an entry, and may be absent.

    Raises ``SluiceError`` for sockets, pipes and devices, and files of more than 2 GiB in all, unless ``odd`` ones are
    entries as well, of a kind that no release can have; ``OSError`` for what cannot be read.
    """
    found: list[ManifestEntry] = []
    folders = [(str(root), "")] if os.path.isdir(root) else []
    left = _MOST_BYTES
    while folders:
        folder, prefix = folders.pop()
        with os.scandir(folder) as entries:
            for each in entries:
                entry, size = _entry(each, prefix, odd, left)
                left -= size
                found.append(entry)
                if entry.kind == "dir":
                    folders.append((each.path, f"{entry.path}/"))
    return sorted(found)


def _entry(found: os.DirEntry[str], prefix: str, odd: bool, left: int) -> tuple[ManifestEntry, int]:
    """Return an entry, and how many bytes of those that are ``left`` it has."""
    name = prefix + found.name
    status = found.stat(follow_symlinks=False)
    mode = stat.S_IMODE(status.st_mode)
    if stat.S_ISLNK(status.st_mode):
        return ManifestEntry(name, "link", 0o777, os.readlink(found.path)), 0
    if stat.S_ISDIR(status.st_mode):
        return ManifestEntry(name, "dir", mode, ""), 0
    if stat.S_ISREG(status.st_mode):
        digest, size = _digest(found.path, left) if status.st_size <= left else ("", 0)
        if digest:
            return ManifestEntry(name, "file", mode, digest), size
        large = ManifestEntry(name, _LARGE, mode, "")
        if odd:
            return large, 0
        raise SluiceError(_fault(large))
    if odd:
        return ManifestEntry(name, _ODD.get(stat.S_IFMT(status.st_mode), "device"), mode, ""), 0
    raise SluiceError(
        f"{found.path} is neither a file, a directory nor a link; a release can hold nothing else: remove it from the "
        "tree"
    )


def _digest(path: str, most: int) -> tuple[str, int]:
    """Return the digest of a file, and how many bytes it has; no digest where there are more than ``most``."""
    digest, size = sha256(), 0
    # Without the buffers that open() makes: most files of a tree are small, and there may be thousands. Somebody may
    # have put a link or a pipe there meanwhile, or write to it without end.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.ESTALE, "it was a file, and became something else", path)
        part = os.read(descriptor, _PART)
        while part:
            size += len(part)
            if size > most:
                return "", size
            digest.update(part)
            part = os.read(descriptor, _PART)
    finally:
        os.close(descriptor)
    return digest.hexdigest(), size


def release_id(entries: Iterable[ManifestEntry]) -> ReleaseId:
    """Name a tree: the SHA-256, in hex, of its manifest's canonical text.

    Raises ``SluiceError`` that names the entry for one which no release can have: of another kind or mode, or with
    control characters in its path or its target. That holds for trees that a host has as well as for new ones.
    """
    digest = sha256()
    for entry in sorted(entries):
        fault = _fault(entry)
        if fault:
            raise SluiceError(fault)
        digest.update(f"{entry.path}\0{entry.kind}\0{entry.mode:04o}\0{entry.value}\n".encode())
    return read_release_id(digest.hexdigest())


def why_odd(entry: ManifestEntry) -> str:
    """Return why no release can have an entry, as a pipe or a name that is not UTF-8; nothing where one can."""
    return _fault(entry)


def _fault(entry: ManifestEntry) -> str:
    """Return why no release can have an entry; nothing where one can."""
    path, kind, mode, value = entry
    for what, text in (("the name", path), ("the link's target", value)):
        # Most names are plain, and finding that out is quick.
        if not (text.isascii() and text.isprintable()):
            why = _odd(text)
            if why:
                where = "" if text is path else f" of '{printable(path)}'"
                return f"{what} '{printable(text)}'{where} {why}; a release cannot hold it: rename it, or remove it"
    if kind == _LARGE:
        return (
            f"'{printable(path)}' is too large: a tree has at most {_MOST_BYTES >> 30} GiB of files; a release holds "
            "configuration, and no data: move it elsewhere"
        )
    if kind not in _KINDS:
        return f"'{path}' is a '{printable(kind)}'; a release holds files, directories and links only"
    if not 0 <= mode <= _MOST_MODE:
        return f"'{path}' has the mode {mode:o}; expected one up to {_MOST_MODE:o}"
    return ""


def _odd(text: str) -> str:
    if not _CONTROLS.isdisjoint(text):
        return "has control characters"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "is not UTF-8"
    return ""


def compare(before: Iterable[ManifestEntry], after: Iterable[ManifestEntry]) -> list[PathDifference]:
    """List what differs, sorted by path."""
    old: dict[str, ManifestEntry] = {entry.path: entry for entry in before}
    new: dict[str, ManifestEntry] = {entry.path: entry for entry in after}
    found = [PathDifference(path, "removed") for path in old.keys() - new.keys()]
    found += [PathDifference(path, "added") for path in new.keys() - old.keys()]
    found += [PathDifference(path, "changed") for path in old.keys() & new.keys() if old[path] != new[path]]
    return sorted(found)


def entries_to_json(entries: Iterable[ManifestEntry]) -> list[list[object]]:
    """Turn a manifest into plain lists, for JSON."""
    return [list(entry) for entry in entries]


def entries_from_json(rows: object) -> list[ManifestEntry]:
    """Turn plain lists back into a manifest. Raises ``SluiceError`` where that is none: a row of other types, a path
    that leads out of the tree, or one that is there twice.
    """
    if not isinstance(rows, list):
        raise SluiceError(f"a manifest is a list of {_ROW}, not {type(rows).__name__}")
    found: dict[str, ManifestEntry] = {}
    for row in rows:
        entry = _read_row(row)
        if entry.path in found:
            raise SluiceError(f"the manifest has '{entry.path}' twice")
        found[entry.path] = entry
    return list(found.values())


def _read_row(row: object) -> ManifestEntry:
    cells = row if isinstance(row, list) else []
    if [type(cell) for cell in cells] != [str, str, int, str]:
        raise SluiceError(f"{printable(repr(row)[:200])} is no line of a manifest; expected {_ROW}")
    entry = ManifestEntry(*cells)
    fault = _fault(entry)
    if fault:
        raise SluiceError(fault)
    if not {"", ".", ".."}.isdisjoint(entry.path.split("/")):
        raise SluiceError(f"'{entry.path}' in a manifest is no path inside of a tree")
    if not _is_value(entry):
        raise SluiceError(
            f"'{entry.path}' is a {entry.kind} in a manifest, and '{entry.value[:80]}' is no value of one"
        )
    return entry


def _is_value(entry: ManifestEntry) -> bool:
    if entry.kind == "file":
        # A digest has the form of an id.
        try:
            return bool(read_release_id(entry.value))
        except SluiceError:
            return False
    return (entry.value == "") is (entry.kind == "dir")
