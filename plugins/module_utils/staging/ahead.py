"""Stages whose containers are started ahead, while Ansible still renders releases and asks hosts.

A process of its own starts them, and hands each to whoever asks for one at its socket, in a folder that only its user
reaches. What nobody has taken when the run is over, it removes. Who finds no such process, or none left, starts
containers itself: that takes longer and comes to the same.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from ..engine.host.system import System
from ..errors import InputError, SluiceError
from ..packages import docker
from .bounds import Bounds
from .connection import connect, is_local
from .containers import remove
from .create import PARTS, Maker
from .orphans import is_alive

__all__ = ["MOST_AHEAD", "Taken", "check_ahead", "end_ahead", "start_ahead", "take"]

MOST_AHEAD = 32
"""As many as the gates can use at once: two for each of sixteen releases."""

_LOOK_SECONDS = 0.2
# How long rendering and asking may take until nobody is thought to come any more.
_LONGEST_SECONDS = 300.0
# Three containers take a second, and more on a busy machine.
_TAKEN_SECONDS = 60.0
_MOST_ANSWER = 4096
_TAKE, _END = b"t", b"e"


class Taken(NamedTuple):
    """The name of a stage, and the ids of its containers with what their agents are talked to over."""

    name: str
    ids: Sequence[str]
    streams: Sequence[socket.socket]


def check_ahead(count: int) -> None:
    """Raise ``InputError`` for a number of stages that nobody can use."""
    if not 0 <= count <= MOST_AHEAD:
        raise InputError(
            "staging_ahead",
            f"{count} is no number of stages to start; write 0 to {MOST_AHEAD}: each has three containers, and a "
            "release takes two",
        )


def start_ahead(count: int, image: str, labels: Mapping[str, str], bounds: Bounds, run: int, around: str = "") -> str:
    """Begin to start ``count`` stages of an image, with ``around`` around it, which live no longer than the process
    ``run``.

    Returns the path at which ``take`` gets them; nothing where this machine has no room for that, or the engine is
    another machine's. Raises as ``check_ahead`` does.
    """
    check_ahead(count)
    if not is_local():
        return ""
    folder = tempfile.mkdtemp(prefix="sluice-")
    path = os.path.join(folder, "stages")
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            ahead = _Ahead(count, image, labels, bounds, run, around)
            System().detach(lambda: ahead.serve(listener), listener.fileno())
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        return ""
    return path


def take(path: str) -> Taken | None:
    """Return a stage that was started ahead; None where there is none any more."""
    try:
        with _asked(path, _TAKE) as line:
            answer, files, _, _ = socket.recv_fds(line, _MOST_ANSWER, len(PARTS))
    except OSError:
        return None
    streams = [socket.socket(fileno=file) for file in files]
    if len(streams) < len(PARTS):
        return None
    name, *ids = json.loads(answer)
    return Taken(name, ids, streams)


def end_ahead(path: str) -> None:
    """Wait until the stages that nobody has taken are removed, as nobody will take one any more."""
    if path:
        with contextlib.suppress(OSError), _asked(path, _END) as line:
            line.recv(1)


@contextlib.contextmanager
def _asked(path: str, wish: bytes) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(_TAKEN_SECONDS)
        line.connect(path)
        line.sendall(wish)
        yield line


class _Ahead:
    """Starts stages one after the other, so that one is there while the next one starts."""

    def __init__(
        self, count: int, image: str, labels: Mapping[str, str], bounds: Bounds, run: int, around: str
    ) -> None:
        self._names = [f"sluice-ahead-{secrets.token_hex(4)}" for _ in range(count)]
        self._image, self._labels, self._bounds, self._run, self._around = image, labels, bounds, run, around

    def serve(self, listener: socket.socket) -> None:
        """Hand out what is started, until all is taken, or the gates or the run are over; remove the rest."""
        folder = os.path.dirname(listener.getsockname())
        try:
            waits = self._serve(listener)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if waits is not None:
            waits.close()

    def _serve(self, listener: socket.socket) -> socket.socket | None:
        """Return the connection of who waits for the end; None where nobody does."""
        until = time.monotonic() + _LONGEST_SECONDS
        listener.settimeout(_LOOK_SECONDS)
        client = connect()
        makers = [Maker(client, name, self._image, self._labels, self._bounds, self._around) for name in self._names]
        waits = None
        with ThreadPoolExecutor(1) as pool:
            left = deque((maker, pool.submit(maker.start)) for maker in makers)
            while left and waits is None and is_alive(self._run) and time.monotonic() < until:
                with contextlib.suppress(OSError):
                    line, _ = listener.accept()
                    line.settimeout(_TAKEN_SECONDS)
                    if line.recv(1) == _END:
                        waits = line
                        continue
                    with line:
                        self._hand_over(line, *left[0])
                        left.popleft()
            # Who asks from here on starts containers himself.
            listener.close()
            for _, started in left:
                started.cancel()
        for maker, _ in left:
            with contextlib.suppress(SluiceError):
                remove(maker.containers)
        return waits

    @staticmethod
    def _hand_over(line: socket.socket, maker: Maker, started: Future[None]) -> None:
        """Send a stage; nothing, and remove what there is, where it did not start.

        Raises ``OSError`` where the other one is gone.
        """
        try:
            started.result()
        except (docker.errors.DockerException, SluiceError):
            # The others are still of use, and the next run removes what is left.
            with contextlib.suppress(SluiceError):
                remove(maker.containers)
            return
        answer = [maker.name, *(str(each.container.id) for each in maker.parts)]
        files = [each.agent.stream.fileno() for each in maker.parts]
        socket.send_fds(line, [json.dumps(answer).encode()], files)
