"""nginx's logs since a mark: severe lines of error logs, and the share of 5xx in access logs."""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING, Iterable, Iterator, NamedTuple

from ..untrusted import whole_number
from .safe_open import opened

if TYPE_CHECKING:
    from .protocol import Json
    from .slots import Slots
    from .traffic import TrafficCounts
    from .visitors import Clients

__all__ = [
    "OWN",
    "TIME",
    "Limit",
    "Share",
    "copied",
    "is_clients_fault",
    "is_end_of",
    "logs_of",
    "mark",
    "new_lines",
    "parts",
    "rise",
    "rotated_to",
    "severe",
    "share",
    "since",
    "tail_before",
]

# The checks' own requests are no traffic; this is how their User-Agent stands in the combined format.
OWN = '"sluice"'

_TAIL = 1 << 20
# A log is read in parts of so many bytes: it may be larger than the memory.
_PART = 1 << 20
_LONGEST = 4 * _PART
# How a line of an error log begins, as a regular expression.
TIME = r"(?a)\d{4}/\d\d/\d\d \d\d:\d\d:\d\d"
# What a client does wrong in its handshake is logged at crit, and says nothing about the release.
_CLIENTS_FAULT = ("SSL_do_handshake() failed", " while SSL handshaking, client:")
_RISE_COUNT, _RISE_SHARE = 5, 0.02


def logs_of(meta: Json, kind: str) -> set[str]:
    """Return the ``error_logs`` or ``access_logs`` of a release, as far as they are known."""
    return set((meta.get("logs") or meta.get("facts") or {}).get(kind) or [])


class Share(NamedTuple):
    """Requests, and those of them answered with 5xx; ``unread`` lines have a format that shows no status."""

    requests: int
    failed: int
    unread: int

    @property
    def part(self) -> float:
        """The share of 5xx, 0 to 1."""
        return self.failed / self.requests if self.requests else 0.0

    def plus(self, other: Share) -> Share:
        """Add what another log shows."""
        return Share(self.requests + other.requests, self.failed + other.failed, self.unread + other.unread)


def mark(paths: Iterable[str]) -> tuple[dict[str, list[int]], list[str]]:
    """Remember the end of each log as [inode, bytes];

    also returns those that cannot be read. A log that is not there yet counts from 0.
    """
    marks: dict[str, list[int]] = {}
    unreadable = []
    for path in paths:
        try:
            with opened(path) as log:
                status = os.fstat(log)
            marks[path] = [status.st_ino, status.st_size]
        except FileNotFoundError:
            marks[path] = [0, 0]
        except OSError:
            unreadable.append(path)
    return marks, unreadable


def copied(marks: dict[str, list[int]]) -> dict[str, list[int]]:
    """Copy marks, for a reader of its own: ``new_lines`` moves them."""
    return {path: list(at) for path, at in marks.items()}


class Limit:
    """How much is read of logs, of all together: so many bytes, for so many seconds.

    Whoever fills a log must not keep the engine reading. ``reached`` says that there was more.
    """

    def __init__(self, size: int = 256 << 20, seconds: float = 20.0) -> None:
        self.reached = False
        self._left = size
        self._until = time.monotonic() + seconds

    def take(self, wanted: int) -> int:
        """Return how many bytes may be read now, up to ``wanted``; 0 when it is enough."""
        if self._left <= 0 or time.monotonic() > self._until:
            self.reached = True
            return 0
        return min(wanted, self._left)

    def took(self, size: int) -> None:
        """Count what was read."""
        self._left -= size


def new_lines(path: str, at: list[int]) -> list[str]:
    """Read what was logged since a mark, and move the mark."""
    return list(since(path, at))


def since(path: str, at: list[int], limit: Limit | None = None) -> Iterator[str]:
    """Yield the lines logged since a mark, and move the mark.

    A rotated log is read to its end under its new name first. A line that is still being written waits for its end.
    """
    limit = limit or Limit()
    inode, offset = at
    try:
        status = os.stat(path)
    except OSError:
        return
    if status.st_ino != inode or status.st_size < offset:
        rotated = rotated_to(path, inode)
        if rotated:
            for lines in parts(rotated, [offset], limit):
                yield from lines
        offset = 0
    end = [offset]
    if status.st_size > offset:
        for lines in parts(path, end, limit):
            yield from lines
    at[:] = [status.st_ino, *end]


def rotated_to(path: str, inode: int) -> str:
    """Return the name that a log was rotated to which had this inode; nothing where there is none."""
    try:
        rotated = f"{path}.1"
        return rotated if inode and os.stat(rotated).st_ino == inode else ""
    except OSError:
        return ""


