"""The search for the culprit: for each thing that fails, the smallest part of the change that makes it fail."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from ..textfmt import first_of
from ..verdicts.model import Verdict
from .change import ChangePart, TreeChange
from .failures import GateFailure, failures
from .smallest import smallest

__all__ = ["CulpritGroup", "Examination", "OutOfTime", "Search", "Told"]

Told = frozenset[str]
"""In which respects a gate fails."""

# A failure that comes of ever another part of the change is told by the first ones.
_MOST_SETS = 4


class OutOfTime(Exception):
    """The time for the search is over."""


class Examination(Protocol):
    """Where the search asks what fails."""

    def at_once(self, gate: str) -> int:
        """How many sets of edits are tried side by side for a gate."""

    def ask(self, gate: str, sets: Sequence[frozenset[int]]) -> list[Told]:
        """What fails the gate with each set of edits taken over. Raises ``OutOfTime``."""


@dataclass
class CulpritGroup:
    """Edits that are the culprits together, and what they make fail, by gates."""

    edits: frozenset[int]
    fails: dict[str, list[GateFailure]] = field(default_factory=dict)
    fixes: bool | None = None
    sure: bool = True

    def add(self, gate: str, failure: GateFailure) -> None:
        """Say that they make this fail as well."""
        told = self.fails.setdefault(gate, [])
        told += [failure] if failure not in told else []


class Search:
    """Goes through gates that failed. ``found`` and ``notes`` are what is known so far, whenever it ends."""

    def __init__(self, change: TreeChange, asked: Examination) -> None:
        self.found: list[CulpritGroup] = []
        self.notes: list[str] = []
        self._change = change
        self._asked = asked
        self._smallest_so_far: frozenset[int] = change.all

    def gate(self, verdict: Verdict) -> None:
        """Find who is the culprit of what a gate found. Raises ``OutOfTime``; what it has found until then is kept."""
        gate, wanted = verdict.gate, failures(verdict)
        before, after = self._asked.ask(gate, [frozenset(), self._change.all])
        lost = [each for each in wanted if not each.respects & after]
        self._note(gate, lost, "does not fail so when it is asked again")
        new = after - before
        old = [each for each in wanted if each not in lost and not each.respects & new]
        self._note(gate, old, "fails with the live release as well")
        left = [replace(each, respects=each.respects & new) for each in wanted if each.respects & new]
        while left:
            failure = left.pop(0)
            for each in self._culprit_of(gate, failure):
                told = self._asked.ask(gate, [each.edits])[0]
                for other in [other for other in left if other.respects & told]:
                    each.add(gate, other)
                    left.remove(other)

    def _note(self, gate: str, failed: Sequence[GateFailure], words: str) -> None:
        if failed:
            whats = first_of([each.finding.what for each in failed])
            self.notes.append(f"{gate}: {whats}: it {words}")

    def _culprit_of(self, gate: str, failure: GateFailure) -> list[CulpritGroup]:
        """Find the sets of edits that make this fail, and put them with those that are known."""
        for known in self.found:
            if self._fails(gate, failure, [known.edits])[0]:
                known.fixes = known.fixes and self._heals(gate, failure, known.edits)
                known.add(gate, failure)
                return [known]
        self._smallest_so_far = self._change.all
        try:
            return self._keep(gate, failure, self._sets(gate, failure))
        except OutOfTime:
            self._keep(gate, failure, [CulpritGroup(self._smallest_so_far, sure=False)])
            raise

    def _keep(self, gate: str, failure: GateFailure, sets: list[CulpritGroup]) -> list[CulpritGroup]:
        for each in sets:
            each.add(gate, failure)
        self.found += sets
        return sets

    def _sets(self, gate: str, failure: GateFailure) -> list[CulpritGroup]:
        """Where what is left of the change fails without the first set as well, it is searched too.

        A half of what belongs together may fail as the whole does, and not be the cause. So where undoing one set
        fixes, it is that one.
        """
        rest, sets = list(self._change.parts), list[tuple[list[ChangePart], bool]]()
        while rest and len(sets) < _MOST_SETS:
            one = self._smallest(gate, failure, rest, self._guesses(failure, rest))
            fixes = self._heals(gate, failure, _union(one))
            sets.append((one, fixes))
            taken = _union(one)
            rest = [part for part in rest if not part.edits & taken]
            if fixes or not rest or not self._fails(gate, failure, [_union(rest)])[0]:
                break
        healing = [each for each in sets if each[1]][:1]
        return [CulpritGroup(self._refined(gate, failure, one), fixes=fixes) for one, fixes in healing or sets]

    def _heals(self, gate: str, failure: GateFailure, edits: frozenset[int]) -> bool:
        return not self._fails(gate, failure, [self._change.all - edits])[0]

    def _refined(self, gate: str, failure: GateFailure, parts: list[ChangePart]) -> frozenset[int]:
        """Split parts as far as they can be, as long as what is left out does not matter."""
        while any(part.finer for part in parts):
            finer = [each for part in parts for each in part.finer or (part,)]
            parts = self._smallest(gate, failure, finer, self._guesses(failure, finer))
        return _union(parts)

    def _smallest(
        self, gate: str, failure: GateFailure, parts: Sequence[ChangePart], guesses: Sequence[Sequence[ChangePart]]
    ) -> list[ChangePart]:
        def fails(lists: Sequence[Sequence[ChangePart]]) -> list[bool]:
            return self._fails(gate, failure, [_union(each) for each in lists])

        return smallest(parts, fails, at_once=self._asked.at_once(gate), guesses=guesses)

    def _guesses(self, failure: GateFailure, parts: Sequence[ChangePart]) -> list[list[ChangePart]]:
        """The part that the finding itself names, and parts that are known to be the culprit of something else."""
        number = self._change.at(failure.finding.file, failure.finding.line)
        wanted = [frozenset({number})] if number is not None else []
        wanted += [known.edits for known in self.found]
        guesses = [[part for part in parts if part.edits & edits] for edits in wanted]
        return [guess for guess in guesses if 0 < len(guess) < len(parts)]

    def _fails(self, gate: str, failure: GateFailure, sets: Sequence[frozenset[int]]) -> list[bool]:
        failing = [bool(failure.respects & told) for told in self._asked.ask(gate, sets)]
        for edits, bad in zip(sets, failing, strict=True):
            if bad and len(edits) < len(self._smallest_so_far):
                self._smallest_so_far = edits
        return failing


def _union(parts: Iterable[ChangePart]) -> frozenset[int]:
    return frozenset().union(*(part.edits for part in parts))
