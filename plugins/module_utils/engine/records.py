"""nginx's own words in its error logs, told from what visitors make it write there.

nginx writes decoded paths, answers of upstreams and what FastCGI says on its standard error as they are, with line
ends. So any visitor can write whole lines with any time, level and pid (at fifty requests a second every pid comes up
within seconds), and even a record's ending. No line can be judged by its text alone. Four things no visitor can do:

- A record is written by one call. Where a log ends at a moment, a record ends. (Unless the call is seen half done,
  which leaves a multiple of a block: that is never taken for an end.)
- nginx cuts a record at 2048 bytes; builds that change this double it.
- What comes from a client stands in records of workers only; these begin with a head, and a master's hold none of it.
- nginx goes on behind it, by a quote at least: no record ends with a visitor's own text, unless it was cut.

So a line is *proven* to begin a record when no record that may hold it can have begun before it: since the last known
end of the log there was no head of any process but a master within reach. Or when it is the last line at such an end,
because a record that held it would have to go on behind it, unless it was cut right there; what it goes on with may
stand on that very line (``"``, ``, context: ``), and in records of ``debug`` anything may. Everything else is
*unproven*, however it looks: a continuation cannot be told from it. Looking often makes what is known finer, so a true
line is proven unless errors are logged more often than logs are looked at; and a reload that fails is proved by what
workers do in any case (``proof``). So a forged line vetoes nothing, and no true failure needs a line to be seen.

A proven line of the master or of one of its workers counts at once. Lines about a connection (``*N``), and those
that a crowd of visitors can bring about, are counted by the kind of their text, and judged by whether they rise.
A log in which a record begins without a head is no error log: nothing in it is proven.
"""

from __future__ import annotations

import os
import re
from typing import Iterable, NamedTuple

from ..untrusted import printable, whole_number
from .logs import TIME, Limit, is_clients_fault, is_end_of, rotated_to
from .safe_open import opened

__all__ = ["SEVERE", "LogLines", "Pids", "Records", "kind_of", "read_head"]

SEVERE = frozenset({"emerg", "alert", "crit"})
_MARKS = tuple(f" [{level}] ".encode() for level in sorted(SEVERE))
# The longest record of any build, and the lengths at which builds cut.
_REACH = 8192
_CUTS = (2048, 4096, 8192)
# What nginx goes on with behind a visitor's text: the decoded path in `upstream: "..."`, the name in `login: "..."`.
_GOES_ON = (b'"', b", context: ")
# Sizes at which a file may be seen while a record is being written to it.
_BLOCK = 512
_PART = 1 << 20
_FEW, _MOST_KINDS, _MOST_LETTERS = 50, 200, 100
# Lines without a connection that too many of them bring about.
_OF_CROWDS = (
    "worker_connections are not enough",
    " while accepting new connection",
    "accept() failed",
    "accept4() failed",
    "recvmsg() ",
    "sendmsg() ",
    # A zone that is full of what they asked, or of who they are.
    "ngx_slab_alloc() failed",
    "could not allocate n",
    "ignore long locked inactive cache entry",
)


class Pids(NamedTuple):
    """The processes of nginx: its master, its workers, and the workers of before, whose lines do not count."""

    masters: frozenset[int]
    workers: frozenset[int]
    old: frozenset[int] = frozenset()


class Head(NamedTuple):
    """How a record begins; ``text`` is what follows on its first line."""

    level: str
    pid: int
    text: str

    @property
    def is_about_client(self) -> bool:
        """Return whether it is about a connection, so that a client has a part in it."""
        number, space, _ = self.text[1:].partition(" ") if self.text[:1] == "*" else ("", "", "")
        return bool(space and whole_number(number) is not None) or ", client: " in self.text


class LogLines:
    """What was read: ``own`` lines of nginx, ``proven`` ones of any process, and those that may be anybody's.

    Of each the first few are kept. ``visitors`` counts lines about connections by kind, ``size`` all bytes.
    """

    def __init__(self) -> None:
        self.size = 0
        self.own: list[str] = []
        self.proven: list[str] = []
        self.unproven: list[str] = []
        self.levels: dict[str, int] = {}
        self.unproven_levels: dict[str, int] = {}
        self.visitor_levels: dict[str, int] = {}
        self.visitors: dict[str, int] = {}

    def note_own(self, level: str, line: str) -> None:
        """Count a line of nginx's own."""
        self.levels[level] = self.levels.get(level, 0) + 1
        _keep(self.own, line)

    def note_unproven(self, level: str, line: str) -> None:
        """Count a line that has nginx's form, and may be a visitor's."""
        self.unproven_levels[level] = self.unproven_levels.get(level, 0) + 1
        _keep(self.unproven, line)

    def note_visitor(self, head: Head) -> None:
        """Count a line about a connection."""
        self.visitor_levels[head.level] = self.visitor_levels.get(head.level, 0) + 1
        kind = kind_of(head.text)
        if kind in self.visitors or len(self.visitors) < _MOST_KINDS:
            self.visitors[kind] = self.visitors.get(kind, 0) + 1


def _keep(lines: list[str], line: str) -> None:
    if len(lines) < _FEW:
        lines.append(printable(line))


def read_head(line: bytes) -> Head | None:
    """Read how a line begins, as ``2026/11/21 13:30:00 [emerg] 7#7: bind() ...``; None where it begins otherwise."""
    # A glance first: most lines of logs are of another form, or of no interest.
    if line[4:5] != b"/" or line[19:21] != b" [":
        return None
    level, is_level, rest = line[21:].decode("utf-8", "replace").partition("] ")
    numbers, is_text, text = rest.partition(": ")
    pid, is_pid, thread = numbers.partition("#")
    number = whole_number(pid)
    if number is None or whole_number(thread) is None or not (is_level and is_pid and is_text):
        return None
    return Head(level, number, text) if re.fullmatch(TIME, line[:19].decode("latin-1")) else None


