"""What a difference is: a regression, an effect elsewhere than where was edited, a slip, or what was set out to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from ..config.derive import Request
from ..config.match import Trace
from ..config.parse import Config
from .changes import Change
from .classes import KINDS, Difference
from .shadowing import shadowed
from .slips import Slips
from .stated import opens, refuses, sets

__all__ = ["Judge", "Judgement"]

Sort = Literal["regression", "collateral", "slip", "intended", "shown"]
_LOG = "access log"


class Judgement(NamedTuple):
    """What a difference is, and in a few words why."""

    sort: Sort
    why: str

    @property
    def fails(self) -> bool:
        """Whether a person has to say a word."""
        return self.sort in ("regression", "collateral", "slip")


class Judge:
    """Tells what differences are by the lines that were edited.

    A regression fails whoever explains it, unless the edit says exactly that. What no edit explains fails, and so does
    an edit that takes requests from a line that was left alone, or that looks like a slip. The rest is what the edit
    set out to do.
    """

    def __init__(self, live: Config, candidate: Config) -> None:
        self._slips = Slips(live, candidate)

    def judge(
        self, request: Request, difference: Difference, causes: Sequence[Change], ways: tuple[Trace, Trace]
    ) -> Judgement:
        """Judge one difference; ``causes`` are the edits on the request's ways in live and candidate."""
        kind = KINDS[difference.kind]
        if kind.grade == "regression" and not self._is_stated(request, difference, causes, ways):
            return Judgement("regression", kind.why)
        shadow = shadowed(*ways, causes)
        if shadow is not None and (kind.matters or difference.kind == "refused"):
            old, new = shadow
            words = f"{' '.join([new.name, *new.args])} takes it from {' '.join([old.name, *old.args])}"
            return Judgement("collateral", f"{words} ({old.file}:{old.line}), which nobody edited")
        if not kind.matters:
            return Judgement("shown", kind.why)
        if not causes:
            return Judgement("collateral", f"{kind.why}, and no edited line is about this request")
        slip = next(filter(None, map(self._slips.slip, causes)), "")
        if slip:
            return Judgement("slip", f"{kind.why}, and it looks like a slip: {slip}")
        return Judgement("intended", kind.why)

    def _is_stated(
        self, request: Request, difference: Difference, causes: Sequence[Change], ways: tuple[Trace, Trace]
    ) -> bool:
        """Whether the edits say the very thing, and no visitor of yesterday is turned away by it."""
        if difference.kind == "broken":
            return request.place != _LOG and refuses(request, difference, causes, ways[0])
        if difference.kind == "access":
            return opens(difference, causes)
        return sets(difference, causes)
