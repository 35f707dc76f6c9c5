"""Which findings a person may let pass, and what becomes of a verdict where one did. Pure."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..lint.catalogue import find_rules
from ..redactor.redactor import Redactor
from ..textfmt import count, first_of
from ..verdicts.model import Finding, Verdict
from .file import NAME
from .model import GATES, NOTHING, AcceptedChange, FindingKey, covered, key_of

__all__ = ["Accepted", "judged", "notes", "refusal"]

_RULE = re.compile(r"\[([\w-]+)\]$")


@functools.cache
def _not_by_tree() -> frozenset[str]:
    """The rules that no tree may accept: they are about who may run code, read files or reach machines."""
    return frozenset(rule.name for rule in find_rules().values() if not rule.accepted_by_tree)


def refusal(gate: str, finding: Mapping[str, Any] | None, *, derived: bool = False) -> str:
    """Return why nobody may let a finding pass, and what to do; empty where a person may.

    ``finding`` is plain data, None for a gate that failed without one. ``derived`` says that the gate had no contract.
    """
    if gate not in GATES:
        return f"nothing that the gate {gate} finds can be accepted; correct what it found"
    if finding is None:
        return f"the gate {gate} examined nothing, and that is no opinion; correct what its summary says"
    if gate == "smoke" and (not derived or finding.get("check")):
        return "a check of the contract does not hold; correct the configuration, or change the check"
    if gate == "smoke" and not finding.get("expected"):
        return "no derived check was answered at all; correct the configuration"
    if gate == "lint":
        rule = _RULE.search(str(finding["what"]))
        if rule is None:
            return "it is about a comment of the tree; correct the comment"
        if rule[1] in _not_by_tree():
            return f"no word beside the inventory accepts it; where it is meant, set gates_lint_accept: [{rule[1]}]"
    return ""


@dataclass(frozen=True)
class Accepted:
    """The entries of the file, by the name that people know it by, and the door that their texts have passed."""

    changes: tuple[AcceptedChange, ...] = ()
    shown: str = NAME
    door: Redactor = field(default_factory=Redactor)

    def of(self, live: str | None, candidate: str | None) -> Callable[[Verdict], Verdict]:
        """Return what judges the verdicts about one release."""
        mine = covered(self.changes, live or NOTHING, candidate) if candidate else {}
        return lambda verdict: judged(verdict, mine, self.door, self.shown)


def judged(verdict: Verdict, mine: Mapping[FindingKey, AcceptedChange], door: Redactor, shown: str) -> Verdict:
    """Return a verdict in which what ``mine`` covers is a warning; one that has no other fault passes.

    The words of ``mine`` have passed the ``door``, and so must those of the verdict before they are compared.
    """
    if verdict.result != "fail" or not mine or verdict.gate not in GATES:
        return verdict
    derived = verdict.evidence.get("derived") is True
    used: dict[str, dict[str, Any]] = {}
    findings = []
    for finding in verdict.findings:
        change = None if finding.warning else mine.get(_key(verdict.gate, finding, door))
        if change is None or refusal(verdict.gate, vars(finding), derived=derived):
            findings.append(finding)
            continue
        findings.append(replace(finding, warning=True, accepted=f"by {change.by}"))
        row = {"run": change.run, "who": change.who, "when": change.when, "reason": change.reason, "findings": 0}
        used.setdefault(change.source, row)["findings"] += 1
    if not used:
        return verdict
    faults = [finding.what for finding in findings if not finding.warning]
    evidence = {**verdict.evidence, "accepted": {"file": shown, "entries": list(used.values())}}
    whole = replace(verdict, findings=findings, evidence=evidence)
    if faults:
        return replace(whole, summary=first_of(faults))
    words = [f"by {each['who']}: {each['reason']} ({count(each['findings'], 'finding')})" for each in used.values()]
    return replace(whole, result="pass", summary=f"accepted {'; '.join(words)}")


def _key(gate: str, finding: Finding, door: Redactor) -> FindingKey:
    shown = door.data(finding)
    return key_of(gate, shown.file, shown.what, shown.expected, shown.actual)


def notes(accepted: Accepted, pairs: Iterable[tuple[str | None, str | None]]) -> list[str]:
    """Return what is to be said of entries that count for none of the releases of a run, given as (live, candidate).

    An entry whose candidate is live is spent. Of entries for other changes only those are told that are near.
    """
    there = {(live or NOTHING, candidate or "") for live, candidate in pairs}
    lives, candidates = {live for live, _ in there}, {candidate for _, candidate in there}
    told = []
    for change in accepted.changes:
        entry = f"{accepted.shown}: the entry of run {change.run} ({change.who})"
        names = [f"{live[:12]} to {candidate[:12]}" for live, candidate in change.pairs]
        is_near = change.candidates & candidates or {each.live for each in change.changes} & lives - {NOTHING}
        if change.candidates <= lives:
            told.append(f"{entry} is spent: what it accepted, from {first_of(names)}, is live; delete it")
        elif is_near and there.isdisjoint(change.pairs):
            words = "alone, which is not this one; accept this one anew, or delete it"
            told.append(f"{entry} counts for the change from {first_of(names)} {words}")
    return told
