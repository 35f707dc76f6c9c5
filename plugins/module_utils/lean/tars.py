"""Reading a tar.gz without ``tarfile``, whose import takes a host as long as unpacking a release does."""

from __future__ import annotations

import zlib

from . import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Iterator

__all__ = ["Damaged", "Member", "members"]

_BLOCK = 512
_GZIP = 31
# Of POSIX: where a header has what, in bytes. What is longer than its field comes as a member of another type.
_NAME, _UID, _GID, _SIZE = slice(0, 100), slice(108, 116), slice(116, 124), slice(124, 136)
_SUM, _TYPE, _TARGET, _PREFIX = slice(148, 156), slice(156, 157), slice(157, 257), slice(345, 500)
_POSIX = b"ustar\x0000"
_KINDS = {b"0": "file", b"\0": "file", b"2": "link", b"5": "dir"}
_OTHERS = frozenset(b"1346")


class Damaged(Exception):
    """It is no tar.gz, or not all of one; the text says why."""


class Member(NamedTuple):
    """A member: its path, ``file``, ``link``, ``dir`` or ``something else``, the link's target, the file's content."""

    path: str
    kind: str
    target: str
    uid: int
    gid: int
    data: bytes


def members(packed: bytes) -> Iterator[Member]:
    """Read the members of a tar.gz, in their order. Raises ``Damaged``."""
    unpack = zlib.decompressobj(_GZIP)
    try:
        data = unpack.decompress(packed)
    except zlib.error as error:
        raise Damaged(str(error)) from error
    if not unpack.eof:
        raise Damaged("it ends early")
    try:
        found = list(_plain(data))
    except (ValueError, UnicodeDecodeError):
        found = list(_any(data))
    return iter(found)


def _plain(data: bytes) -> Iterator[Member]:
    """Raises ``ValueError`` for what only the whole of ``tarfile`` understands."""
    at = 0
    while True:
        head = data[at : at + _BLOCK]
        if not head.strip(b"\0") and len(head) == _BLOCK:
            return
        kind, size = head[_TYPE], _number(head[_SIZE])
        # The sum counts its own field as spaces.
        if len(head) < _BLOCK or _number(head[_SUM]) != sum(head) - sum(head[_SUM]) + 8 * 32:
            raise ValueError("no header")
        if kind not in _KINDS and kind[0] not in _OTHERS:
            raise ValueError("a header of another kind")
        prefix = _text(head[_PREFIX]) + "/" if head[257:265] == _POSIX and head[345] else ""
        begin = at + _BLOCK
        at = begin + -(-size // _BLOCK) * _BLOCK
        if at > len(data):
            raise ValueError("a member is not complete")
        yield Member(
            (prefix + _text(head[_NAME])).rstrip("/"),
            _KINDS.get(kind, "something else"),
            _text(head[_TARGET]),
            _number(head[_UID]),
            _number(head[_GID]),
            data[begin : begin + size],
        )


def _number(field: bytes) -> int:
    return int(field.strip(b" \0") or b"0", 8)


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _any(data: bytes) -> Iterator[Member]:
    import io
    import tarfile

    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for member in archive:
                kind = "file" if member.isreg() else "dir" if member.isdir() else "link" if member.issym() else ""
                source = archive.extractfile(member) if kind == "file" else None
                content = source.read() if source else b""
                target, uid, gid = member.linkname, member.uid, member.gid
                yield Member(member.name, kind or "something else", target, uid, gid, content)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise Damaged(str(error)) from error
