"""What nginx left in files: its pid, and its last words."""

from __future__ import annotations

import os
from typing import Iterable

from ...untrusted import printable, whole_number
from ..safe_open import opened, read_start

__all__ = ["last_line", "pid_of_files"]

_PID_BYTES, _LAST_BYTES = 64, 4096


def pid_of_files(paths: Iterable[str]) -> int:
    """Return the pid in the first of the files that has one, is root's, and can be read; else 0."""
    for path in paths:
        try:
            pid = whole_number(read_start(path, _PID_BYTES).decode("latin-1").strip())
        except OSError:
            continue
        if pid is not None:
            return pid
    return 0


def last_line(path: str) -> str:
    """Return the last line of a log, or nothing."""
    try:
        with opened(path) as log:
            size = os.fstat(log).st_size
            lines = os.pread(log, _LAST_BYTES, max(0, size - _LAST_BYTES)).decode("utf-8", "replace").split("\n")
    except OSError:
        return ""
    return next((printable(line) for line in reversed(lines) if line), "")
