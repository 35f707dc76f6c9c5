"""What became of one change, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["ALONE", "Outcome"]

ALONE = ("behaviour", "lint")


@dataclass(frozen=True)
class Outcome:
    """What became of a change. ``gates`` says each gate's result in their order, ``words`` each one's summary.

    ``alone`` are the results of ``ALONE`` without a contract, ``plain`` is whether ``nginx -t`` alone refuses it.
    """

    name: str
    kind: str
    what: str
    gates: dict[str, str]
    words: dict[str, str]
    alone: dict[str, str]
    plain: bool
    seconds: float = 0.0
    place: str = ""

    @property
    def caught_by(self) -> list[str]:
        """The gates that failed it, in their order."""
        return [gate for gate, result in self.gates.items() if result == "fail"]

    @property
    def caught(self) -> bool:
        """Return whether it is stopped: some gate has not passed."""
        return any(result != "pass" for result in self.gates.values())

    @property
    def caught_alone(self) -> bool:
        """Return whether behaviour and lint would stop it without a contract. What does not start does not behave."""
        return any(result != "pass" for result in self.alone.values())

    @property
    def unsure(self) -> list[str]:
        """The gates that could not tell."""
        return [gate for gate, result in self.gates.items() if result == "inconclusive"]

    @property
    def case(self) -> str:
        """The configuration that was changed."""
        return self.name.partition("/")[0]

    def to_json(self) -> dict[str, Any]:
        """The outcome as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Outcome:
        """Read what ``to_json`` wrote."""
        return cls(**row)
