"""A terminal that looks at a command: what it shows at each moment, and in the end."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

__all__ = ["Recording", "Shown", "record"]

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_PARTS = re.compile(r"\x1b\[K|\r|\n|[^\x1b\r\n]+|\x1b")


class Shown(NamedTuple):
    """What came at once: after how many seconds, and as which bytes in text."""

    at: float
    text: str


class Recording(NamedTuple):
    """A command that has ended: its exit code, and all that it printed, as it came."""

    code: int
    shown: Sequence[Shown]

    @property
    def raw(self) -> str:
        """All that was printed, with the signs that control a terminal."""
        return "".join(each.text for each in self.shown)

    @property
    def lines(self) -> list[str]:
        """The lines that a person sees in the end, without colours."""
        return screen(self.raw)

    def first(self, words: str) -> float:
        """After how many seconds these words had come. Raises ``AssertionError`` where they never did."""
        text = ""
        for each in self.shown:
            text += each.text
            if words in text:
                return each.at
        raise AssertionError(f"{words!r} was never shown:\n{text}")


def screen(raw: str) -> list[str]:
    """Return what is on a terminal that is high enough, after this was printed. It fails for what it does not know."""
    rows, column = [""], 0
    for part in _PARTS.findall(_COLOUR.sub("", raw)):
        if part == "\n":
            rows.append("")
        elif part == "\r":
            column = 0
        elif part == "\x1b[K":
            rows[-1] = rows[-1][:column]
        elif part == "\x1b":
            raise AssertionError(f"an escape that no terminal here knows: {raw!r}")
        else:
            rows[-1] = rows[-1][:column].ljust(column) + part + rows[-1][column + len(part) :]
            column += len(part)
            continue
        column = 0 if part == "\n" else column
    return [row.rstrip() for row in rows]


def record(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], columns: int, seconds: float = 300
) -> Recording:
    """Run a command on a terminal that is so wide; on a pipe for ``columns`` of 0."""
    if columns:
        read, write = pty.openpty()
        fcntl.ioctl(write, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    else:
        read, write = os.pipe()
    running = subprocess.Popen(
        command,
        cwd=folder,
        env=dict(environment),
        stdin=write if columns else subprocess.DEVNULL,
        stdout=write,
        stderr=write,
        start_new_session=True,
    )
    os.close(write)
    began, shown = time.monotonic(), list[Shown]()
    try:
        while time.monotonic() - began < seconds:
            try:
                data = os.read(read, 65536)
            except OSError:  # a terminal whose other side is gone
                break
            if not data:
                break
            shown.append(Shown(time.monotonic() - began, data.decode("utf-8", "replace")))
        return Recording(running.wait(timeout=10), shown)
    finally:
        running.kill()
        running.wait()
        os.close(read)
