"""What the gates said of a release, laid out for the page: a row for each, its findings, and its evidence."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ...textfmt import count, cut
from .truncation import Room

__all__ = ["CheckRow", "Covered", "GateView", "Text", "covered", "read_gate"]

_MARKS = {"pass": "passed", "fail": "failed", "inconclusive": "inconclusive", "not run": "not run"}
_MOST_FINDINGS = 25
_MOST_CHECKS = 300
_LONG = 300
_SECTIONS = {"coverage": ("files",), "behaviour": ("effects",)}


class Text(NamedTuple):
    """A piece of evidence as it is."""

    title: str
    text: str


class CheckRow(NamedTuple):
    """A check of the contract, and how it went; ``words`` are what was wrong."""

    name: str
    request: str
    status: str
    ms: str
    good: bool
    words: str


class GateView(NamedTuple):
    """``result`` is passed, accepted, failed, inconclusive or not run; ``more`` says what of findings and checks is
    left out.
    """

    name: str
    result: str
    seconds: str
    summary: str
    findings: list[Mapping[str, Any]]
    checks: list[CheckRow]
    texts: list[Text]
    more: str


class Covered(NamedTuple):
    """A file: how many of its locations the contract reaches, and what it does not reach."""

    file: str
    reached: int
    of: int
    missed: list[str]

    @property
    def percent(self) -> int:
        """The share that is reached; a file without locations is reached."""
        return 100 if not self.of else 100 * self.reached // self.of


def read_gate(verdict: Mapping[str, Any], room: Room) -> GateView:
    """Lay out a verdict; what it brings is cut to the ``room`` that is left."""
    evidence = verdict["evidence"]
    # Those that fail come first, then those that a person let pass.
    findings = sorted(verdict["findings"], key=lambda each: (bool(each.get("warning")), not each.get("accepted")))
    most = max(_MOST_FINDINGS, sum(bool(each.get("accepted")) for each in findings))
    outcomes = [row for row in evidence.get("outcomes") or [] if isinstance(row, dict)]
    outcomes.sort(key=lambda row: bool(row.get("ok")))
    more = [
        f"{count(len(rows) - shown, f'more {noun}')} in run.json"
        for rows, shown, noun in ((findings, most, "finding"), (outcomes, _MOST_CHECKS, "check"))
        if len(rows) > shown
    ]
    return GateView(
        str(verdict["gate"]),
        _result(verdict),
        f"{float(verdict.get('seconds') or 0):.1f} s",
        room.take(str(verdict["summary"])),
        [
            {name: room.take(str(value)) if isinstance(value, str) else value for name, value in finding.items()}
            for finding in findings[:most]
        ],
        [_asked(row) for row in outcomes[:_MOST_CHECKS]],
        [
            Text(name.replace("_", " "), room.take(_plain(value)))
            for name, value in evidence.items()
            # The first has a table of its own, the others a section.
            if name not in ("outcomes", *_SECTIONS.get(str(verdict["gate"]), ())) and value not in ("", [], {})
        ],
        "; ".join(more),
    )


def _result(verdict: Mapping[str, Any]) -> str:
    if verdict["result"] == "pass" and any(finding.get("accepted") for finding in verdict["findings"]):
        return "accepted"
    return _MARKS.get(str(verdict["result"]), str(verdict["result"]))


def _asked(row: Mapping[str, Any]) -> CheckRow:
    chain = row.get("chain") or []
    problems = [
        str(problem.get("what", problem)) if isinstance(problem, dict) else str(problem) for problem in _some(row)
    ]
    problems += [f"redirected: {' → '.join(map(str, chain))}"] if len(chain) > 1 else []
    ms = row.get("ms")
    return CheckRow(
        str(row.get("name", "")),
        str(row.get("request", "")),
        str(row.get("status", "")),
        f"{float(ms):.0f} ms" if isinstance(ms, int | float) else "",
        bool(row.get("ok")),
        cut("; ".join(problems), _LONG),
    )


def _some(row: Mapping[str, Any]) -> Sequence[Any]:
    problems = row.get("problems") or []
    return problems if isinstance(problems, list) else [problems]


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, indent=1, ensure_ascii=False, default=str)


def covered(verdicts: Sequence[Mapping[str, Any]]) -> list[Covered]:
    """Read the evidence of the gate coverage, the file that is reached least first."""
    evidence: Mapping[str, Any] = next(
        (verdict["evidence"] for verdict in verdicts if verdict["gate"] == "coverage"), {}
    )
    files = evidence.get("files")
    rows = []
    for file, blocks in files.items() if isinstance(files, dict) else ():
        known = [block for block in blocks if isinstance(block, dict)]
        locations = [block for block in known if block.get("kind") != "server"]
        missed = [f"{_lines(block)} {block.get('words', '')}" for block in known if not block.get("hits")]
        rows.append(Covered(file, sum(bool(block.get("hits")) for block in locations), len(locations), missed))
    return sorted((row for row in rows if row.of or row.missed), key=lambda row: (row.percent, row.file))


def _lines(block: Mapping[str, Any]) -> str:
    begin, end = block.get("line"), block.get("end_line")
    return f"line {begin}" if begin == end else f"lines {begin}-{end}"
