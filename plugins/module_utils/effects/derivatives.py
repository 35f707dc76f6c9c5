"""What is walked letter by letter: where each letter leads, and which letters are alike, worked out once."""

from __future__ import annotations

from abc import ABC, abstractmethod

__all__ = ["Derivatives"]


class Derivatives(ABC):
    """States that are numbers. ``_step`` and ``_division`` work out what ``step`` and ``division`` keep."""

    def __init__(self) -> None:
        self._steps: dict[tuple[int, int], int] = {}
        self._divided: dict[int, tuple[int, ...]] = {}

    def step(self, number: int, letter: int) -> int:
        """Return where one letter leads from a state, given as its bit."""
        key = (number, letter)
        found = self._steps.get(key)
        if found is None:
            found = self._steps[key] = self._step(number, letter)
        return found

    def division(self, number: int) -> tuple[int, ...]:
        """Return sets of letters that are all alike to a state."""
        found = self._divided.get(number)
        if found is None:
            found = self._divided[number] = self._division(number)
        return found

    @abstractmethod
    def _step(self, number: int, letter: int) -> int: ...

    @abstractmethod
    def _division(self, number: int) -> tuple[int, ...]: ...
