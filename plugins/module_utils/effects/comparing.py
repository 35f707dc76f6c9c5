"""Two servers side by side: each pair of decisions that they come to for the same target, by automata or by samples."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple
from urllib.parse import unquote

from ..config.derive import askable
from ..config.parse import Directive
from ..config.regexes import compiled
from ..config.samples import matching, samples
from .actions import Actions
from .budget import Budget
from .cases import UNREAD, conditions, differing, each_pair, finalized
from .decisions import Decision, Decisions
from .exploring import ValueDifference, explore
from .handling import ServerAutomaton
from .letters import sent
from .machines import Machines
from .sides import SAID_ANYWAY, ConfigSide
from .terms import TooMuch
from .values import Values, filled

__all__ = ["Comparison", "Conditioned", "Pair"]

_MOST_DIFFERENT = 400
_MOST_SAMPLES = 1500
_SECONDS_FOR_SAMPLES = 0.3
_Value = tuple[tuple[str, ...], ...]


class Conditioned(NamedTuple):
    """What each side decides where conditions hold, or do not."""

    holds: dict[str, bool]
    live: Decision
    candidate: Decision


class Pair(NamedTuple):
    """Different decisions for the same targets, one for each case; the one with the fewest conditions is the first.

    ``targets`` are all of them where they are few. ``doubts`` say why they are no more than sampled. ``names``
    are settings which differ around the whole server, where the pair is about these.
    """

    target: str
    cases: list[Conditioned]
    targets: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


class Comparison:
    """Compares two servers; None is for no server. Raises ``TooMuch`` for one that is too large."""

    def __init__(
        self,
        machines: Machines,
        decisions: Decisions,
        sides: tuple[ConfigSide, ConfigSide],
        servers: tuple[Directive | None, Directive | None],
        known: tuple[Mapping[str, str], Mapping[str, str]],
        bases: tuple[Mapping[str, _Value], Mapping[str, _Value]],
    ) -> None:
        self._machines = machines
        self._decisions = decisions
        self._servers = servers
        self.is_cut = False
        """Whether there may be more pairs than are found."""
        self._around_cut = ""
        self.lines: list[Mapping[tuple[str, ...], tuple[Directive, ...]]] = []
        inner = [
            side.settings(base, [server] if server is not None else [])
            for side, base, server in zip(sides, bases, servers, strict=True)
        ]
        names = {**inner[0], **inner[1]} if None not in servers else {}
        self.around = {
            name: (inner[0].get(name, ()), inner[1].get(name, ()))
            for name in names
            if name not in SAID_ANYWAY and inner[0].get(name, ()) != inner[1].get(name, ())
        }
        self._taken_over: list[set[str]] = []
        self._states = [
            self._automaton(side, server, texts, base)
            for side, server, texts, base in zip(sides, servers, known, bases, strict=True)
        ]

    def _automaton(
        self, side: ConfigSide, server: Directive | None, known: Mapping[str, str], base: Mapping[str, _Value]
    ) -> int:
        if server is None:
            self.lines.append({})
            self._taken_over.append(set())
            return self._machines.constant(self._decisions.make("nothing", "nothing listens"))
        actions = Actions(self._machines, self._decisions, side, server, base, self.around)
        self.lines.append(actions.lines)
        self._taken_over.append(actions.taken_over)
        return ServerAutomaton(self._machines, server, Values(self._machines, side, known), actions).automaton()

    def cases(self, target: str) -> list[Conditioned]:
        """Return what each side decides for a target as it is sent, in each case in which that differs.

        Where it never does and hangs on nothing, this case is returned.
        """
        return _cases(*self._values(target))

    def _values(self, target: str) -> list[object]:
        path, mark, query = target.partition("?")
        text = unquote(path).replace("?", "é") + mark + unquote(query)
        return [self._machines.value(self._machines.after(state, text)) for state in self._states]

    def _branches(self, target: str) -> list[Conditioned]:
        """Return what each side decides for a target in each case, whether that differs or not."""
        return _conditioned(each_pair(*self._values(target)))

    def pairs(self, budget: Budget, same: bool) -> list[Pair]:
        """Return all pairs, the shortest target first; where the walk is cut short, samples stand in.

        With ``same`` the servers differ in nothing but what is around them. Raises ``TooMuch`` where the walk is cut
        short and no sample differs either.
        """
        found, cut = ([], "") if same else self._walked(budget)
        found += self._around(budget)
        cut = cut or self._around_cut
        if cut and not found:
            raise TooMuch(cut)
        return [each._replace(doubts=(*each.doubts, cut)) for each in found] if cut else found

    def _walked(self, budget: Budget) -> tuple[list[Pair], str]:
        """Return the pairs that a walk finds, and why it was cut short, if it was."""
        walked = explore(self._machines, self._states[0], self._states[1], budget, _MOST_DIFFERENT)
        if walked.cut:
            self.is_cut = True
            self._machines.budget = Budget(max(budget.left, _SECONDS_FOR_SAMPLES))
        found = list(filter(None, map(self._pair, walked.found)))
        if walked.cut:
            found += self._sampled({_key(case) for pair in found for case in pair.cases})
        return found, walked.cut

    def _pair(self, difference: ValueDifference) -> Pair | None:
        cases = [each for each in _cases(difference.live, difference.candidate) if _differs(each)]
        if not cases:
            return None
        target, real = difference.target, _consistent(cases, difference.target)
        for other in () if real else self._matching(cases):
            found = _consistent([each for each in self.cases(other) if _differs(each)], other)
            if found:
                target, real = other, found
                break
        unsure = dict.fromkeys(doubt for case in real or cases for doubt in _doubts(case, target))
        doubts = (*unsure, *_unread(difference, cases))
        return Pair(target, real or cases, difference.targets if target == difference.target else (), doubts)

    def _matching(self, cases: list[Conditioned]) -> Iterator[str]:
        """Yield targets for patterns that no automaton reads."""
        for condition in dict.fromkeys(name for case in cases for name in case.holds if UNREAD in name):
            kind, _, pattern = condition.partition(UNREAD)[0].partition(" ")
            yield from map(sent, matching(pattern, path=True, ignore_case=kind == "~*"))

    def _targets(self) -> Iterator[str]:
        found: dict[str, None] = {}
        for target in self._all_targets():
            if target not in found and target.startswith("/") and "//" not in target:
                found[target] = None
                yield target
            if len(found) > _MOST_SAMPLES:
                return

    def _all_targets(self) -> Iterator[str]:
        # Of the last two no location may know.
        yield from ("/", "/sluice", "/0")
        for server in self._servers:
            for location in askable(server) if server is not None else ():
                yield from map(sent, samples(location, 2))
            for line in server.walk() if server is not None else ():
                if line.name == "rewrite" and line.args:
                    yield from map(sent, matching(line.args[0], path=True)[:2])

    def _sampled(self, seen: set[tuple[int, int]]) -> list[Pair]:
        found = []
        try:
            for target in self._targets():
                cases = [case for case in self.cases(target) if _differs(case) and _key(case) not in seen]
                if cases:
                    seen.update(map(_key, cases))
                    found.append(Pair(target, cases))
        except TooMuch:
            pass
        return found

    def _around(self, budget: Budget) -> Iterator[Pair]:
        """Yield a pair for the settings that differ around the whole server and that some request is subject to."""
        left = {name: None for name in self.around if all(name in names for names in self._taken_over)}
        try:
            for target in itertools.chain(self._targets(), self._inheriting(left, budget)):
                if not left:
                    return
                for case in self._branches(target):
                    names = [name for name in left if _inherits(case, name)]
                    for name in names:
                        del left[name]
                    if names:
                        yield Pair(target, [case], names=tuple(names))
        except TooMuch:
            return

    def _inheriting(self, left: Collection[str], budget: Budget) -> Iterator[str]:
        """Yield targets that are subject to settings, where samples showed none."""
        names = tuple(left)
        if not names:
            return

        def inherited(live: object, candidate: object) -> object:
            both = [each for each in (live, candidate) if isinstance(each, Decision)]
            return tuple(name for name in names if len(both) == 2 and all(each.inherits(name) for each in both))

        function = self._machines.function(("inherited", names), inherited)
        found = explore(
            self._machines,
            self._machines.applied(function, *self._states),
            self._machines.constant(()),
            Budget(min(budget.left, _SECONDS_FOR_SAMPLES)),
            _MOST_DIFFERENT,
        )
        self._around_cut = found.cut
        yield from (each.target for each in found.found)

    def counts_for(self, target: str) -> list[object]:
        """Return what a request counts for: pairs of handlings, and settings around the server."""
        found: dict[object, None] = {}
        for case in self._branches(target):
            if _differs(case):
                found[_key(case)] = None
            found.update(dict.fromkeys(name for name in self.around if _inherits(case, name)))
        return list(found)

    @staticmethod
    def keys(pair: Pair) -> list[object]:
        """Return what requests that belong to a pair count for, that of its first case first."""
        return [*pair.names] if pair.names else [_key(case) for case in pair.cases]


def _cases(live: object, candidate: object) -> list[Conditioned]:
    rows = _conditioned(differing(live, candidate))
    if not rows and isinstance(live, Decision) and isinstance(candidate, Decision):
        return [Conditioned({}, live, candidate)]
    return rows


def _conditioned(pairs: Iterable[tuple[dict[str, bool], object, object]]) -> list[Conditioned]:
    """Return the pairs that are of decisions, those with the fewest conditions first."""
    rows = [
        Conditioned(holds, one, other)
        for holds, one, other in pairs
        if isinstance(one, Decision) and isinstance(other, Decision)
    ]
    return sorted(rows, key=lambda case: sum(case.holds.values()))


def _consistent(cases: list[Conditioned], target: str) -> list[Conditioned]:
    """Return the cases in which the patterns that no automaton reads are found in a target as they really are."""
    path = unquote(target.partition("?")[0])
    found: dict[str, bool | None] = {}
    for condition in dict.fromkeys(name for case in cases for name in case.holds if UNREAD in name):
        kind, _, pattern = condition.partition(UNREAD)[0].partition(" ")
        regex = compiled(pattern, kind == "~*")
        found[condition] = None if regex is None else regex.search(path) is not None
    return [case for case in cases if all(found.get(name) in (None, held) for name, held in case.holds.items())]


def _unread(difference: ValueDifference, cases: list[Conditioned]) -> list[str]:
    """List the patterns that no automaton reads and on which it hangs whether anything differs, or what.

    The latter only where not each target is told, which can be held against a pattern.
    """
    names = dict.fromkeys(conditions(difference.live, difference.candidate), False)
    found: dict[str, None] = {}
    for case in cases:
        for name, held in case.holds.items():
            turned = {**names, **case.holds, name: not held}
            pair = finalized(difference.live, turned), finalized(difference.candidate, turned)
            others = {_key(each) for each in _cases(*pair) if _differs(each)}
            if UNREAD in name and (not others or (not difference.targets and others != {_key(case)})):
                found[name.replace(UNREAD, " has ")] = None
    return list(found)


def _key(case: Conditioned) -> tuple[int, int]:
    return case.live.handling, case.candidate.handling


def _differs(case: Conditioned) -> bool:
    return case.live.handling != case.candidate.handling


def _inherits(case: Conditioned, name: str) -> bool:
    return case.live.inherits(name) and case.candidate.inherits(name)


def _doubts(case: Conditioned, target: str) -> Iterator[str]:
    yield from case.live.doubts
    yield from case.candidate.doubts
    changed = [word for _, rows in case.live.settings ^ case.candidate.settings for args in rows for word in args]
    words = " ".join([case.live.what, case.candidate.what, *case.holds, *changed])
    if "$" in words and (" of live" in words or " of the candidate" in words):
        yield "the values of a variable changed, which only a request can tell"
    if case.live.what != case.candidate.what and filled(case.live.what, target) == filled(case.candidate.what, target):
        yield "what expressions capture is compared by the expressions"
