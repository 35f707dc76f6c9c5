"""The verdicts as a person reads them: one table, and under it each finding with its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..blame.telling import blame_text
from ..textfmt import cut, table

if TYPE_CHECKING:
    from ..gating.examine import Examined
    from ..verdicts.model import Finding, Verdict

__all__ = ["findings_text", "report", "verdict_table"]

_WIDEST = 110
_MARKS = {"pass": "pass", "fail": "FAIL", "inconclusive": "INCONCLUSIVE", "not run": "-"}


def verdict_table(verdicts: Sequence[Verdict]) -> str:
    """The table of one release's verdicts."""
    rows = [
        (verdict.gate, _MARKS[verdict.result], f"{verdict.seconds:.1f} s", cut(verdict.summary, _WIDEST))
        for verdict in verdicts
    ]
    return table(("gate", "verdict", "time", "what it says"), rows)


def _finding(gate: str, finding: Finding) -> str:
    lines = [f"{gate}: {finding.what}"]
    lines += [f"    at        {finding.place}"] if finding.place else []
    lines += [f"    check     {finding.check}"] if finding.check else []
    lines += [f"    expected  {finding.expected}"] if finding.expected else []
    lines += [f"    seen      {finding.seen}"] if finding.seen else []
    lines += [f"    nginx     {finding.nginx}"] if finding.nginx else []
    lines += [f"    mend      {finding.mend}"] if finding.mend else []
    return "\n".join(lines)


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


def report(examined: Sequence[Examined]) -> str:
    """All releases of a run: their tables, then what failed."""
    parts = []
    for each in examined:
        release = each.candidate.release
        hosts = ", ".join(each.candidate.hosts[:5]) + (
            f" and {len(each.candidate.hosts) - 5} more" if len(each.candidate.hosts) > 5 else ""
        )
        parts.append(
            f"gates of release {release.id[:12] if release else '(none)'} for {hosts}\n{verdict_table(each.verdicts)}"
        )
        parts += [findings_text(each.verdicts), blame_text(each.blame)] if not each.passed else []
    return "\n\n".join(part for part in parts if part)
