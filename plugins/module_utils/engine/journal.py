"""The journal of a host: a line of JSON for each event, written ahead of what it tells."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from .host.system import System
from .stored import is_event

if TYPE_CHECKING:
    from .protocol import Json

__all__ = ["Journal"]

_SIZE = 4 << 20
_TAIL = 64 << 10


class Journal:
    """The file at ``path``, and the one before it, ``journal.1.jsonl``."""

    def __init__(self, system: System, path: Path) -> None:
        self._system = system
        self._path = path
        self._before = path.with_name("journal.1.jsonl")

    def append(self, event: Json) -> None:
        """Append one event, on disk when this returns; a journal that has grown long is put away first."""
        with suppress(FileNotFoundError):
            if self._path.stat().st_size > _SIZE:
                self._system.replace(self._path, self._before)
        self._system.append(self._path, json.dumps(event).encode() + b"\n")

    def events(self) -> list[Json]:
        """Return all events, oldest first, but for damaged lines."""
        return [event for path in (self._before, self._path) for event in _parsed(_read_end(path, 2 * _SIZE))[0]]

    def last(self, count: int) -> list[Json]:
        """Return the last events; damaged lines are left out."""
        return _parsed(_read_end(self._path, _TAIL))[0][-count:]

    def repair(self, stamp: str) -> tuple[int, str]:
        """Set a damaged journal aside, and go on with the lines of it that can be read.

        Returns how many were damaged, and the name of what was set aside, which ends in ``stamp``.
        """
        if not _parsed(_read_end(self._path, _TAIL))[1]:
            return 0, ""
        events, damaged = _parsed(_read_end(self._path, 2 * _SIZE))
        aside = self._path.with_name(f"{self._path.name}.damaged-{stamp}")
        self._system.replace(self._path, aside)
        self._system.write(self._path, b"".join(json.dumps(event).encode() + b"\n" for event in events))
        return damaged, aside.name


def _read_end(path: Path, size: int) -> bytes:
    """Read the last bytes of a file, from the beginning of a line; nothing where there is none."""
    try:
        with open(path, "rb") as file:
            length = os.fstat(file.fileno()).st_size
            file.seek(max(0, length - size))
            data = file.read()
    except OSError:
        return b""
    return data if length <= size else data.partition(b"\n")[2]


def _parsed(data: bytes) -> tuple[list[Json], int]:
    """Read the lines that are events, and count those that are not. The last may be cut short by a crash."""
    *lines, _ = data.split(b"\n")
    events = _parsed_together(lines)
    if events is not None:
        return events, 0
    found = [_parsed_together([line]) for line in lines]
    return [events[0] for events in found if events is not None], sum(events is None for events in found)


def _parsed_together(lines: list[bytes]) -> list[Json] | None:
    """Read all lines in one go, which is ten times as fast as one by one; nothing where one of them is no event."""
    try:
        events = json.loads(b"[" + b",".join(lines) + b"]")
    except (ValueError, RecursionError):
        return None
    whole = len(events) == len(lines) and all(map(is_event, events))
    return events if whole else None
