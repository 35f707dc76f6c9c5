"""An effect of a change, and all of them: plain data for verdicts and reports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..behaviour.changes import DirectiveChange
from ..config.derive import DerivedRequest
from ..textfmt import count

__all__ = ["Effect", "Effects"]

_MOST_SHOWN = 50
_MOST_PLACES = 3
# As heavy as what changed: asked before anything else.
_WEIGHT = -10


@dataclass(frozen=True)
class Effect:
    """A set of requests that the candidate handles otherwise.

    ``where`` are names and ports, ``paths`` describes the targets, ``when`` the conditions beside them, and ``cases``
    what is done in others. ``because`` says why the set is no more than sampled, and is "" for an exact one. Of
    ``asked`` requests of a log ``requests`` are in it; None without a log. ``edits`` explain it, the nearest first.
    """

    edits: Sequence[DirectiveChange]
    where: str
    paths: str
    before: str
    after: str
    when: str = ""
    cases: list[str] = field(default_factory=list)
    witness: DerivedRequest | None = None
    because: str = ""
    requests: int | None = None
    asked: int = 0
    places: tuple[str, ...] = ()

    @property
    def is_exact(self) -> bool:
        """Return whether the set is neither larger nor smaller than described."""
        return not self.because

    def joined(self, other: Effect) -> Effect:
        """Return the effect at the places of another one as well."""
        places = tuple(dict.fromkeys([*(self.places or (self.where,)), *(other.places or (other.where,))]))
        more = len(places) - _MOST_PLACES
        where = "; ".join(places[:_MOST_PLACES]) + (f"; and at {count(more, 'more place')}" if more > 0 else "")
        requests = None if self.requests is None else self.requests + (other.requests or 0)
        return replace(self, where=where, places=places, requests=requests, witness=self.witness or other.witness)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        share = {} if self.requests is None else {"requests": self.requests, "asked": self.asked}
        return {
            "edits": [change.words for change in self.edits],
            "file": self.edits[0].place[0] if self.edits else "",
            "line": self.edits[0].place[1] if self.edits else 0,
            "where": self.where,
            "paths": self.paths,
            "when": self.when,
            "cases": self.cases,
            "before": self.before,
            "after": self.after,
            "witness": self.witness.url if self.witness else "",
            "exact": self.is_exact,
            "because": self.because,
            **share,
        }


@dataclass(frozen=True)
class Effects:
    """All effects of a change; ``unread`` says what could not be looked at.

    ``covers`` tells of a request whether it is in one of the sets, as far as that is known.
    """

    found: list[Effect] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    covers: Callable[[DerivedRequest], bool] = field(default=lambda request: False, compare=False)

    @property
    def is_exact(self) -> bool:
        """Return whether each request that is in none of the sets is handled as before."""
        return not self.unread and all(effect.is_exact for effect in self.found)

    def witnesses(self) -> list[DerivedRequest]:
        """Return a shortest request of each effect, with the weight of what changed."""
        found = [each.witness for each in self.found if each.witness is not None]
        return list(dict.fromkeys(request._replace(weight=_WEIGHT) for request in found))

    def to_json(self) -> dict[str, Any]:
        """Return them as plain data: those of one edit together, at most 50, and how many more there are."""
        order = {key: number for number, key in enumerate(dict.fromkeys(_edit(each) for each in self.found))}
        rows = sorted(self.found, key=lambda each: order[_edit(each)])
        return {
            "rows": [each.to_json() for each in rows[:_MOST_SHOWN]],
            "more": max(len(rows) - _MOST_SHOWN, 0),
            "unread": self.unread,
            "exact": self.is_exact,
        }


def _edit(effect: Effect) -> tuple[int, ...]:
    return tuple(map(id, effect.edits[:1]))
