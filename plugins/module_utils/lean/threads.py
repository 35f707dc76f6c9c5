"""A thread that can be waited for, without ``threading``. It never keeps a process from its end."""

from __future__ import annotations

import _thread

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Callable

__all__ = ["Thread"]


class Thread:
    """Does ``work`` beside the others, from ``start`` on; ``work`` raises nothing."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work
        self._runs = _thread.allocate_lock()

    def start(self) -> None:
        """Begin; returns when it has begun."""
        self._runs.acquire()
        begun = _thread.allocate_lock()
        begun.acquire()
        try:
            _thread.start_new_thread(self._run, (begun,))
        except BaseException:
            self._runs.release()
            raise
        begun.acquire()

    def _run(self, begun: _thread.LockType) -> None:
        begun.release()
        try:
            self._work()
        finally:
            self._runs.release()

    def is_alive(self) -> bool:
        """Tell whether it has not ended yet."""
        return self._runs.locked()

    def join(self, seconds: float | None = None) -> None:
        """Wait until it has ended, for at most ``seconds``."""
        if self._runs.acquire(True, -1 if seconds is None else seconds):
            self._runs.release()