def kind_of(text: str) -> str:
    """Return what lines of one kind share: the text without names in quotes, and without who asked."""
    plain = " ".join(text.split('"')[::2]).partition(", client: ")[0]
    words = [word for word in plain.split() if whole_number(word.lstrip("*#")) is None]
    return printable(" ".join(words))[:_MOST_LETTERS]


class Records:
    """Reads error logs on from marks, which it moves. Each log is told apart by itself."""

    def __init__(self, marks: dict[str, list[int]]) -> None:
        self._logs = [_Log(path, at) for path, at in marks.items()]
        self.found = LogLines()

    @property
    def are_other(self) -> bool:
        """Return whether none of the logs is an error log, by how records begin there."""
        return all(log.is_other for log in self._logs)

    def read(self, pids: Pids, limit: Limit | None = None) -> LogLines:
        """Read what is new, add it to ``found``, and return it alone."""
        new = LogLines()
        limit = limit or Limit()
        for log in self._logs:
            log.read(pids, limit, (new, self.found))
        return new


class _Log:
    """One error log: where reading is, and where records may have begun that may hold what follows."""

    def __init__(self, path: str, at: list[int]) -> None:
        self._path, self._at = path, at
        self._begin_anew(at[1])

    def _begin_anew(self, offset: int) -> None:
        self._starts: list[int] = []
        self.is_other = False
        # Up to here a record may reach that began before what was read.
        self._unknown_until = offset + _REACH if offset and not offset % _BLOCK else 0
        self._known_end = offset

    def read(self, pids: Pids, limit: Limit, into: Iterable[LogLines]) -> None:
        inode, offset = self._at
        try:
            status = os.stat(self._path)
            if status.st_ino == inode and (status.st_size == offset or (self.is_other and status.st_size > offset)):
                self._at[1] = status.st_size
                return
            if status.st_ino != inode or status.st_size < offset:
                rotated = rotated_to(self._path, inode)
                if rotated:
                    self._read(rotated, pids, limit, into)
                self._begin_anew(0)
                self._at[:] = [status.st_ino, 0]
            self._read(self._path, pids, limit, into)
        except OSError:
            return

    def _read(self, path: str, pids: Pids, limit: Limit, into: Iterable[LogLines]) -> None:
        """Read a file to its end, whole lines at a time. Raises ``OSError``."""
        rest = b""
        with opened(path) as log:
            at = self._at[1]
            while True:
                read = os.pread(log, limit.take(_PART), at)
                if not read:
                    break
                at += len(read)
                limit.took(len(read))
                # What is at the end waits, until it is known whether it is the end.
                whole, newline, rest = (rest + read).rpartition(b"\n")
                if newline and not self.is_other:
                    is_end = not rest and os.fstat(log).st_size == at and at % _BLOCK != 0
                    self._take(whole, is_end, pids, into)
                elif len(rest) > _PART:
                    # No line of nginx's is as long.
                    self._at[1], rest = at, b""
                    self._unknown_until = at + _REACH

    def _take(self, whole: bytes, is_end: bool, pids: Pids, into: Iterable[LogLines]) -> None:
        begin = self._at[1]
        self._at[1] = begin + len(whole) + 1
        if begin == self._known_end and begin >= self._unknown_until and read_head(whole.partition(b"\n")[0]) is None:
            self.is_other = True
            return
        for found in into:
            found.size += len(whole) + 1
        if any(mark in whole for mark in _MARKS):
            self._take_lines(whole.split(b"\n"), begin, is_end, pids, into)
        elif not is_end:
            self._unknown_until = self._at[1] + _REACH
        if is_end:
            # The log ends here at a moment, and so does a record.
            self._starts, self._unknown_until, self._known_end = [], 0, self._at[1]

    def _take_lines(self, lines: list[bytes], end: int, is_end: bool, pids: Pids, into: Iterable[LogLines]) -> None:
        last, starts = len(lines) - 1, self._starts
        for number, line in enumerate(lines):
            begin, end = end, end + len(line) + 1
            while starts and end - starts[0] > _REACH:
                starts.pop(0)
            head = read_head(line)
            if head is not None and head.level in SEVERE:
                is_open = bool(starts) or begin < self._unknown_until
                if is_open and is_end and number == last and begin >= self._unknown_until:
                    is_open = any(end - start in _CUTS for start in starts) or any(part in line for part in _GOES_ON)
                for found in into:
                    _sort(head, line, not is_open, pids, found)
            if head is None or head.is_about_client or head.pid not in pids.masters:
                starts.append(begin)
            if head is not None and head.level == "debug":
                # Nothing is known of how such a record goes on.
                self._unknown_until = end + _REACH


def _sort(head: Head, line: bytes, is_proven: bool, pids: Pids, found: LogLines) -> None:
    is_known = head.pid in pids.masters or head.pid in pids.workers
    if not (is_known or is_proven):
        return
    if head.pid in pids.old or is_end_of(head.text, pids.old) or is_clients_fault(head.text):
        return
    text = line.decode("utf-8", "replace")
    if head.is_about_client or any(words in head.text for words in _OF_CROWDS):
        if is_known:
            found.note_visitor(head)
        return
    if is_proven:
        _keep(found.proven, text)
    if is_proven and is_known:
        found.note_own(head.level, text)
    else:
        # Such as an `nginx -t` that somebody runs: nobody knows whose process it was.
        found.note_unproven(head.level, text)
