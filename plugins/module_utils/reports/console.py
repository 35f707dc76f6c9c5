"""Renders a run for a terminal: the gates' verdicts and findings, culprits, and the table of hosts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from ..fleet.summarize import culprits_of
from ..record.summary import Culprit, RunSummary, emergency_text
from ..textfmt import count, cut, details, first_of, indented, listed, source, table
from .effects_summary import doing_text

if TYPE_CHECKING:
    from ..gating.examine import Examined
    from ..verdicts.model import Finding, Verdict

__all__ = ["culprits_text", "findings_text", "fleet_text", "gates_text", "mark_of", "verdict_table"]

_WIDEST = 110
_MOST_HOSTS = 5
_MARKS = {"pass": "pass", "fail": "FAIL", "inconclusive": "INCONCLUSIVE", "not run": "-"}


def verdict_table(verdicts: Sequence[Verdict]) -> str:
    """The table of one release's verdicts."""
    rows = [
        (verdict.gate, mark_of(verdict), f"{verdict.seconds:.1f} s", cut(verdict.summary, _WIDEST))
        for verdict in verdicts
    ]
    return table(("gate", "verdict", "time", "what it says"), rows)


def mark_of(verdict: Verdict) -> str:
    """Return the word for a verdict. Nobody takes what a person let pass for what passed."""
    accepted = any(finding.accepted for finding in verdict.findings)
    return "ACCEPTED" if accepted and verdict.result == "pass" else _MARKS[verdict.result]


def accepted_text(verdicts: Sequence[Verdict]) -> str:
    """Each finding that was let pass, with all that is known of it, by whom, and why."""
    found = [(verdict.gate, finding) for verdict in verdicts for finding in verdict.findings if finding.accepted]
    return "\n".join(_finding(gate, replace(finding, fix="")) for gate, finding in found)


def _finding(gate: str, finding: Finding) -> str:
    rows = [("at", finding.place), *details(asdict(finding))]
    return "\n".join([f"{gate}: {finding.what}", *(f"    {name:<9} {text}" for name, text in rows if text)])


def findings_text(verdicts: Sequence[Verdict]) -> str:
    """Each place that failed a gate: its first finding with all that is known, and the names of the others."""
    parts = []
    for verdict in verdicts:
        places: dict[str, list[Finding]] = {}
        for finding in verdict.findings:
            if not finding.warning:
                places.setdefault(finding.place or finding.what, []).append(finding)
        for first, *others in places.values():
            parts.append(_finding(verdict.gate, first))
            parts += [f"    as well   {cut(other.what, _WIDEST)}" for other in others]
    return "\n".join(parts)


def gates_text(examined: Sequence[Examined], *, tables: bool = True) -> str:
    """Return all releases of a run: their tables, what the change does, then what failed, and the culprits.

    Without ``tables`` the verdicts of a release are counted.
    """
    parts = []
    for each in examined:
        release = each.candidate.release
        hosts = listed(each.candidate.hosts, _MOST_HOSTS)
        platform = f", on {each.candidate.platform}" if each.candidate.platform else ""
        head = f"gates of release {release.id[:12] if release else '(none)'} for {hosts}{platform}"
        parts.append(f"{head}\n{verdict_table(each.verdicts)}" if tables else f"{head}: {_counted(each.verdicts)}")
        parts.append(doing_text([{"gate": verdict.gate, "evidence": verdict.evidence} for verdict in each.verdicts]))
        culprits = {"culprits": each.culprits.to_json() if each.culprits else None}
        parts.append(accepted_text(each.verdicts))
        parts += [findings_text(each.verdicts), culprits_text(culprits_of([culprits]))] if not each.passed else []
    return "\n\n".join(part for part in parts if part)


def _counted(verdicts: Sequence[Verdict]) -> str:
    """Return how many gates have said what."""
    marks = Counter(mark_of(verdict) for verdict in verdicts)
    return ", ".join(f"{number} {mark}" for mark, number in marks.items())


def culprits_text(culprits: Sequence[Culprit]) -> str:
    """Return who is the culprit of what a release fails for, with the lines as a diff; nothing where nobody has
    looked.
    """
    if not culprits:
        return ""
    first = culprits[0]
    tried = f"{count(first.edits, 'edit')}, {count(first.tried, 'trial')}, {first.seconds:.1f} s"
    return "\n".join([f"culprit ({tried})", *map(_culprit, culprits)])


def _culprit(culprit: Culprit) -> str:
    whats = [f"{gate}: {cut(what, _WIDEST)}" for gate, found in culprit.fails.items() for what in found]
    lines = [f"  {first_of(whats)}"] if whats else []
    lines += [f"    {remark}" for remark in culprit.remarks]
    for part in culprit.parts:
        lines.append(f"    {source(asdict(part))}")
        lines += [f"    - {line.strip()}" for line in part.old]
        lines += [f"    + {line.strip()}" for line in part.new]
    more = f"    and {count(culprit.more, 'more part')}; {count(culprit.edits, 'edit')} in all"
    return "\n".join([*lines, *([more] if culprit.more else [])])


def fleet_text(summary: RunSummary, emergency: Mapping[str, Any] | None) -> str:
    """Return what became of a run: a table of its hosts, what failed, warnings, and the outcome."""
    parts = [emergency_text(emergency)] if emergency else []
    rows = [(name, host.serves, host.done) for name, host in summary.hosts.items()]
    parts.append(table(("host", "serves", "what was done"), rows))
    faults = [
        line
        for each in summary.of_hosts()
        for line in (f"{each.host}: {each.phase}: {each.sentence}", *indented(each.diff))
    ]
    parts += ["\n".join(["what failed", *faults])] if faults else []
    warnings = [f"{listed(each.hosts, _MOST_HOSTS)}: {each.phase}: {each.text}" for each in summary.warnings]
    parts += ["\n".join(["warnings", *warnings])] if warnings else []
    return "\n\n".join([*parts, summary.outcome])
