"""Shells in containers that stay: each command by Docker costs twenty times what it does there."""

from __future__ import annotations

import base64
import contextlib
import secrets
import shlex
import subprocess
import tempfile
import threading
import time
import weakref
from typing import IO, NamedTuple

from tests.commands import Ended

__all__ = ["Fed", "Shell"]

# Of containers, which have it each; what it holds is in nobody's way.
_MEMORY = "/dev/shm"


class Fed(NamedTuple):
    """A command that was given something to read, and has ended."""

    output: str
    errors: str
    code: int


class Shell:
    """A shell of root's in a container. It is started when it is first needed, and anew where it has ended."""

    def __init__(self, container: str) -> None:
        self._container = container
        self._open: _Open | None = None
        self._busy = threading.Lock()

    def run(self, script: str) -> Ended | None:
        """Run a script, as ``docker exec`` does; returns nothing where the shell is at work, or there no more."""
        if not self._busy.acquire(blocking=False):
            return None
        try:
            return self._tell(f"sh -c {shlex.quote(script)} </dev/null")
        finally:
            self._busy.release()

    def feed(self, script: str, data: bytes) -> Fed | None:
        """The same with a script that reads ``data``, and with its errors apart; returns nothing where the shell is at
        work. What has begun has ended with the shell.
        """
        if not self._busy.acquire(blocking=False):
            return None
        mark = secrets.token_hex(16)
        output, errors = f"{_MEMORY}/{mark}.output", f"{_MEMORY}/{mark}.errors"
        # In files, as what the script leaves behind may have them open, and print later.
        fed = f"base64 -d <<'{mark}' | sh -c {shlex.quote(script)} >{output} 2>{errors}"
        told = f"{fed}\n{base64.encodebytes(data).decode()}{mark}\ncode=$?; cat {output}; echo {mark}; cat {errors}"
        try:
            done = self._tell(f"{told}; rm {output} {errors}; (exit $code)")
        finally:
            self._busy.release()
        if done is None:
            return Fed("", "the shell has ended", 137)
        found, _, said = done.output.partition(f"{mark}\n")
        return Fed(found, said, done.code)

    def close(self) -> None:
        """End it."""
        self._open = None

    def errors(self) -> str:
        """What the last script said as errors."""
        return self._open.errors() if self._open else ""

    def _tell(self, line: str) -> Ended | None:
        if self._open is None or not self._open.is_there:
            self._open = _Open(self._container)
        try:
            return self._open.tell(line)
        except OSError:
            return None


class _Open:
    """The process of a shell."""

    def __init__(self, container: str) -> None:
        argv = ["docker", "exec", "-i", container, "sh"]
        # As long as the process is there; _end closes it.
        self._said = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said)
        # Of this, or with the last who knows it.
        weakref.finalize(self, _end, self._process, self._said)

    def tell(self, line: str) -> Ended | None:
        """Let it do what a line says, which may be several; returns nothing where it has ended before."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._said.seek(0)
        self._said.truncate()
        mark = secrets.token_hex(16)
        self._process.stdin.write(f"{line}; printf '\\n%s %s\\n' {mark} $?\n".encode())
        self._process.stdin.flush()
        output = b""
        for each in self._process.stdout:
            if each.startswith(mark.encode()):
                return Ended(int(each.split()[1]), output.removesuffix(b"\n").decode())
            output += each
        return None

    def errors(self) -> str:
        """What it has said as errors since it was last told something."""
        # It comes by another way than the end.
        time.sleep(0.1)
        self._said.seek(0)
        return self._said.read().decode()

    @property
    def is_there(self) -> bool:
        return self._process.poll() is None


def _end(process: subprocess.Popen[bytes], said: IO[bytes]) -> None:
    process.kill()
    with contextlib.suppress(OSError):
        process.communicate()
    said.close()
