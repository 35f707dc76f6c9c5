"""What the stubs saw, those of the second container and those beside nginx, in the order of time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .stubs.control import BESIDE, ask

__all__ = ["StubLog"]

# nginx asks and tells these by itself, whenever it likes; they are no requests.
_UNASKED = ("dns", "syslog")


class StubLog:
    """Asks the stubs of a plan."""

    def __init__(self, plan: Mapping[str, Any]) -> None:
        self._key = str(plan["key"])
        self._places = [plan["stub"], *([BESIDE] if plan["local_stubs"] else [])]

    def mark(self) -> object:
        """Remember where the records stand."""
        return [ask(place, "mark", key=self._key) for place in self._places]

    def records(self, mark: object) -> list[dict[str, Any]]:
        """All that the stubs saw since then: names that were looked up and lines of logs as well."""
        if not isinstance(mark, list):
            raise TypeError(f"the mark is {type(mark).__name__}; expected what mark() returned")
        rows = [
            row
            for place, number in zip(self._places, mark, strict=True)
            for row in ask(place, "since", number, key=self._key)
        ]
        return [row for _, row in sorted(rows, key=lambda timed: float(timed[0]))]

    def since(self, mark: object) -> list[Any]:
        """The requests that the stubs saw since then."""
        return [row for row in self.records(mark) if row["protocol"] not in _UNASKED]
