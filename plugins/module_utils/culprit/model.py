"""What the search for the groups lines came to."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["CulpritPlace", "CulpritSet", "Culprits"]


@dataclass(frozen=True)
class CulpritPlace:
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
class CulpritSet:
    """Parts of the change that make gates fail: all of them together, and no fewer.

    ``fails`` says what they make fail, in words, by the gates' names. ``fixes`` says that without them the rest of the
    change does not fail so; None where that was not tried. ``sure`` says that the search for them came to its end.
    ``more`` places are not listed.
    """

    fails: dict[str, list[str]]
    places: tuple[CulpritPlace, ...]
    fixes: bool | None
    sure: bool
    more: int = 0


@dataclass(frozen=True)
class Culprits:
    """Who is groups: independent of each other where there are several. ``note`` says what could not be found out."""

    groups: tuple[CulpritSet, ...] = ()
    tried: int = 0
    seconds: float = 0.0
    edits: int = 0
    note: str = ""

    @property
    def whole(self) -> bool:
        """Return whether the search came to its end."""
        return not self.note and all(group.sure for group in self.groups)

    def to_json(self) -> dict[str, Any]:
        """Return the culprits as plain data, for the record: each set of parts that are groups together."""
        sets = [
            {
                "fails": group.fails,
                "parts": [{**asdict(place), "old": [*place.old], "new": [*place.new]} for place in group.places],
                "more": group.more,
                "fixes": group.fixes,
                "whole": group.sure,
            }
            for group in self.groups
        ]
        search = {"tried": self.tried, "edits": self.edits, "seconds": self.seconds}
        return {"sets": sets, **search, "whole": self.whole, "note": self.note}
