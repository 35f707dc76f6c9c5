"""The verdicts as a person reads them: one table, and under it each finding with its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..blame.telling import blame_text

if TYPE_CHECKING:
    from .examine import Examined
    from .model import Finding, Verdict

__all__ = ["findings_text", "report", "table", "verdict_table"]

_WIDEST = 110
_MARKS = {"pass": "pass", "fail": "FAIL", "inconclusive": "INCONCLUSIVE", "not run": "-"}


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out rows in columns; the last column is not padded."""
    widths = [max(len(row[n]) for row in [heads, *rows]) for n in range(len(heads))]
    cells = ([cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in [heads, *rows])
    lines = ["  ".join(row).rstrip() for row in cells]
    return "\n".join(
        [lines[0], "  ".join("-" * width for width in widths[:-1]) + "  " + "-" * len(heads[-1]), *lines[1:]]
    )


def verdict_table(verdicts: Sequence[Verdict]) -> str:
    """The table of one release's verdicts."""
    rows = [
        (verdict.gate, _MARKS[verdict.result], f"{verdict.seconds:.1f} s", _cut(verdict.summary))
        for verdict in verdicts
    ]
    return table(("gate", "verdict", "time", "what it says"), rows)


def _cut(text: str) -> str:
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"


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
            parts += [f"    as well   {_cut(other.what)}" for other in others]
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
