"""Two servers side by side: each pair of decisions that they come to for the same target, by automata or by samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import unquote

from ..config.derive import askable
from ..config.parse import Directive
from ..config.samples import matching, samples
from .actions import Actions
from .cases import differing
from .decisions import INHERITED, Decision, Decisions
from .exploring import Difference, explore
from .handling import Server
from .letters import sent
from .machines import Budget, Machines
from .sides import Side
from .terms import Terms, TooMuch
from .values import Values

__all__ = ["Comparison", "Pair"]

_MOST_DIFFERENT = 400
_MOST_SAMPLES = 1500
_Value = tuple[tuple[str, ...], ...]


class Pair(NamedTuple):
    """A pair of decisions for the same targets. ``doubts`` say why it is no more than sampled.

    ``name`` is that of a setting which differs around the whole server, where the pair is about that one.
    """

    difference: Difference
    live: Decision
    candidate: Decision
    doubts: tuple[str, ...]
    name: str = ""


class Comparison:
    """Compares two servers; None is for no server."""

    def __init__(
        self,
        sides: tuple[Side, Side],
        servers: tuple[Directive | None, Directive | None],
        known: tuple[Mapping[str, str], Mapping[str, str]],
        bases: tuple[Mapping[str, _Value], Mapping[str, _Value]],
        budget: Budget,
    ) -> None:
        self._machines = Machines(Terms(), budget)
        self._budget = budget
        self._servers = servers
        self._decisions = Decisions()
        self.lines: list[Mapping[Decision, tuple[Directive, ...]]] = []
        self.cut = ""
        inner = [
            side.settings(base, [server] if server is not None else [])
            for side, base, server in zip(sides, bases, servers, strict=True)
        ]
        names = {**inner[0], **inner[1]} if None not in servers else {}
        self.around = {
            name: (inner[0].get(name, ()), inner[1].get(name, ()))
            for name in names
            if inner[0].get(name, ()) != inner[1].get(name, ())
        }
        self._states: list[int] = []
        for number, (side, server) in enumerate(zip(sides, servers, strict=True)):
            self._states.append(self._automaton(side, server, known[number], bases[number]))

    def _automaton(
        self, side: Side, server: Directive | None, known: Mapping[str, str], base: Mapping[str, _Value]
    ) -> int:
        if server is None:
            self.lines.append({})
            return self._machines.constant(self._decisions.make("other", "nothing listens"))
        actions = Actions(self._machines, self._decisions, side, server, base, self.around)
        self.lines.append(actions.lines)
        return Server(self._machines, server, Values(self._machines, side, known), actions).automaton()

    def decisions(self, target: str) -> tuple[object, object]:
        """Return what each side decides for a target as it is sent."""
        path, mark, query = target.partition("?")
        text = unquote(path).replace("?", "é") + mark + query
        live, candidate = [self._machines.value(self._machines.after(state, text)) for state in self._states]
        return live, candidate

    def pairs(self) -> list[Pair]:
        """Return all pairs, the shortest target first. Where the walk is cut short, samples stand in."""
        walked = explore(self._machines, *self._states, self._budget, _MOST_DIFFERENT)
        found = [self._pair(each) for each in walked.found if _differ(each.live, each.candidate)]
        if walked.cut:
            self.cut = walked.cut
            found += self._sampled({(id(pair.live), id(pair.candidate)) for pair in found})
            found = [each._replace(doubts=(*each.doubts, self.cut)) for each in found]
        return [*found, *self._around()]

    def _pair(self, difference: Difference) -> Pair:
        live, candidate = difference.live, difference.candidate
        assert isinstance(live, Decision) and isinstance(candidate, Decision)
        doubts = dict.fromkeys([*live.doubts, *candidate.doubts])
        for condition in difference.holds:
            if "is not read: " in condition:
                doubts[condition.replace(" is not read: ", " has ")] = None
            elif " of live" in condition or " of the candidate" in condition:
                doubts[f"of values that only a request can tell: {condition}"] = None
        for words in (live.what, candidate.what):
            if " of live" in words or " of the candidate" in words:
                doubts["a map or an upstream changed whose values only a request can tell"] = None
        if live.kind == candidate.kind and live.what != candidate.what and " in ^" in live.what + candidate.what:
            doubts["what groups of expressions capture is compared by the expressions"] = None
        return Pair(difference, live, candidate, tuple(doubts))

    def _targets(self) -> list[str]:
        found: dict[str, None] = {"/": None}
        for server in self._servers:
            if server is None:
                continue
            for location in askable(server):
                found.update(dict.fromkeys(sent(each) for each in samples(location, 2)))
            for line in server.walk():
                if line.name == "rewrite" and line.args:
                    found.update(dict.fromkeys(sent(each) for each in matching(line.args[0], path=True)[:2]))
                if len(found) > _MOST_SAMPLES:
                    break
        return [each for each in found if each.startswith("/") and "//" not in each]

    def _sampled(self, seen: set[tuple[int, int]]) -> list[Pair]:
        found = []
        extra = Budget(max(self._budget.left, 0.3))
        self._machines.budget = extra
        try:
            for target in self._targets():
                extra.spent()
                for holds, live, candidate in differing(*self.decisions(target)):
                    if _differ(live, candidate) and (id(live), id(candidate)) not in seen:
                        seen.add((id(live), id(candidate)))
                        found.append(self._pair(Difference(live, candidate, holds, target)))
        except TooMuch:
            pass
        return found

    def keys(self, live: object, candidate: object) -> list[object]:
        """Return what the decisions for one target count for: a pair of handlings, and settings around the server."""
        found: dict[object, None] = {}
        for _, before, after in _both(live, candidate):
            if before.handling != after.handling:
                found[before.handling, after.handling] = None
            for name in self.around:
                if before.setting(name) == after.setting(name) == INHERITED:
                    found[name] = None
        return list(found)

    def _around(self) -> list[Pair]:
        """Return a pair for each setting that differs around the whole server and that some request is subject to."""
        found = []
        left = dict(self.around)
        try:
            for target in self._targets():
                if not left:
                    break
                live, candidate = self.decisions(target)
                for holds, before, after in _both(live, candidate):
                    for name in [name for name in left if after.setting(name) == before.setting(name) == INHERITED]:
                        del left[name]
                        found.append(Pair(Difference(before, after, holds, target), before, after, (), name))
        except TooMuch:
            pass
        return found


def _both(live: object, candidate: object) -> Sequence[tuple[dict[str, bool], Decision, Decision]]:
    rows = [row for row in differing(live, candidate) if isinstance(row[1], Decision)]
    if isinstance(live, Decision) and isinstance(candidate, Decision):
        rows = [({}, live, candidate)]
    return [(holds, one, two) for holds, one, two in rows if isinstance(one, Decision) and isinstance(two, Decision)]


def _differ(live: object, candidate: object) -> bool:
    return isinstance(live, Decision) and isinstance(candidate, Decision) and live.handling != candidate.handling
