"""Commands of the host: each has a bound on its time, and may do something in its process before it begins."""

from __future__ import annotations

import errno
import os
import select
import signal
import time
from contextlib import suppress
from typing import Callable, NamedTuple, NoReturn, Sequence

__all__ = ["NotEntered", "Ran", "Standing", "close_others", "run"]

_PART = 64 << 10
# Bytes of what a command says; a server that it asks may say things without end.
_MOST = 32 << 20
_NOT_ENTERED, _NOT_STARTED = b"e", b"s"


class Ran(NamedTuple):
    """How a command ended: its code (that of a signal is negative) and both its outputs in one."""

    rc: int
    output: str


class Standing(NamedTuple):
    """As what a command runs: the user of a process, and the files that it sees. ``mounts`` is the path of its mount
    namespace, empty where that is the engine's own; ``user`` 0 is the engine's own as well.
    """

    mounts: str = ""
    user: int = 0
    group: int = 0
    groups: tuple[int, ...] = ()
    capabilities: int = 0


class NotEntered(Exception):
    """What was to be done in the new process before it became the command has failed; the text says why."""


def run(
    argv: Sequence[str],
    timeout: float,
    data: bytes = b"",
    enter: Callable[[], None] | None = None,
    program: int = -1,
) -> Ran:
    """Run a command with ``data`` as its input, within ``timeout`` seconds; ``enter`` is done in its process before.

    ``program`` is a descriptor of the file to run, where it is not the one that ``argv[0]`` names.
    One that cannot start has code 127, one that does not end is killed with what it has started, and has 124. What is
    said beyond 32 MiB is not kept. Raises ``NotEntered``.
    """
    until = time.monotonic() + timeout
    try:
        process = _Process(argv, enter, program)
    except OSError as error:
        return Ran(127, f"{argv[0]}: {error.strerror}")
    try:
        why = process.fault()
        rc = None
        if not why and process.exchange(data, until):
            rc = process.wait(until)
    finally:
        process.end()
    said = process.output.decode("utf-8", "replace")
    if why[:1] == _NOT_ENTERED:
        raise NotEntered(why[1:].decode())
    if why:
        return Ran(127, f"{argv[0]}: {why[1:].decode()}")
    if rc is None:
        return Ran(124, f"{said}\n{argv[0]} did not end in {timeout:g} s")
    return Ran(rc, said)


class _Process:
    """A process that becomes a command, and this side's ends of its pipes: input, output, and why it did not start."""

    def __init__(self, argv: Sequence[str], enter: Callable[[], None] | None, program: int) -> None:
        self.output = bytearray()
        self._ends: list[int] = []
        self._ended = False
        try:
            take, self._give = self._pipe()
            self._out, put = self._pipe()
            self._failed, fail = self._pipe()
            self._pid = os.fork()
        except OSError:
            self._close(*self._ends)
            raise
        if not self._pid:
            _become(argv, (take, put, fail), enter, program)
        self._close(take, put, fail)

    def _pipe(self) -> tuple[int, int]:
        ends = os.pipe()
        self._ends += ends
        return ends

    def _close(self, *ends: int) -> None:
        for end in ends:
            os.close(end)
        self._ends = [end for end in self._ends if end not in ends]

    def fault(self) -> bytes:
        """Wait for the start; returns why there was none."""
        return os.read(self._failed, _PART)

    def exchange(self, data: bytes, until: float) -> bool:
        """Give the input and take the output, both to their ends; tells whether those came in time."""
        poll = select.poll()
        poll.register(self._out, select.POLLIN)
        os.set_blocking(self._give, False)
        poll.register(self._give, select.POLLOUT)
        # Of what is not given yet, and not of all.
        left = memoryview(data)
        while self._out in self._ends or self._give in self._ends:
            seconds = until - time.monotonic()
            if seconds <= 0:
                return False
            for end, _ in poll.poll(seconds * 1000 + 1):
                if end == self._out:
                    part = os.read(end, _PART)
                    self.output += part[: _MOST - len(self.output)]
                    done = not part
                else:
                    left = left[_given(end, left[:_PART]) :]
                    done = not left
                if done:
                    poll.unregister(end)
                    self._close(end)
        return True

    def wait(self, until: float) -> int | None:
        """Wait for the end; returns the code, or nothing when it did not come in time."""
        pause = 0.0005
        while True:
            try:
                pid, status = os.waitpid(self._pid, os.WNOHANG)
            except ChildProcessError:
                # Whoever started this process has told the kernel to keep no codes.
                pid, status = self._pid, 0
            if pid:
                self._ended = True
                return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
            left = until - time.monotonic()
            if left <= 0:
                return None
            time.sleep(min(pause, left))
            pause = min(2 * pause, 0.05)

    def end(self) -> None:
        """Leave nothing behind: neither the process nor a pipe."""
        self._close(*self._ends)
        if self._ended:
            return
        # Its children as well: one that waits for a server would do so for ever.
        for kill in (os.kill, os.killpg):
            with suppress(ProcessLookupError):
                kill(self._pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(self._pid, 0)


def _given(end: int, part: memoryview) -> int:
    try:
        return os.write(end, part)
    except BrokenPipeError:
        # It does not want the rest.
        return len(part)


def _become(
    argv: Sequence[str], ends: tuple[int, int, int], enter: Callable[[], None] | None, program: int
) -> NoReturn:
    """In the new process: become the command; else say why not, and end."""
    take, put, fail = ends
    what, why = _NOT_ENTERED, ""
    try:
        os.setpgid(0, 0)
        for place, end in enumerate((take, put, put)):
            os.dup2(end, place)
        close_others(fail, program)
        # Python ignores them, and a command would go on to.
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        # The engine's own files are closed; what nginx makes, as its logs and caches, is as it always is.
        os.umask(0o022)
        if enter is not None:
            enter()
        what = _NOT_STARTED
        why = _started(argv, program)
    except BaseException as error:
        why = getattr(error, "strerror", None) or str(error)
    finally:
        os.write(fail, what + why.encode())
        os._exit(127)


def _started(argv: Sequence[str], program: int) -> str:
    """Become the command, which is looked for as shells do; returns why that cannot be."""
    if program >= 0:
        os.execve(program, list(argv), os.environ)
    folders = [""] if "/" in argv[0] else os.environ.get("PATH", os.defpath).split(":")
    why = ""
    for folder in folders:
        try:
            os.execv(os.path.join(folder, argv[0]), list(argv))
        except OSError as error:
            # One that is there and cannot be run says more than a folder that has none.
            if not why or error.errno not in (errno.ENOENT, errno.ENOTDIR):
                why = error.strerror or str(error)
    return why


def close_others(*kept: int) -> None:
    """Close what this process has inherited or opened, but its three streams and ``kept``."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) not in kept:
            with suppress(OSError):
                os.close(int(name))
