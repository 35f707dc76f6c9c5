"""The culprits as the page shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import NamedTuple

from ...record.summary import Culprit, CulpritPart
from ...textfmt import count, cut, duration, excerpt, first_of, source

__all__ = ["ShownCulprit", "ShownPart", "show_culprits"]

_MOST_CULPRITS, _MOST_PARTS, _MOST_LINES = 10, 20, 40
_LONG = 160


class ShownPart(NamedTuple):
    """A part of the change, with what it was made from in its ``place``."""

    place: str
    old: list[str]
    new: list[str]


class ShownCulprit(NamedTuple):
    """What fails, the parts that are the culprit together, and ``remarks`` on how sure that is."""

    fails: str
    parts: list[ShownPart]
    remarks: str


def show_culprits(culprits: Sequence[Culprit]) -> list[ShownCulprit]:
    """Return what the page shows; what several releases have in common once."""
    shown = list({repr(each): each for each in map(_culprit, culprits)}.values())
    more = len(shown) - _MOST_CULPRITS
    return shown[:_MOST_CULPRITS] + ([ShownCulprit("", [], f"{more} more in run.json")] if more > 0 else [])


def _culprit(culprit: Culprit) -> ShownCulprit:
    failed = [(gate, [cut(what, _LONG) for what in whats]) for gate, whats in culprit.fails.items() if whats]
    remarks = [f"{count(culprit.tried, 'trial')} in {duration(0, culprit.seconds)}", *culprit.remarks]
    hidden = len(culprit.parts) + culprit.more - len(culprit.parts[:_MOST_PARTS])
    remarks += [f"{count(hidden, 'more part')} not shown"] if hidden else []
    remarks += ["without it the rest of the change passes"] if culprit.fixes else []
    fails = "; ".join(f"{gate}: {first_of(whats)}" for gate, whats in failed)
    return ShownCulprit(fails, [_part(part) for part in culprit.parts[:_MOST_PARTS]], "; ".join(remarks))


def _part(part: CulpritPart) -> ShownPart:
    old, new = (excerpt(lines, _MOST_LINES, ", in run.json") for lines in (part.old, part.new))
    return ShownPart(source(asdict(part)), old, new)
