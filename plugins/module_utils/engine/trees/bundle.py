"""A tree as one file: a tar.gz that is trusted only as far as its manifest goes."""

from __future__ import annotations

import io
import os
import posixpath
from pathlib import Path
from typing import TYPE_CHECKING

from ...manifest import ManifestEntry, compare, read_tree
from ..host.copying import create
from ..session import Fault, Problem

if TYPE_CHECKING:
    import tarfile

__all__ = ["is_for_group", "pack_tree", "unpack"]

_DO = "push the release again; when it happens twice, the controller's copy is not what its manifest says"


def pack_tree(tree: Path) -> bytes:
    """Pack a tree with its owners, as a pristine copy."""
    import tarfile

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=6, format=tarfile.GNU_FORMAT) as archive:
        for child in sorted(tree.iterdir()):
            archive.add(child, child.name)
    return buffer.getvalue()


def unpack(data: bytes, into: Path, manifest: list[ManifestEntry], owners: bool = False, group: int = -1) -> None:
    """Unpack ``data`` into the new directory ``into``, and hold it to ``manifest``.

    Nothing is written that the manifest does not list, so no member can lead out of ``into``. Everything belongs to
    root unless ``owners``; what only its group may read gets ``group``, that of nginx's workers. All is closed to
    others until it is whole. Raises ``Fault`` with the first path that differs.
    """
    # Here, since most operations unpack nothing.
    import gzip
    import tarfile
    import zlib

    expected = {entry.path: entry for entry in manifest}
    into.mkdir(mode=0o700)
    # Folders that are there, and are no links.
    made = {""}
    try:
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(data)), mode="r:") as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isreg() else None
                _unpack_member(member, content.read() if content else b"", str(into), expected, made, owners, group)
    except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError) as error:
        raise Fault(Problem("the bundle of the release is damaged", actual=str(error), fix=_DO)) from error
    _set_directory_modes(into, manifest)
    differences = compare(manifest, read_tree(into))
    if differences:
        first = differences[0]
        raise Fault(
            Problem(
                f"the bundle does not hold the release: {first.path} is {first.what}",
                "the tree of the manifest",
                fix=_DO,
            )
        )
    into.chmod(0o755)


def _unpack_member(
    member: tarfile.TarInfo,
    content: bytes,
    into: str,
    expected: dict[str, ManifestEntry],
    made: set[str],
    owners: bool,
    group: int,
) -> None:
    name = posixpath.normpath(member.name)
    if name == ".":
        return
    entry = expected.get(name)
    kind = _kind(member)
    if entry is None or name.startswith("/") or ".." in member.name.split("/"):
        raise Fault(Problem(f"the bundle holds {member.name!r}, which the release's manifest does not list", fix=_DO))
    if entry.kind != kind:
        raise Fault(
            Problem(f"the bundle does not hold the release: {member.name} is {kind}", f"a {entry.kind}", fix=_DO)
        )
    target = f"{into}/{name}"
    _make_folder(into, name if kind == "dir" else posixpath.dirname(name), made, member.name)
    if kind == "link":
        os.symlink(member.linkname, target)
    elif kind == "file":
        # Exclusive: a name that comes twice would be written through what the first one made.
        with open(create(target), "wb") as file:
            file.write(content)
            file.flush()
            if owners:
                os.fchown(file.fileno(), member.uid, member.gid)
            elif group >= 0 and is_for_group(entry):
                os.fchown(file.fileno(), -1, group)
            os.fchmod(file.fileno(), entry.mode)
    if owners and kind != "file":
        os.chown(target, member.uid, member.gid, follow_symlinks=False)


def _kind(member: tarfile.TarInfo) -> str:
    return "file" if member.isreg() else "link" if member.issym() else "dir" if member.isdir() else "something else"


def is_for_group(entry: ManifestEntry) -> bool:
    """Return whether a file is for its group and for no others: then nginx's workers read it."""
    return entry.kind == "file" and entry.mode & 0o044 == 0o040


def _make_folder(into: str, name: str, made: set[str], wanted_for: str) -> None:
    if name in made:
        return
    _make_folder(into, posixpath.dirname(name), made, wanted_for)
    folder = f"{into}/{name}"
    if os.path.islink(folder):
        raise Fault(Problem(f"the bundle writes through a link: {wanted_for}", fix=_DO))
    os.mkdir(folder, 0o700)
    made.add(name)


def _set_directory_modes(into: Path, manifest: list[ManifestEntry]) -> None:
    # At the end and from the bottom, because a directory without the right to write may come before what is in it.
    for entry in sorted(manifest, reverse=True):
        folder = into / entry.path
        if entry.kind == "dir" and folder.is_dir() and not folder.is_symlink():
            folder.chmod(entry.mode)
