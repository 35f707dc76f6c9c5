"""The lines of an access log that were written in a window of time, its rotated files included."""

from __future__ import annotations

import os

from ..lean import TYPE_CHECKING
from .logs import parts
from .times import logged_at

if TYPE_CHECKING:
    from typing import Iterator

__all__ = ["lines_between"]

# Lines are nearly in the order of their times: nginx holds some back for as long as `access_log ... flush=` says.
_SLACK = 60
_PART = 64 << 10


def lines_between(path: str, start: int, end: int) -> Iterator[str]:
    """Yield the lines written from ``start`` to ``end``, in seconds since 1970, and some of just before and after.

    Files that cannot be read are left out.
    """
    for name in _files(path, start - _SLACK):
        for lines in _zipped(name) if name.endswith(".gz") else _parts(name, _first(name, start - _SLACK)):
            at = next((found for found in map(_time, reversed(lines)) if found is not None), None)
            if at is None or at >= start - _SLACK:
                yield from lines
            if at is not None and at > end + _SLACK:
                break


def _files(path: str, written: int) -> list[str]:
    """List the log and what it was rotated into, as far as these were ``written`` to since then, oldest first."""
    folder, name = os.path.split(path)
    found = []
    try:
        beside = os.listdir(folder or ".")
    except OSError:
        return []
    for each in beside:
        # As logrotate names them: .1, .2.gz, -20261121, -20261121.gz.
        ending = each[len(name) :].replace(".gz", "")
        if each.startswith(name) and (not ending or (ending[0] in ".-" and ending[1:].replace("-", "").isdigit())):
            full = os.path.join(folder, each)
            try:
                status = os.stat(full)
            except OSError:
                continue
            if status.st_mtime >= written:
                found.append((status.st_mtime, full))
    return [full for _, full in sorted(found)]


def _time(line: str) -> int | None:
    return logged_at(line, line.find(" [") + 2)


def _first(path: str, start: int) -> int:
    """Return where the lines of ``start`` and later begin, found by halving; some before it may be among them."""
    low, high = 0, _size(path)
    while high - low > _PART:
        middle = (low + high) // 2
        at = _time_behind(path, middle)
        if at is not None and at < start:
            low = middle
        else:
            high = middle
    return low


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _time_behind(path: str, offset: int) -> int | None:
    """Tell when the first line that shows it behind an offset was written."""
    try:
        with open(path, "rb") as file:
            file.seek(offset)
            lines = file.read(_PART).decode("utf-8", "replace").split("\n")
    except OSError:
        return None
    return next((found for found in map(_time, lines[1:]) if found is not None), None)


def _parts(path: str, offset: int) -> Iterator[list[str]]:
    for lines in parts(path, [offset]):
        # Where reading begins in the middle of a line, its rest is none.
        yield lines[1:] if offset else lines
        offset = 0


def _zipped(path: str) -> Iterator[list[str]]:
    import zlib

    rest = b""
    reader = zlib.decompressobj(31)
    try:
        with open(path, "rb") as file:
            packed = file.read(_PART)
            while packed:
                whole, newline, rest = (rest + reader.decompress(packed)).rpartition(b"\n")
                if newline:
                    yield whole.decode("utf-8", "replace").split("\n")
                packed = file.read(_PART)
    except (OSError, zlib.error):
        return
