"""An engine that stays on a host after a preflight that finds something to change, and answers what the run asks next.

To start Python and to import the engine costs a host more than an operation does. Its socket is in a folder that only
root reaches, and named after the engine, so that no other one answers. Each request is answered by a fork of its own,
so none sees what another one left.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from contextlib import closing, suppress
from importlib import import_module
from socket import AF_UNIX, socket
from typing import TYPE_CHECKING, Callable

from .host.system import System
from .store import Layout

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["IDLE", "serve", "stay"]

IDLE = 60.0
"""Seconds without a request after which a resident engine ends."""

_LONGEST = 600.0
# Seconds between looks at whether it is over: while a fork is at work, and while none is.
_SOON, _LOOK = 0.05, 1.0
# What follows a preflight. A fork that had to import it would do so for itself alone.
_EXPECTED = ("activate", "finalize")
# Exit codes of a fork that has answered.
_MORE, _OVER = 0, 1
_HEADER = 64

# Answers a request with its bundle on the standard output; tells whether the run will ask for more.
Answer = Callable[[bytes, bytes], bool]


def stay(answer: Answer) -> None:
    """Leave a resident engine behind, as a process of its own; this one goes on."""

    def work() -> None:
        for name in _EXPECTED:
            import_module(f"{__package__}.operations.{name}")
        # A fork that collected garbage would go over all of it, and copy its memory.
        gc.freeze()
        serve(_socket_path(), answer)

    # A fault here costs the run a start of the engine, and nothing else.
    with suppress(OSError):
        System().detach(work)


def _socket_path() -> str:
    """Return the path that ``remote.command()`` looks at, in a folder that is there: by the engine's digest, which its
    own folder is called after, and by the Python that runs it, since another one may lack modules.
    """
    runtime = Layout().runtime
    System().make_directory(runtime, 0o700)
    folder = os.path.realpath(os.path.join(os.path.dirname(__file__), os.pardir, os.pardir))
    python = f"{sys.hexversion:x}{sys.executable.replace('/', '.')}"
    return os.path.join(runtime, f"{os.path.basename(folder)[:16]}.{python}.socket")


def serve(path: str | Path, answer: Answer, idle: float = IDLE, longest: float = _LONGEST) -> None:
    """Answer who connects to ``path``, until nobody has for ``idle`` seconds, the run is over, or somebody else is
    there.
    """
    with suppress(OSError):
        os.unlink(path)
    with closing(socket(AF_UNIX)) as listener:
        listener.bind(os.fspath(path))
        own = os.stat(path).st_ino
        listener.listen(8)
        began = asked = time.monotonic()
        forks = _Forks()
        while time.monotonic() < min(asked + idle, began + longest) and _inode(path) == own:
            over = forks.over()
            # Who connected meanwhile is answered, even where the run seems over.
            listener.settimeout(0 if over else _SOON if forks.at_work else _LOOK)
            try:
                line, _ = listener.accept()
            except OSError:
                if over:
                    break
                continue
            asked = time.monotonic()
            with closing(line):
                forks.add(_fork(listener, line, answer))
        if _inode(path) == own:
            os.unlink(path)


def _inode(path: str | Path) -> int:
    try:
        return os.stat(path).st_ino
    except OSError:
        return 0


class _Forks:
    """The forks that answer. The run is over when the last one that ended said so, and none is at work."""

    def __init__(self) -> None:
        self.at_work, self._last = 0, _MORE

    def add(self, fork: int) -> None:
        """Count a fork; 0 is none."""
        self.at_work += bool(fork)

    def over(self) -> bool:
        """Return whether the run asks for no more; no fork is left a zombie."""
        while self.at_work:
            fork, status = os.waitpid(-1, os.WNOHANG)
            if not fork:
                return False
            self.at_work -= 1
            self._last = os.WEXITSTATUS(status) if os.WIFEXITED(status) else _MORE
        return self._last == _OVER


def _fork(listener: socket, line: socket, answer: Answer) -> int:
    """Return the pid of the fork that answers; 0 where the host has no room for one, so that who asks sees the
    connection closed before the sign, and starts an engine.
    """
    try:
        child = os.fork()
    except OSError:
        return 0
    if child:
        return child
    code = _MORE
    try:
        listener.close()
        line.settimeout(None)
        code = _MORE if _answered(line, answer) else _OVER
    finally:
        os._exit(code)


def _answered(line: socket, answer: Answer) -> bool:
    # From this sign on the request is this engine's, and nobody else begins it.
    line.sendall(b".")
    with line.makefile("rb") as asked:
        sizes = [int(word) for word in asked.readline(_HEADER).split()]
        request, bundle = (asked.read(size) for size in sizes)
        if [len(request), len(bundle)] != sizes:
            return True
    for number in (1, 2):
        os.dup2(line.fileno(), number)
    # Whatever outlives this process, as a watchdog does, must not hold the line.
    line.close()
    more = answer(request, bundle)
    sys.stdout.flush()
    return more
