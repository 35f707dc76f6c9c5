"""The lines of an access log that were written in a window of time, its rotated files included."""

from __future__ import annotations

import os
from typing import Iterator

from ..untrusted import whole_number
from .logs import Limit, parts
from .safe_open import opened
from .timestamps import logged_at

__all__ = ["lines_between"]

# Lines are nearly in the order of their times: nginx holds some back for as long as `access_log ... flush=` says.
_SLACK = 60
_PART = 64 << 10
# A few bytes of a packed log may be very many lines: so many bytes are unpacked at a time.
_UNPACKED = 1 << 20


def lines_between(path: str, start: int, end: int, limit: Limit | None = None) -> Iterator[str]:
    """Yield the lines written from ``start`` to ``end``, in seconds since 1970, and some of just before and after.

    Files that cannot be read are left out.
    """
    limit = limit or Limit()
    for name in _files(path, start - _SLACK):
        packed = name.endswith(".gz")
        for lines in _zipped(name, limit) if packed else _parts(name, _first(name, start - _SLACK), limit):
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
        is_number = ending[:1] in (".", "-") and whole_number(ending[1:].replace("-", "")) is not None
        if each.startswith(name) and (not ending or is_number):
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
    """Return when the first line that shows it behind an offset was written."""
    try:
        with opened(path) as log:
            lines = os.pread(log, _PART, offset).decode("utf-8", "replace").split("\n")
    except OSError:
        return None
    return next((found for found in map(_time, lines[1:]) if found is not None), None)


def _parts(path: str, offset: int, limit: Limit) -> Iterator[list[str]]:
    for lines in parts(path, [offset], limit):
        # Where reading begins in the middle of a line, its rest is none.
        yield lines[1:] if offset else lines
        offset = 0


def _zipped(path: str, limit: Limit) -> Iterator[list[str]]:
    import zlib

    rest = b""
    reader = zlib.decompressobj(31)
    try:
        with opened(path) as log:
            while True:
                most = limit.take(_UNPACKED)
                packed = reader.unconsumed_tail or os.read(log, _PART)
                # None at most would mean as much as there is.
                if not most:
                    return
                read = reader.decompress(packed, most) if packed else reader.flush()
                limit.took(len(read))
                whole, newline, rest = (rest + read).rpartition(b"\n")
                if newline:
                    yield whole.decode("utf-8", "replace").split("\n")
                # What is longer than any line is none.
                rest = b"" if len(rest) > _UNPACKED else rest
                if reader.eof or not packed:
                    return
    except (OSError, zlib.error):
        return
