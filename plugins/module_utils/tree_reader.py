"""The one way to read a file of a tree: it never leaves the tree, whatever the links in it say.

A link is data. It is followed as nginx would follow it on a host, where the tree is ``/etc/nginx``, and only within the
tree; what it names elsewhere is told by its path and never opened.
"""

from __future__ import annotations

import os
import posixpath
import stat
from pathlib import Path, PurePosixPath

from .errors import SluiceError
from .manifest import CONF_ROOT

__all__ = ["MOST_BYTES", "LeavesTree", "find_inside", "kind_inside", "paths_inside", "read_inside"]

MOST_BYTES = 64 << 20
"""Of one file. A configuration or a certificate has far fewer; a list of all networks of the environment has 30 MiB."""
_MOST_LINKS = 40
_ROOT_PARTS = PurePosixPath(CONF_ROOT).parts[1:]


class LeavesTree(SluiceError):
    """A name leads out of the tree; ``target`` is the path on the host that it leads to."""

    def __init__(self, name: str, target: str) -> None:
        super().__init__(f"{name} leads to {target}, which is not in the tree")
        self.target = target


def find_inside(root: Path, name: str) -> str:
    """Return the path below ``root``, without any link, of the file or folder ``name``.

    Raises ``LeavesTree`` where links lead elsewhere, ``FileNotFoundError`` where there is nothing, and ``SluiceError``
    for links in a circle.
    """
    here: list[str] = []
    left = list(PurePosixPath(name).parts)
    links = 0
    while left:
        part, *left = left
        if part == "..":
            if not here:
                left = _back_inside(name, [*_ROOT_PARTS, part, *left])
                continue
            here.pop()
            continue
        target = _link(root.joinpath(*here, part), name)
        if target is None:
            here.append(part)
            continue
        links += 1
        if links > _MOST_LINKS:
            raise SluiceError(f"the links of {name} lead in a circle; let them lead to a file")
        parts = PurePosixPath(target).parts
        if parts[:1] in (("/",), ("//",)):
            here, left = [], _back_inside(name, [*parts[1:], *left])
        else:
            left = [*parts, *left]
    return "/".join(here)


def kind_inside(root: Path, name: str) -> str:
    """Return what ``name`` leads to within the tree: ``file``, ``dir``, or nothing."""
    try:
        mode = os.lstat(root / find_inside(root, name)).st_mode
    except (SluiceError, OSError):
        return ""
    return "file" if stat.S_ISREG(mode) else "dir" if stat.S_ISDIR(mode) else ""


def _back_inside(name: str, parts: list[str]) -> list[str]:
    """Return what follows ``/etc/nginx`` in an absolute path. Raises ``LeavesTree``."""
    path = posixpath.normpath("/" + "/".join(parts))
    found = PurePosixPath(path).parts[1:]
    if found[: len(_ROOT_PARTS)] != _ROOT_PARTS:
        raise LeavesTree(name, path)
    return list(found[len(_ROOT_PARTS) :])


def _link(path: Path, name: str) -> str | None:
    try:
        return os.readlink(path) if stat.S_ISLNK(os.lstat(path).st_mode) else None
    except (OSError, ValueError) as error:
        # A name with NUL, or one that is too long, cannot be there either.
        raise FileNotFoundError(f"the tree has no {name}") from error


def read_inside(root: Path, name: str) -> bytes:
    """Return the content of the file ``name`` below ``root``.

    Raises what ``find_inside`` does, ``FileNotFoundError`` for a directory, and ``SluiceError`` for what is no regular
    file or is larger than ``MOST_BYTES``.
    """
    found = find_inside(root, name)
    # Part by part, so that a folder which becomes a link meanwhile is not followed either.
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        *folders, last = found.split("/")
        for part in folders:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            os.close(folder)
            folder = inner
        # A pipe would wait for its writer, a device has no end.
        handle = os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    finally:
        os.close(folder)
    try:
        status = os.fstat(handle)
        if stat.S_ISDIR(status.st_mode):
            raise FileNotFoundError(f"{name} is a directory")
        if not stat.S_ISREG(status.st_mode):
            raise SluiceError(f"{name} is neither a file, a directory nor a link; remove it from the tree")
        with open(handle, "rb", closefd=False) as file:
            # Python makes room for all that it is asked to read.
            content = file.read(min(status.st_size, MOST_BYTES) + 1)
    finally:
        os.close(handle)
    if len(content) > MOST_BYTES:
        raise SluiceError(f"{name} is larger than {MOST_BYTES >> 20} MiB; a release holds configuration, not data")
    return content


def paths_inside(root: Path) -> list[str]:
    """List the files and links below ``root``, sorted; links of folders are listed and not entered."""
    found = []
    for folder, folders, files in os.walk(root):
        names = [*files, *(name for name in folders if os.path.islink(os.path.join(folder, name)))]
        below = os.path.relpath(folder, root)
        found += [posixpath.normpath(posixpath.join(below, name)) for name in names]
    return sorted(found)
