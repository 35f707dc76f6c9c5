"""pytest for the gate ``verify``: started before there is a stage, since importing it takes a second or two."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, cast

from ..errors import SluiceError
from ..untrusted import whole_number

__all__ = ["Pytests"]

_PROGRAM = Path(__file__).with_name("pytest_forks.py")
_MORE_SECONDS = 30


class Pytests:
    """Runs of pytest, as many at once as are asked for. Use it as a context, so that its process ends with it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM.read_text(encoding="utf-8")],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
        self._errors = cast(IO[bytes], self._process.stderr)

    def run(self, arguments: Sequence[str], seconds: int) -> tuple[int | None, str]:
        """Run pytest with ``arguments``. Returns its exit code, None where it did not end in time, and its output.

        Raises ``SluiceError`` where pytest itself cannot run.
        """
        reading, writing = os.pipe()
        with open(reading, "rb", buffering=0) as output:
            try:
                self._hand_over(json.dumps({"arguments": list(arguments), "seconds": seconds}).encode(), writing)
            finally:
                os.close(writing)
            said = _until_its_end(output.fileno(), seconds + _MORE_SECONDS)
        text, _, last = said.decode(errors="replace").rpartition("\n")
        code = whole_number(last.removeprefix("-"))
        return (None if code is None else int(last)), text

    def _hand_over(self, job: bytes, output: int) -> None:
        with self._lock:
            try:
                socket.send_fds(self._asked, [job], [output])
                taken = self._asked.recv(1)
            except OSError:
                taken = b""
            if not taken:
                last = self._errors.read().decode(errors="replace").strip().rpartition("\n")[2]
                raise SluiceError(f"pytest does not run on the controller: {last or 'it ended without a word'}")

    def __enter__(self) -> Pytests:
        return self

    def __exit__(self, *_: object) -> None:
        self._asked.close()
        # It may still be importing what nobody needs any more.
        self._process.kill()
        self._process.wait()
        self._errors.close()


def _until_its_end(output: int, seconds: float) -> bytes:
    """Read until all have closed the pipe, or the time is over: what a test leaves behind may hold it for ever."""
    parts, until = [], time.monotonic() + seconds
    # Unlike select(), it takes any number of files that are open.
    waiting = select.poll()
    waiting.register(output, select.POLLIN)
    while waiting.poll(max(0.0, until - time.monotonic()) * 1000):
        data = os.read(output, 65536)
        if not data:
            break
        parts.append(data)
    return b"".join(parts)
