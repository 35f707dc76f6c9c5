"""A bound on how long a host may keep an action waiting."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

__all__ = ["NoAnswer", "patience"]


# No Exception, since connection plugins try again, or say something else, after whatever Exception comes.
class NoAnswer(BaseException):
    """The time is over."""


@contextlib.contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Raise ``NoAnswer`` in what goes on for longer than ``seconds``.

    A task's own ``timeout`` would fail the task, and Ansible leaves a failed host out of what comes next, the way back
    included. For the main thread of a process, which is where Ansible runs actions.
    """

    def over(number: int, frame: FrameType | None) -> None:
        raise NoAnswer

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
