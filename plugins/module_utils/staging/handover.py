"""How stages that one process has started come to another one: the questions, and the answer with its sockets.

The line is a socket in a folder that only its user reaches. Whoever takes a stage trusts what comes with it, so a
folder of anybody else is not asked.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import stat
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from enum import Enum
from typing import NamedTuple

from ..errors import SluiceError
from ..packages import docker
from .containers import remove
from .create import PARTS, Maker

__all__ = ["Ending", "StageQuestion", "Taken", "ask", "hand_over", "is_private", "read_question", "take"]

# Three containers take a second, and more on a busy machine.
_SECONDS = 60.0
_MOST = 4096


class StageQuestion(Enum):
    """What is asked, each with a word after it."""

    TAKE = "take"
    """A stage, for the process of that id."""
    KEPT = "kept"
    """Whether stages are kept, for the run of that id."""
    REMOVE = "remove"
    """To remove the containers of the stage of that name, which was taken."""
    END = "end"
    """An answer when nobody will take a stage any more and those that are left are removed."""


class Taken(NamedTuple):
    """The name of a stage, and the ids of its containers with what their agents are talked to over."""

    name: str
    ids: Sequence[str]
    streams: Sequence[socket.socket]


class Ending:
    """Whether this process was told to end: who hands out stages removes those that are left first."""

    def __init__(self) -> None:
        self.is_wanted = False
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._note)

    def _note(self, *_: object) -> None:
        self.is_wanted = True


def is_private(folder: str) -> bool:
    """Return whether only this user reaches a folder."""
    try:
        found = os.lstat(folder)
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077


@contextlib.contextmanager
def _asked(path: str, question: StageQuestion, word: str) -> Iterator[socket.socket]:
    if not is_private(os.path.dirname(path)):
        raise ConnectionRefusedError(path)
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(_SECONDS)
        line.connect(path)
        line.sendall(f"{question.value} {word}\n".encode())
        yield line


def ask(path: str, question: StageQuestion, word: str = "") -> bool:
    """Ask at a path, and return whether the answer is yes; it is no where nobody answers."""
    try:
        with _asked(path, question, word) as line:
            return line.recv(1) == b"y"
    except OSError:
        return False


def read_question(line: socket.socket) -> tuple[StageQuestion, str]:
    """Read what is asked. Raises ``OSError`` and ``ValueError``."""
    line.settimeout(_SECONDS)
    kind, _, word = line.recv(_MOST).decode().rstrip("\n").partition(" ")
    return StageQuestion(kind), word


def take(path: str) -> Taken | None:
    """Return a stage that was started before; None where there is none any more."""
    try:
        with _asked(path, StageQuestion.TAKE, str(os.getpid())) as line:
            answer, files, _, _ = socket.recv_fds(line, _MOST, len(PARTS))
    except OSError:
        return None
    streams = [socket.socket(fileno=file) for file in files]
    if len(streams) < len(PARTS):
        return None
    name, *ids = json.loads(answer)
    return Taken(name, ids, streams)


def hand_over(line: socket.socket, maker: Maker, started: Future[None]) -> bool:
    """Send a stage; nothing, and remove what there is, where it did not start or is gone. Tells which of both.

    Raises ``OSError`` where the other one is gone.
    """
    try:
        # One whose container was removed meanwhile never starts, and who asks waits no longer.
        started.result(_SECONDS)
    except (docker.errors.DockerException, SluiceError, TimeoutError):
        # The others are still of use, and the next run removes what is left.
        with contextlib.suppress(SluiceError):
            remove(maker.containers)
        return False
    answer = [maker.name, *(str(each.container.id) for each in maker.parts)]
    files = [each.agent.stream.fileno() for each in maker.parts]
    socket.send_fds(line, [json.dumps(answer).encode()], files)
    return True
