"""What the search for the guilty lines came to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Blame", "Guilt", "Place"]


@dataclass(frozen=True)
class Place:
    """A part of the change: the lines ``new`` at ``line`` of ``file``, which were ``old``.

    ``origin`` is the file that it was made from, ``variable`` the user's variable, as ``nginx_sites[0].routes[2]``.
    """

    file: str
    line: int
    old: tuple[str, ...]
    new: tuple[str, ...]
    origin: str
    variable: str


@dataclass(frozen=True)
class Guilt:
    """Parts of the change that make gates fail: all of them together, and no fewer.

    ``fails`` says what they make fail, in words, by the gates' names. ``heals`` says that without them the rest of the
    change does not fail so; None where that was not tried. ``sure`` says that the search for them came to its end.
    ``more`` places are not listed.
    """

    fails: dict[str, list[str]]
    places: tuple[Place, ...]
    heals: bool | None
    sure: bool
    more: int = 0


@dataclass(frozen=True)
class Blame:
    """Who is guilty: independent of each other where there are several. ``note`` says what could not be found out."""

    guilty: tuple[Guilt, ...] = ()
    tried: int = 0
    seconds: float = 0.0
    edits: int = 0
    note: str = ""

    @property
    def whole(self) -> bool:
        """Whether the search came to its end."""
        return not self.note and all(guilt.sure for guilt in self.guilty)

    def to_json(self) -> dict[str, Any]:
        """The blame as plain data, for the record. ``sets`` has the numbers of the parts that are guilty together."""
        parts: list[dict[str, Any]] = []
        sets: list[dict[str, Any]] = []
        for guilt in self.guilty:
            numbers = list(range(len(parts), len(parts) + len(guilt.places)))
            parts += [{**asdict(place), "old": [*place.old], "new": [*place.new]} for place in guilt.places]
            row = {"fails": guilt.fails, "parts": numbers, "more": guilt.more, "heals": guilt.heals}
            sets.append({**row, "whole": guilt.sure})
        return {
            "gate": ", ".join(_gates(self.guilty)),
            "parts": parts,
            "sets": sets,
            "tried": self.tried,
            "edits": self.edits,
            "seconds": self.seconds,
            "whole": self.whole,
            "note": self.note,
        }


def _gates(guilty: Sequence[Guilt]) -> list[str]:
    return list(dict.fromkeys(gate for guilt in guilty for gate in guilt.fails))
