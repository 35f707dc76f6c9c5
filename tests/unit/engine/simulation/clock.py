"""Time that passes only when somebody waits."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

__all__ = ["Clock"]

_BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


class Clock:
    """``monotonic`` in seconds, the wall clock with its own ``offset`` of seconds, and what is to happen when."""

    def __init__(self) -> None:
        self.monotonic = 1000.0
        self.offset = 0.0
        self._order = itertools.count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []

    def wall(self) -> str:
        """Return what the wall clock shows, as the engine writes times."""
        at = _BEGIN + timedelta(seconds=self.monotonic + self.offset)
        return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def after(self, seconds: float, event: Callable[[], None]) -> None:
        """Let something happen in ``seconds``."""
        heapq.heappush(self._events, (self.monotonic + seconds, next(self._order), event))

    def pass_(self, seconds: float) -> None:
        """Let time pass, and happen what is due."""
        end = self.monotonic + seconds
        while self._events and self._events[0][0] <= end:
            at, _, event = heapq.heappop(self._events)
            self.monotonic = max(self.monotonic, at)
            event()
        self.monotonic = max(self.monotonic, end)

    def now(self) -> tuple[float, float]:
        """Return the time and the offset, for ``set``; nothing may be due any more."""
        assert not self._events
        return self.monotonic, self.offset

    def set(self, time: tuple[float, float]) -> None:
        """Go to a time; nothing is to happen from there on."""
        self._events.clear()
        self.monotonic, self.offset = time

    def restart(self) -> None:
        """The machine was off: nothing happens of what was to, and its time begins again. The wall clock went on."""
        self._events.clear()
        self.offset += self.monotonic
        self.monotonic = 10.0
