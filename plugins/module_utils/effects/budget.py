"""How long one may go on."""

from __future__ import annotations

import time

from .terms import TooMuch

__all__ = ["Budget"]

_LOOK_EACH = 64
# A busy machine computes for less time than passes.
_SHARED = 3


class Budget:
    """How long one may go on: so many seconds of computing, and no more than three times that by the clock.

    ``spent`` raises ``TooMuch`` when the time is over.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._computed = time.thread_time() + seconds
        self._end = time.monotonic() + _SHARED * seconds
        self._calls = 0

    def spent(self) -> None:
        """Raise ``TooMuch`` when the time is over; the clock is read now and then."""
        self._calls += 1
        if self._calls % _LOOK_EACH == 0 and self.left <= 0:
            raise TooMuch("it takes too long to work out")

    @property
    def left(self) -> float:
        """The seconds of computing that are left."""
        return min(self._computed - time.thread_time(), (self._end - time.monotonic()) / _SHARED)
