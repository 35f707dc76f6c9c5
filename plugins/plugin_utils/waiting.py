"""Work for many hosts at once, on threads, and a bound on how long each of them may take."""

from __future__ import annotations

import contextvars
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

__all__ = ["Job", "Late", "as_they_end", "end_children"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class Job(Generic[T_co]):
    """What is done for a host, in ``seconds`` at most. ``work`` must raise nothing."""

    host: str
    seconds: float
    work: Callable[[], T_co]


class Late(NamedTuple):
    """What stands for a result that did not come within ``seconds``."""

    seconds: float


def as_they_end(jobs: Iterable[Job[T]], at_once: int) -> Iterator[tuple[str, T | Late]]:
    """Do each job on a thread of its own, ``at_once`` at a time, and yield the results as they come.

    A job that takes longer than its ``seconds`` is given up, and the next one takes its turn. Nobody can end a thread,
    so it goes on until this process ends, or ``end_children`` takes away what it waits for.
    """
    ended: queue.SimpleQueue[tuple[str, T]] = queue.SimpleQueue()
    coming = iter(jobs)
    running: dict[str, tuple[float, float]] = {}
    more = True
    while more or running:
        while more and len(running) < max(1, at_once):
            job = next(coming, None)
            if job is None:
                more = False
            else:
                running[job.host] = (time.monotonic() + job.seconds, job.seconds)
                _start(job, ended)
        if not running:
            return
        try:
            host, result = ended.get(timeout=max(0.0, min(running.values())[0] - time.monotonic()))
        except queue.Empty:
            over = [host for host, (end, _) in running.items() if end <= time.monotonic()]
            yield from [(host, Late(running.pop(host)[1])) for host in over]
            continue
        if running.pop(host, None) is not None:
            yield host, result


def _start(job: Job[T], ended: queue.SimpleQueue[tuple[str, T]]) -> None:
    # Ansible keeps what a plugin runs for in context variables, which a new thread does not have.
    context = contextvars.copy_context()
    threading.Thread(target=lambda: ended.put((job.host, context.run(job.work))), name=job.host, daemon=True).start()


def end_children() -> None:
    """End the processes that connections have started and still wait for. Ansible runs each action in a session of its
    own, so they are the others of its group; elsewhere nothing is done.
    """
    if os.getpgrp() != os.getpid():
        return
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        os.killpg(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
