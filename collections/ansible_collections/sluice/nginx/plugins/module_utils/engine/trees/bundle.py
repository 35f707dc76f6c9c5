"""A tree as one file: a tar.gz that is trusted only as far as its manifest goes."""

from __future__ import annotations

import io
import os
import tarfile
import zlib
from pathlib import Path, PurePosixPath

from ...manifest import Entry, compare, read_tree
from ..session import Fault, Problem

__all__ = ["pack_tree", "unpack"]

_DO = "push the release again; when it happens twice, the controller's copy is not what its manifest says"


def pack_tree(tree: Path) -> bytes:
    """Pack a tree with its owners, as a pristine copy."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=6, format=tarfile.GNU_FORMAT) as archive:
        for child in sorted(tree.iterdir()):
            archive.add(child, child.name)
    return buffer.getvalue()


def unpack(data: bytes, into: Path, manifest: list[Entry], owners: bool = False) -> None:
    """Unpack ``data`` into the new directory ``into``, and hold it to ``manifest``.

    Nothing is written that the manifest does not list, so no member can lead out of ``into``. Everything belongs to
    root unless ``owners``. Raises ``Fault`` with the first path that differs.
    """
    expected = {entry.path: entry for entry in manifest}
    into.mkdir(mode=0o755)
    into.chmod(0o755)
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
            for member in archive:
                _unpack_member(archive, member, into, expected, owners)
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise Fault(Problem("the bundle of the release is damaged", seen=str(error), do=_DO)) from error
    _set_directory_modes(into, manifest)
    differences = compare(manifest, read_tree(into))
    if differences:
        first = differences[0]
        raise Fault(
            Problem(
                f"the bundle does not hold the release: {first.path} is {first.what}",
                "the tree of the manifest",
                do=_DO,
            )
        )


def _unpack_member(
    archive: tarfile.TarFile, member: tarfile.TarInfo, into: Path, expected: dict[str, Entry], owners: bool
) -> None:
    path = PurePosixPath(member.name)
    if str(path) == ".":
        return
    kind = "file" if member.isreg() else "dir" if member.isdir() else "link" if member.issym() else "something else"
    entry = expected.get(str(path))
    if entry is None or path.is_absolute() or ".." in path.parts:
        raise Fault(Problem(f"the bundle holds {member.name!r}, which the release's manifest does not list", do=_DO))
    if entry.kind != kind:
        raise Fault(
            Problem(f"the bundle does not hold the release: {member.name} is {kind}", f"a {entry.kind}", do=_DO)
        )
    target = into / str(path)
    _make_parents(into, target)
    if kind == "dir":
        target.mkdir(exist_ok=True)
    elif kind == "link":
        os.symlink(member.linkname, target)
    else:
        source = archive.extractfile(member)
        # Exclusive: a name that comes twice would be written through what the first one made.
        with open(target, "xb") as file:
            file.write(source.read() if source else b"")
        target.chmod(entry.mode)
    if owners:
        os.chown(target, member.uid, member.gid, follow_symlinks=False)
        if kind == "file":
            target.chmod(entry.mode)


def _make_parents(into: Path, target: Path) -> None:
    for parent in reversed(target.relative_to(into).parents):
        folder = into / parent
        if folder.is_symlink():
            raise Fault(Problem(f"the bundle writes through a link: {target.relative_to(into)}", do=_DO))
        folder.mkdir(exist_ok=True)


def _set_directory_modes(into: Path, manifest: list[Entry]) -> None:
    # At the end and from the bottom, because a directory without the right to write may come before what is in it.
    for entry in sorted(manifest, reverse=True):
        folder = into / entry.path
        if entry.kind == "dir" and folder.is_dir() and not folder.is_symlink():
            folder.chmod(entry.mode)
