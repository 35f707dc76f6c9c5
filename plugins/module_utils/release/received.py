"""Reading the tree that a host has sent: bounded in all that it holds, and nothing of it can lead out of a folder."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zlib
from pathlib import PurePosixPath
from typing import NamedTuple

from ..engine.trees.export import MOST_BYTES
from ..errors import SluiceError
from ..manifest import ManifestEntry
from ..untrusted import printable
from . import tree as trees

__all__ = ["ReceivedTree", "read_sent"]

_GZIP = 31
_MOST_MEMBERS = 20_000
# Each member has a header, and one for what does not fit into that.
_MOST_UNPACKED = MOST_BYTES + _MOST_MEMBERS * 2560
_MOST_PACKED = MOST_BYTES + (8 << 20)
_MOST_PATH = 4096
_LINK_MODE = 0o777


class ReceivedTree(NamedTuple):
    """A tree that can be written, and the manifest of it as the host has it: with the modes that it has there."""

    tree: trees.Tree
    entries: list[ManifestEntry]


def read_sent(bundle: bytes) -> ReceivedTree:
    """Read a tar.gz that a host has sent. Raises ``SluiceError`` for what is none, or larger than a host sends."""
    try:
        return _read(io.BytesIO(_unpacked(bundle)))
    # A chain of headers has tarfile call itself for each.
    except (tarfile.TarError, zlib.error, OSError, ValueError, OverflowError, RecursionError) as error:
        raise SluiceError(f"the live tree that the host sent is damaged: {printable(str(error))}") from error


def _unpacked(bundle: bytes) -> bytes:
    if len(bundle) > _MOST_PACKED:
        raise _too_large(f"{len(bundle) >> 20} MiB packed")
    unpack = zlib.decompressobj(_GZIP)
    data = unpack.decompress(bundle, _MOST_UNPACKED)
    if unpack.unconsumed_tail:
        raise _too_large(f"more than {_MOST_UNPACKED >> 20} MiB unpacked")
    if not unpack.eof:
        raise zlib.error("it ends early")
    if unpack.unused_data:
        raise zlib.error("something follows its end")
    return data


def _read(stream: io.BytesIO) -> ReceivedTree:
    tree: trees.Tree = {}
    entries: list[ManifestEntry] = []
    room = MOST_BYTES
    with tarfile.open(fileobj=stream, mode="r:") as archive:
        for member in archive:
            path = _path(member.name)
            if path in tree:
                raise SluiceError(f"the host sent {_shown(path)} twice")
            if len(tree) >= _MOST_MEMBERS:
                raise _too_large(f"more than {_MOST_MEMBERS} files")
            mode = member.mode & 0o7777
            if member.isdir():
                tree[path] = trees.Node("dir", mode & 0o777 | 0o700, b"", "live")
                entries.append(ManifestEntry(path, "dir", mode, ""))
            elif member.issym() and len(member.linkname) <= _MOST_PATH:
                tree[path] = trees.link(member.linkname, "live")
                entries.append(ManifestEntry(path, "link", _LINK_MODE, member.linkname))
            elif member.isreg() and not member.issparse():
                room -= member.size
                if room < 0 or member.size < 0:
                    raise _too_large(f"more than {MOST_BYTES >> 20} MiB of files")
                source = archive.extractfile(member)
                data = source.read() if source else b""
                tree[path] = trees.Node("file", mode & 0o777 | 0o600, data, "live")
                entries.append(ManifestEntry(path, "file", mode, hashlib.sha256(data).hexdigest()))
            else:
                raise SluiceError(f"the host sent {_shown(path)}, which is neither a file, a directory nor a link")
    return ReceivedTree(tree, entries)


def _path(name: str) -> str:
    path = PurePosixPath(name)
    if len(name) > _MOST_PATH or path.is_absolute() or ".." in path.parts or not path.parts:
        raise SluiceError(f"the host sent {_shown(name)}, which is no path in a tree")
    return str(path)


def _shown(name: str) -> str:
    return f"'{printable(name[:200])}'"


def _too_large(what: str) -> SluiceError:
    return SluiceError(
        f"the live tree that the host sent is too large: {what}; take out of /etc/nginx there what is no configuration"
    )
