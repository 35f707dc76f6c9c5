"""A tree in memory: layers of files that are laid over each other before anything is written."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import stat
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..engine.host.copying import create
from ..errors import SluiceError
from ..manifest import ManifestEntry
from ..tree_reader import read_inside
from ..untrusted import has_controls, printable
from .modes import close_secrets, keep_closed

__all__ = ["Node", "Tree", "bundle", "directories", "file", "link", "manifest", "overlay", "read_layer", "write"]


@dataclass(frozen=True)
class Node:
    """A file (``data`` is its content), a link (``data`` is its target) or a directory.

    ``origin`` says where it came from, for people: the path of a source file or the name of a template. ``variables``
    are those of the user that lines of it came from: the first line, the last one, and the variable.
    """

    kind: str
    mode: int
    data: bytes
    origin: str
    variables: tuple[tuple[int, int, str], ...] = ()


Tree = dict[str, Node]


def file(data: bytes, origin: str, mode: int = 0o644) -> Node:
    """Make a file. Only the executable bit of ``mode`` counts: the rest of a checkout's modes depends on its umask."""
    return Node("file", 0o755 if mode & stat.S_IXUSR else 0o644, data, origin)


def link(target: str, origin: str) -> Node:
    """Make a symbolic link."""
    return Node("link", 0o777, target.encode(), origin)


def read_layer(root: Path, origin: str) -> Tree:
    """Read the files and links below ``root``. A file that is closed to others, as an exception, stays so.

    Raises ``SluiceError`` for sockets, pipes and devices.
    """
    found: Tree = {}
    modes: dict[str, int] = {}
    for folder, folders, files in os.walk(root):
        for name in sorted(folders + files):
            path = Path(folder, name)
            where = path.relative_to(root).as_posix()
            source = f"{origin}/{where}"
            status = path.lstat()
            _refuse_odd_name("the name", where)
            if stat.S_ISLNK(status.st_mode):
                _refuse_odd_name(f"where the link '{where}' leads to,", os.readlink(path))
            if stat.S_ISLNK(status.st_mode):
                found[where] = link(os.readlink(path), source)
            elif stat.S_ISREG(status.st_mode):
                found[where] = file(read_inside(root, where), source, status.st_mode)
                modes[where] = stat.S_IMODE(status.st_mode)
            elif stat.S_ISDIR(status.st_mode):
                found[where] = Node("dir", 0o755, b"", source)
                modes[f"{where}/"] = stat.S_IMODE(status.st_mode)
            else:
                raise SluiceError(f"{path} is neither a file, a directory nor a link; remove it from the tree")
    return keep_closed(found, modes)


def _refuse_odd_name(what: str, name: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise SluiceError(f"{what} {os.fsencode(name)!r} is not UTF-8; rename it, or remove it") from None
    if has_controls(name):
        raise SluiceError(
            f"{what} '{printable(name)}' has characters that nobody sees (control characters, line ends, marks of "
            "direction, odd spaces); rename it, or remove it"
        )


def directories(tree: Tree) -> Tree:
    """Add the directories that the paths of ``tree`` imply."""
    full = dict(tree)
    for path, node in tree.items():
        for parent in PurePosixPath(path).parents:
            name = parent.as_posix()
            if name == ".":
                continue
            there = full.setdefault(name, Node("dir", 0o755, b"", node.origin))
            if there.kind != "dir":
                raise SluiceError(
                    f"{name} is a {there.kind} in {there.origin} and a directory in {node.origin}; "
                    "a release can have only one of them"
                )
    return full


def overlay(*layers: Tree) -> Tree:
    """Lay trees over each other; the later one wins, and what is secret is closed to others.

    Raises ``SluiceError`` where a file meets a directory.
    """
    result: Tree = {}
    for layer in layers:
        for path, node in layer.items():
            below = result.get(path)
            if below is not None and (below.kind == "dir") != (node.kind == "dir"):
                raise SluiceError(
                    f"{path} is a {below.kind} in {below.origin} and a {node.kind} in {node.origin}; "
                    "a release can have only one of them"
                )
            result[path] = node
    return close_secrets(dict(sorted(directories(result).items())))


def manifest(tree: Tree) -> list[ManifestEntry]:
    """Return the manifest that the tree would have on disk."""
    return sorted(ManifestEntry(path, node.kind, node.mode, _value(node)) for path, node in tree.items())


def _value(node: Node) -> str:
    if node.kind == "file":
        return hashlib.sha256(node.data).hexdigest()
    return node.data.decode(errors="surrogateescape")


def bundle(tree: Tree) -> bytes:
    """Pack a tree as tar.gz: the same tree gives the same bytes."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, node in sorted(tree.items()):
            entry = tarfile.TarInfo(path)
            entry.mode = node.mode
            if node.kind == "file":
                entry.size = len(node.data)
                archive.addfile(entry, io.BytesIO(node.data))
                continue
            entry.type = tarfile.DIRTYPE if node.kind == "dir" else tarfile.SYMTYPE
            entry.linkname = _value(node)
            archive.addfile(entry)
    return gzip.compress(packed.getvalue(), mtime=0)


def write(tree: Tree, root: Path) -> None:
    """Write a tree below ``root``, which must be empty or absent. Nothing is open to others before it is whole."""
    if not root.exists():
        root.mkdir(0o700, parents=True)
    for path, node in sorted(tree.items()):
        where = root / path
        if node.kind == "dir":
            where.mkdir(0o700, exist_ok=True)
        elif node.kind == "link":
            where.symlink_to(_value(node))
        else:
            with open(create(where), "wb") as stream:
                stream.write(node.data)
                os.fchmod(stream.fileno(), node.mode)
    for path, node in sorted(tree.items(), reverse=True):
        if node.kind == "dir":
            (root / path).chmod(node.mode)
    root.chmod(0o755)
