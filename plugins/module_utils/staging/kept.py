"""Stages that stay ready from one run to the next, for a person who changes something and looks again.

A process of its own keeps them. A run takes some and uses them up, since nothing that one release did may be there for
the next; when the run has ended, as many are started anew. When nobody has come for a while, all of it ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import select
import shutil
import socket
import stat
import tempfile
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict

from ..engine.host.system import System
from ..errors import SluiceError
from .agent import code
from .bounds import Bounds
from .connection import connect
from .containers import remove
from .create import Maker
from .handover import Ending, StageQuestion, ask, hand_over, is_private, read_question
from .orphans import is_alive, owner_label

__all__ = ["keep"]

_LOOK_SECONDS = 0.5


def keep(
    count: int, image: str, labels: Mapping[str, str], bounds: Bounds, run: int, around: str, seconds: float
) -> str:
    """Have stages kept ready until no run has come for ``seconds``; those of an earlier run, where they are of the same
    code, image and settings.

    Returns the path at which ``take`` gets them; nothing where the name is somebody else's, or another run begins to
    keep them right now. Raises ``OSError`` where this machine has no room for them.
    """
    made_of = json.dumps([image, around, dict(labels), asdict(bounds), count, seconds], sort_keys=True).encode()
    digest = hashlib.sha256(made_of + code()).hexdigest()
    folder = os.path.join(tempfile.gettempdir(), f"sluice-{os.geteuid()}-{digest[:16]}")
    path = os.path.join(folder, "stages")
    if ask(path, StageQuestion.KEPT, str(run)):
        return path
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder, stat.S_IRWXU)
    if not is_private(folder):
        return ""
    lock = os.open(os.path.join(folder, "lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with contextlib.suppress(FileNotFoundError):
            # One that was killed has left it.
            os.unlink(path)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            System().detach(
                lambda: _Keeper(count, _maker(image, labels, bounds, around), run, seconds).serve(listener),
                listener.fileno(),
                lock,
            )
    except BlockingIOError:
        return ""
    finally:
        os.close(lock)
    return path


def _maker(image: str, labels: Mapping[str, str], bounds: Bounds, around: str) -> Callable[[], Maker]:
    """Return what makes one stage more, which belongs to this process."""
    client, marks = connect(), {**labels, **owner_label()}
    return lambda: Maker(client, f"sluice-ahead-{secrets.token_hex(4)}", image, marks, bounds, around)


class _Keeper:
    """Keeps ``count`` stages ready, first of all for ``run``."""

    def __init__(self, count: int, make: Callable[[], Maker], run: int, seconds: float) -> None:
        self._count, self._make, self._seconds = count, make, seconds
        self._runs = {run}
        self._ready: deque[tuple[Maker, Future[None]]] = deque()
        self._taken: dict[str, tuple[int, Maker]] = {}
        self._latest = time.monotonic()

    def serve(self, listener: socket.socket) -> None:
        """Hand out stages until nobody has come for a while; remove what is left."""
        folder = os.path.dirname(listener.getsockname())
        listener.settimeout(_LOOK_SECONDS)
        ending = Ending()
        pool = ThreadPoolExecutor(1)
        try:
            self._refill(pool)
            while self._goes_on() and not ending.is_wanted:
                with contextlib.suppress(OSError, ValueError):
                    line, _ = listener.accept()
                    with line:
                        self._answer(line)
                self._let_go()
                if not self._runs and not self._taken:
                    self._refill(pool)
            listener.close()
            # One whose container was removed would be waited for in vain; this process ends with its threads.
            pool.shutdown(wait=False, cancel_futures=True)
            for maker in [*(maker for maker, _ in self._ready), *(maker for _, maker in self._taken.values())]:
                _remove(maker)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _goes_on(self) -> bool:
        """Return whether somebody may come, and finds stages that live: whoever removes them means all of this, and
        where one does not start, the next one would not either.
        """
        busy = self._runs or self._taken
        done = [(maker, started) for maker, started in self._ready if started.done()]
        alive = all(started.exception() is None and _lives(maker) for maker, started in done)
        return alive and (bool(busy) or time.monotonic() < self._latest + self._seconds)

    def _answer(self, line: socket.socket) -> None:
        question, word = read_question(line)
        self._latest = time.monotonic()
        if question is StageQuestion.TAKE and self._ready:
            process = int(word)
            maker, started = self._ready.popleft()
            # Before it is sent: where the other one is gone by then, it is removed as that one's.
            self._taken[maker.name] = process, maker
            if hand_over(line, maker, started):
                for made in maker.parts:
                    made.agent.close()
            else:
                del self._taken[maker.name]
        elif question is StageQuestion.KEPT:
            self._runs.add(int(word))
            line.sendall(b"y")
        elif question is StageQuestion.REMOVE and word in self._taken:
            _, maker = self._taken.pop(word)
            line.sendall(b"y")
            _remove(maker)
        elif question is StageQuestion.END:
            line.sendall(b"y")

    def _let_go(self) -> None:
        """Forget runs that have ended, and remove what was taken by a process that is gone."""
        if ended := {run for run in self._runs if not is_alive(run)}:
            self._runs -= ended
            self._latest = time.monotonic()
        for name, (process, maker) in list(self._taken.items()):
            if not is_alive(process):
                del self._taken[name]
                _remove(maker)

    def _refill(self, pool: ThreadPoolExecutor) -> None:
        while len(self._ready) < self._count:
            maker = self._make()
            self._ready.append((maker, pool.submit(maker.start)))


def _lives(maker: Maker) -> bool:
    """Return whether each agent of a stage still listens: of one that has ended, the end of its channel can be read."""
    streams = [each.agent.stream for each in maker.parts]
    for stream in select.select(streams, [], [], 0)[0]:
        with contextlib.suppress(BlockingIOError, TimeoutError):
            if not stream.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT):
                return False
    return True


def _remove(maker: Maker) -> None:
    # The next run removes what is left.
    with contextlib.suppress(SluiceError, OSError):
        remove(maker.containers)
