"""Walks two automata side by side, breadth first: the values in which they differ, each pair with a shortest target.

Targets are those that nginx gets to see: they begin with a slash, and have no empty and no dotted segment, as nginx
takes these away.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from .budget import Budget
from .letters import EVERY, QUERY, bit, letter, refined, sent
from .machines import Machines
from .terms import TooMuch

__all__ = ["Differences", "ValueDifference", "explore"]

_SLASH, _DOT = bit(ord("/")), bit(ord("."))
_SHAPE = ((_SLASH, _DOT, QUERY, EVERY & ~_SLASH & ~_DOT & ~QUERY),)
# Where a target stands: at its start, after a slash, after one or two dots of a segment, within one, in the query.
_START, _SLASHED, _DOTTED, _TWICE, _WITHIN, _QUERY = range(6)
_WHOLE = (_SLASHED, _WITHIN, _QUERY)
# A set with no more targets is listed instead of described.
_MOST_LISTED = 6
_Node = tuple[int, int, int]


class ValueDifference(NamedTuple):
    """A pair of values that differ, with a shortest target.

    ``targets`` are all there are, where they are few.
    """

    live: object
    candidate: object
    target: str
    targets: tuple[str, ...] = ()


class Differences(NamedTuple):
    """The differences of two automata; ``cut`` says why there may be more."""

    found: list[ValueDifference]
    cut: str = ""


def explore(machines: Machines, live: int, candidate: int, budget: Budget, most: int) -> Differences:
    """List all pairs of values that two automata give to the same target, at most about ``most`` of them."""
    walk = _ProductWalk(machines, budget, most)
    cut = ""
    try:
        walk.run((_START, live, candidate))
    except TooMuch as error:
        cut = str(error)
    return Differences(walk.differences(), cut)


class _ProductWalk:
    def __init__(self, machines: Machines, budget: Budget, most: int) -> None:
        self._machines = machines
        self._budget = budget
        self._most = most
        self._texts: dict[_Node, str] = {}
        self._next: dict[_Node, list[tuple[int, _Node]]] = {}
        self._before: dict[_Node, list[tuple[int, _Node]]] = {}
        # For each pair of values the first target; and where targets of it end.
        self._found: dict[tuple[object, object], str] = {}
        self._ends: dict[tuple[object, object], set[_Node]] = {}
        self._whole = True

    def run(self, start: _Node) -> None:
        self._texts[start] = ""
        waiting = deque([start])
        while waiting:
            self._budget.spent()
            node = waiting.popleft()
            for letters, following in self._following(node):
                self._next.setdefault(node, []).append((letters, following))
                if following not in self._texts:
                    self._texts[following] = self._texts[node] + _as_sent(letters)
                    self._look(following)
                    waiting.append(following)

    def _look(self, node: _Node) -> None:
        phase, live, candidate = node
        if phase not in _WHOLE:
            return
        pair = self._machines.value(live), self._machines.value(candidate)
        if pair[0] != pair[1]:
            if len(self._found) >= self._most and pair not in self._found:
                raise TooMuch(f"there are more than {self._most:,} different effects")
            self._found.setdefault(pair, self._texts[node])
            self._ends.setdefault(pair, set()).add(node)

    def _following(self, node: _Node) -> Iterator[tuple[int, _Node]]:
        phase, live, candidate = node
        machines = self._machines
        known = machines.pairs(live, candidate)
        if known is not None and phase in (_WITHIN, _SLASHED) and known <= self._found.keys():
            # Nothing new can come; which targets follow is left open.
            self._whole = self._whole and not known
            return
        if phase == _START:
            blocks: tuple[int, ...] = (_SLASH,)
        else:
            blocks = refined((*_SHAPE, machines.division(live), machines.division(candidate)))
        for block in blocks:
            after = _after(phase, block)
            if after is None or (after == _QUERY != phase and not self._needs_query(live, candidate)):
                continue
            one = 1 << (block.bit_length() - 1)
            first, second = machines.step(live, one), machines.step(candidate, one)
            if first != second:
                yield block, (after, first, second)

    def _needs_query(self, live: int, candidate: int) -> bool:
        return self._machines.reads_query(live) or self._machines.reads_query(candidate)

    def differences(self) -> list[ValueDifference]:
        rows = []
        if self._whole:
            for node, nexts in self._next.items():
                for letters, following in nexts:
                    self._before.setdefault(following, []).append((letters, node))
        for pair, target in self._found.items():
            rows.append(ValueDifference(*pair, target, self._listed(self._ends[pair]) if self._whole else ()))
        return rows

    def _listed(self, ends: set[_Node]) -> tuple[str, ...]:
        """Return all targets that end in some nodes; none where they are many. Each letter must be the only one."""
        found: list[str] = []
        waiting = [(node, "") for node in ends]
        steps = 0
        while waiting:
            node, text = waiting.pop()
            steps += 1
            if steps > 50 * _MOST_LISTED or len(found) + len(waiting) > _MOST_LISTED:
                return ()
            if node[0] == _START:
                found.append(text)
            for letters, earlier in self._before.get(node, []):
                for one in range(letters.bit_length()):
                    if letters >> one & 1:
                        waiting.append((earlier, _as_sent(1 << one) + text))
                        if len(waiting) > _MOST_LISTED:
                            return ()
        return tuple(sorted(found, key=lambda each: (len(each), each)))


def _as_sent(letters: int) -> str:
    return "?" if letters == QUERY else sent(letter(letters))


def _after(phase: int, block: int) -> int | None:
    """Return where a target stands after a letter; None for one that nginx would not get to see."""
    if phase == _QUERY:
        return _QUERY
    if phase == _START:
        return _SLASHED if block == _SLASH else None
    if block & _SLASH:
        return _SLASHED if phase == _WITHIN else None
    if block & QUERY:
        return _QUERY if phase in (_SLASHED, _WITHIN) else None
    if block & _DOT and phase in (_SLASHED, _DOTTED):
        return _DOTTED if phase == _SLASHED else _TWICE
    return _WITHIN
