"""Pages that may be missing: one of several index files is enough, unless another one is misspelt."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Iterable

if TYPE_CHECKING:
    from ..protocol import Json

__all__ = ["alternatives", "group_of", "is_misspelt"]

_ALMOST_ALIKE = 0.85


def alternatives(needs: Iterable[Json]) -> dict[tuple[object, ...], list[Json]]:
    """Gather the index files that one line names for one directory; ``group_of`` is the key."""
    found: dict[tuple[object, ...], list[Json]] = {}
    for need in needs:
        if need["purpose"] == "index":
            found.setdefault(group_of(need), []).append(need)
    return found


def group_of(need: Json) -> tuple[object, ...]:
    """Return what an index file has in common with the others of its line and directory."""
    return need["purpose"], need["file"], need["line"], posixpath.dirname(need["value"])


def is_misspelt(need: Json, near: str, group: Iterable[Json] = ()) -> bool:
    """Return whether ``near``, which exists, is what must have been meant; it is not where the line names it as
    well.
    """
    name, there = posixpath.basename(need["value"]), posixpath.basename(near)
    if not near or near in {each["value"] for each in group}:
        return False
    import difflib

    return difflib.SequenceMatcher(None, name, there).ratio() >= _ALMOST_ALIKE
