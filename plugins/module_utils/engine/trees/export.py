"""The live tree as the controller may have it: without what is secret."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import NamedTuple

from ...secrets import named_by, secret_paths
from .disclosure import MOST_BYTES, DisclosedTree, read_side, secrets_in

__all__ = ["MOST_BYTES", "PackedTree", "pack_without_secrets", "secret_paths"]


class PackedTree(NamedTuple):
    """A tree as tar.gz, or None where it is larger than is sent; ``withheld`` are paths, and ``size`` is in bytes."""

    data: bytes | None
    withheld: list[str]
    size: int


def pack_without_secrets(tree: Path, conf: Path, pristine: DisclosedTree | None = None) -> PackedTree:
    """Pack the tree that nginx reads at ``conf``.

    What is secret, in it or in its ``pristine`` copy, is left out, as keys with the certificates that they are for, and
    password files. One that is included is there and empty, so that the others can still be read. Links are packed as
    links, and nothing that they lead to.
    """
    import tarfile

    side = read_side(tree, MOST_BYTES)
    if side is None:
        return PackedTree(None, [], _size(tree))
    secret = secrets_in(conf, *(each for each in (side, pristine) if each is not None), shown=False)
    withheld = sorted(secret & side.files.keys())
    emptied = named_by(("include",), side.files, str(conf), side.links)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=6, format=tarfile.PAX_FORMAT) as archive:
        for name in sorted(
            {each for each in {*side.links, *(path.rstrip("/") for path in side.modes)} if _is_plain(each)}
        ):
            entry = archive.gettarinfo(str(tree / name), name)
            if name not in side.files:
                archive.addfile(entry)
            elif name not in withheld or name in emptied:
                # What was judged is what is sent.
                data = b"" if name in withheld else side.files[name]
                entry.type, entry.linkname, entry.size = tarfile.REGTYPE, "", len(data)
                archive.addfile(entry, io.BytesIO(data))
    return PackedTree(buffer.getvalue(), withheld, sum(map(len, side.files.values())))


def _is_plain(name: str) -> bool:
    """Return whether a name can be part of a release; one that is not UTF-8 cannot."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _size(tree: Path) -> int:
    paths = [os.path.join(folder, name) for folder, _, names in os.walk(tree) for name in names]
    return sum(os.lstat(path).st_size for path in paths)
