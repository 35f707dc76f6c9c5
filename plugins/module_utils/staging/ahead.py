"""Stages whose containers are started ahead, while Ansible still renders releases and asks hosts.

A process of its own starts them, and hands each to whoever asks for one. What nobody has taken when the run is over, it
removes. Who finds no such process, or none left, starts containers itself: that takes longer and comes to the same.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import tempfile
import time
from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from ..engine.host.system import System
from ..errors import InputError, SluiceError
from .bounds import Bounds
from .connection import connect, is_local
from .containers import remove
from .create import Maker
from .handover import Ending, StageQuestion, ask, hand_over, read_question
from .kept import keep
from .orphans import is_alive, owner_label

__all__ = ["MOST_AHEAD", "MOST_KEPT_MINUTES", "check_ahead", "end_ahead", "start_ahead"]

MOST_AHEAD = 32
"""As many as the gates can use at once: two for each of sixteen releases."""
MOST_KEPT_MINUTES = 24 * 60
"""A day."""

_LOOK_SECONDS = 0.2
# How long rendering and asking may take until nobody is thought to come any more.
_LONGEST_SECONDS = 300.0


def check_ahead(count: int, kept_minutes: int = 0) -> None:
    """Raise ``InputError`` for a number of stages that nobody can use, or for minutes in which nobody comes again."""
    if not 0 <= count <= MOST_AHEAD:
        raise InputError(
            "staging_ahead",
            f"{count} is no number of stages to start; write 0 to {MOST_AHEAD}: each has three containers, and a "
            "release takes two",
        )
    if not 0 <= kept_minutes <= MOST_KEPT_MINUTES:
        raise InputError(
            "staging_kept_minutes",
            f"{kept_minutes} is no time to keep stages for the next run; write 0 to {MOST_KEPT_MINUTES} minutes",
        )


def start_ahead(
    count: int,
    image: str,
    labels: Mapping[str, str],
    bounds: Bounds,
    run: int,
    around: str = "",
    kept_seconds: float = 0,
) -> str:
    """Begin to start ``count`` stages of an image, with ``around`` around it, for the process ``run``.

    They live no longer than that; or they are kept ready for the next run, for ``kept_seconds``. Returns the path at
    which ``take`` gets them; nothing where this machine has no room for that, or the engine is another machine's.
    Raises as ``check_ahead`` does.
    """
    check_ahead(count)
    if not is_local():
        return ""
    try:
        path = keep(count, image, labels, bounds, run, around, kept_seconds) if kept_seconds else ""
    except OSError:
        path = ""
    return path or _started(count, image, {**labels, **owner_label(run)}, bounds, run, around)


def _started(count: int, image: str, labels: Mapping[str, str], bounds: Bounds, run: int, around: str) -> str:
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


def end_ahead(path: str) -> None:
    """Wait until the stages that nobody has taken are removed, as nobody will take one any more; kept ones stay."""
    if path:
        ask(path, StageQuestion.END)


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
        until, ending = time.monotonic() + _LONGEST_SECONDS, Ending()
        listener.settimeout(_LOOK_SECONDS)
        client = connect()
        makers = [Maker(client, name, self._image, self._labels, self._bounds, self._around) for name in self._names]
        waits = None
        with ThreadPoolExecutor(1) as pool:
            left = deque((maker, pool.submit(maker.start)) for maker in makers)
            while left and waits is None and is_alive(self._run) and time.monotonic() < until and not ending.is_wanted:
                with contextlib.suppress(OSError, ValueError):
                    line, _ = listener.accept()
                    question, _ = read_question(line)
                    if question is StageQuestion.END:
                        waits = line
                        continue
                    with line:
                        if question is StageQuestion.TAKE:
                            hand_over(line, *left[0])
                            left.popleft()
            # Who asks from here on starts containers himself.
            listener.close()
            for _, started in left:
                started.cancel()
        for maker, _ in left:
            with contextlib.suppress(SluiceError):
                remove(maker.containers)
        return waits
