"""What the gates say of releases with fixes, held against what they said without."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..textfmt import place
from .mechanical import rule_of

__all__ = ["FoundFault", "Judged", "fixable", "judge"]

_Row = Mapping[str, Any]


class FoundFault(NamedTuple):
    """A finding that fails a gate: by its gate, and by what is wrong where, without a line, which a fix may move."""

    gate: str
    what: str
    file: str


class Judged(NamedTuple):
    """``healed`` are gone, ``caused`` are new at gates that were asked before, and ``left`` is for a person."""

    healed: frozenset[FoundFault]
    caused: frozenset[FoundFault]
    left: tuple[str, ...]


def fixable(verdicts: Iterable[_Row]) -> Iterator[tuple[FoundFault, _Row]]:
    """Yield the findings that fail and have a fix, in a record or of a gate."""
    for gate, finding in _faults(verdicts):
        if finding.get("edits"):
            yield _fault(gate, finding), finding


def _faults(verdicts: Iterable[_Row]) -> Iterator[tuple[str, _Row]]:
    for verdict in verdicts:
        if verdict["result"] == "fail":
            for finding in verdict["findings"]:
                if not finding.get("warning"):
                    yield str(verdict["gate"]), finding


def _fault(gate: str, finding: _Row) -> FoundFault:
    # The rest of what a rule says may count, or name lines.
    what = str(finding["what"])
    return FoundFault(gate, rule_of(what) or what, str(finding.get("file") or ""))


def judge(before: Sequence[_Row], after: Sequence[_Row]) -> Judged:
    """Hold verdicts against each other. What a gate finds that was not run before was there before."""
    were = {_fault(gate, finding) for gate, finding in _faults(before)}
    are = {_fault(gate, finding) for gate, finding in _faults(after)}
    asked = {str(verdict["gate"]) for verdict in before if verdict["result"] in ("pass", "fail")}
    caused = {each for each in are - were if each.gate in asked}
    broken = {
        FoundFault(str(verdict["gate"]), str(verdict["summary"]), "")
        for verdict in after
        if verdict["result"] in ("inconclusive", "not run") and verdict["gate"] in asked
    }
    left = [
        f"{gate}: {f'{place(finding)}: ' if place(finding) else ''}{finding['what']}"
        for gate, finding in _faults(after)
    ]
    left += [f"{each.gate}: {each.what}" for each in sorted(broken)]
    return Judged(frozenset(were - are), frozenset(caused | broken), tuple(dict.fromkeys(left)))