def parts(path: str, offset: list[int], limit: Limit | None = None) -> Iterator[list[str]]:
    """Yield whole lines from an offset on, some at a time, and move it behind them.

    Of a line that is longer than any of nginx's, only the end of it is.
    """
    limit = limit or Limit()
    rest, dropped = b"", 0
    try:
        with opened(path) as log:
            at = offset[0]
            while True:
                read = os.pread(log, limit.take(_PART), at)
                if not read:
                    return
                at += len(read)
                limit.took(len(read))
                whole, newline, rest = (rest + read).rpartition(b"\n")
                if newline:
                    offset[0] += dropped + len(whole) + 1
                    dropped = 0
                    yield whole.decode("utf-8", "replace").split("\n")
                if len(rest) > _LONGEST:
                    dropped += len(rest) - _PART
                    rest = rest[-_PART:]
    except OSError:
        return


def tail_before(path: str, at: list[int]) -> tuple[list[str], bool]:
    """Read the whole lines before a mark, at most 1 MiB of them, and tell whether that is all there was."""
    inode, offset = at
    for name in (path, f"{path}.1"):
        try:
            if inode and os.stat(name).st_ino == inode:
                with opened(name) as log:
                    tail = os.pread(log, min(offset, _TAIL), max(0, offset - _TAIL))
                lines = tail.decode("utf-8", "replace").split("\n")
                cut = offset > _TAIL
                rotated = name == path and os.path.exists(f"{path}.1")
                return lines[1 if cut else 0 : None if lines[-1] else -1], not (cut or rotated)
        except OSError:
            continue
    return [], True


def severe(lines: Iterable[str], old_pids: frozenset[int], levels: frozenset[str]) -> list[str]:
    """Pick the lines at ``levels`` (emerg, alert, crit) that are about the new configuration:

    nothing by or about ``old_pids``. They are taken at their word, as in staging, where nobody else asks: on a host
    ``records`` reads them.
    """
    found = []
    for line in lines:
        level, pid = _level_and_pid(line)
        if level not in levels or pid in old_pids or is_clients_fault(line):
            continue
        if not is_end_of(line, old_pids):
            found.append(line)
    return found


def _level_and_pid(line: str) -> tuple[str, int]:
    """Read the level and the process of a line such as ``2026/11/21 13:30:00 [emerg] 7#7: ...``; no level where it is
    none.
    """
    stamp, _, rest = line.partition(" [")
    level, _, rest = rest.partition("] ")
    pid = whole_number(rest.partition("#")[0]) if "#" in rest else None
    return (level, pid) if pid is not None and re.fullmatch(TIME, stamp) else ("", 0)


def is_clients_fault(line: str) -> bool:
    """Return whether a line is about what a client does wrong in its handshake."""
    failed, client = _CLIENTS_FAULT
    return client in line.partition(failed)[2]


def is_end_of(line: str, pids: frozenset[int]) -> bool:
    """Return whether a master says in a line that one of these workers has ended."""
    about, _, event = line.partition("worker process ")[2].partition(" ")
    return event.startswith("exited") and whole_number(about) in pids


def share(
    lines: Iterable[str], ignore: str = "", traffic: TrafficCounts | None = None, clients: Clients | Slots | None = None
) -> Share:
    """Count requests and 5xx, in ``traffic`` and by ``clients`` as well; lines with the text ``ignore`` are requests
    of our own.
    """
    requests = failed = unread = 0
    for line in lines:
        if ignore and ignore in line:
            continue
        status = _status(line)
        if not status:
            unread += 1
            continue
        requests += 1
        is_failed = status.startswith("5")
        failed += is_failed
        if traffic is not None:
            traffic.add(line, is_failed)
        if clients is not None:
            clients.add(line, status)
    if traffic is not None:
        traffic.unread += unread
    return Share(requests, failed, unread)


def _status(line: str) -> str:
    """Read the status behind the first quoted field, as the combined format and its kin have it, or from JSON.

    What is within quotes is the visitor's word, and nginx escapes the quotes in it.
    """
    plain = line.replace("\\\\", "").replace('\\"', "") if "\\" in line else line
    for field in plain.split('"')[2::2] if line[:1] != "{" else ():
        status = field[1:4]
        ends = not (field[4:5].isalnum() or field[4:5] == "_")
        if field[:1] == " " and _is_status(status) and ends:
            return status
    value = plain.partition('"status":')[2].lstrip()
    status = value[1:4] if value.startswith('"') else value[:3]
    return status if _is_status(status) else ""


def _is_status(text: str) -> bool:
    return len(text) == 3 and text.isascii() and text.isdigit()


def rise(before: Share, since: Share) -> bool:
    """Return whether 5xx rose: at least five, and two percentage points above the share of before."""
    return since.failed >= _RISE_COUNT and since.part > before.part + _RISE_SHARE
