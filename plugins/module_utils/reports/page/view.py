"""What ``report.html`` shows, worked out of a record. Nothing here knows of HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from ...record.model import RESULTS
from ...record.summary import RunFailure, RunSummary, Warned, accepted_texts
from ...textfmt import cut, date_time, duration, listed, place
from ..effects_summary import Doing, doing
from .culprits import ShownCulprit, show_culprits
from .diffs import FileDiff, read_changes
from .gates import Covered, GateView, covered, read_gate
from .plots import TrafficPlots, traffic
from .timeline import Timeline, timeline
from .truncation import Room

__all__ = ["FailureView", "ReleaseView", "Said", "View", "view"]

# Characters that the evidence may have altogether and in one piece, and lines of diffs: a page opens on a phone.
_EVIDENCE, _PIECE, _DIFF_LINES = 600_000, 12_000, 4_000
_MOST_WORDS, _MOST_FAULTS, _MOST_WHATS = 60, 20, 4
_LONG = 300
_REPORTS = {
    "postmortem.md": ("stopped", "rolled back", "broken"),
    "run.json": tuple(RESULTS),
    "journal.jsonl": tuple(RESULTS),
    "junit.xml": tuple(RESULTS),
    "findings.sarif": tuple(RESULTS),
}


class ReleaseView(NamedTuple):
    """A release of the run. ``passed`` is None where no gate was asked in it."""

    id: str
    live: str
    hosts: str
    passed: bool | None
    gates: list[GateView]
    changes: list[FileDiff]
    files: list[Covered]
    synthesized: list[str]
    doing: Doing
    first: bool


class FailureView(NamedTuple):
    """What went wrong at one place: a gate, or a host and what it was asked. ``more`` are not shown here."""

    where: str
    whats: list[str]
    more: int


class Said(NamedTuple):
    """Words of nginx's own, and where they were heard."""

    where: str
    words: str


class View(NamedTuple):
    """The page. ``tone`` is good, bad or calm."""

    id: str
    result: str
    verdict: str
    tone: str
    outcome: str
    emergency: str
    accepted: list[str]
    offer: str
    facts: list[tuple[str, str]]
    links: list[str]
    faults: list[FailureView]
    more_faults: int
    warnings: list[tuple[str, str]]
    releases: list[ReleaseView]
    timeline: Timeline | None
    hosts: list[tuple[str, str, str]]
    traffic: TrafficPlots | None
    began: str
    version: str
    words: list[Said]
    more_words: int
    culprits: list[ShownCulprit]


_TONES = {"stopped": "bad", "rolled back": "bad", "broken": "bad", "unchanged": "calm", "predicted": "calm"}


def view(record: Mapping[str, Any]) -> View:
    """Work out what the page shows of a record."""
    run, result, events = record["run"], str(record["result"]), record["events"]
    room = Room(_EVIDENCE, _PIECE)
    # Those that failed come first, and get the room.
    rows = sorted(record["releases"], key=lambda row: row.get("passed") is not False)
    releases = [_release(row, room, _DIFF_LINES // max(1, len(rows))) for row in rows]
    summary = RunSummary.of(record)
    faults, words = _faults(summary.failures), _nginx(record, summary.failures)
    told = timeline(events, summary.hosts)
    return View(
        id=str(run["id"]),
        result=result,
        verdict=RESULTS[result][:1].upper() + RESULTS[result][1:],
        tone=_TONES.get(result, "good"),
        outcome=str(record["outcome"]),
        accepted=accepted_texts(record["releases"])[:_MOST_FAULTS],
        offer=str(record.get("offer") or ""),
        emergency=str((record.get("emergency") or {}).get("reason", "")),
        facts=_facts(record),
        links=[name for name, results in _REPORTS.items() if result in results],
        faults=faults[:_MOST_FAULTS],
        more_faults=max(0, len(faults) - _MOST_FAULTS),
        warnings=_warnings(summary.warnings)[:_MOST_FAULTS],
        releases=releases,
        timeline=told,
        hosts=[] if told else [(host, row.serves, row.done) for host, row in summary.hosts.items()],
        traffic=traffic(events),
        began=date_time(run["started"]),
        version=str(record["sluice"]),
        words=[Said(where, room.take(said)) for where, said in words[:_MOST_WORDS]],
        more_words=max(0, len(words) - _MOST_WORDS),
        culprits=show_culprits(summary.culprits),
    )


def _facts(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    run = record["run"]
    signed = {True: "signed", False: "not signed", None: ""}[record.get("signed")]
    facts = [
        ("Run", str(run["id"])),
        ("Started", date_time(run["started"])),
        ("Took", duration(run["started"], run["ended"])),
        ("By", f"{run['who']} on {run['host']}"),
        ("Hosts", str(len(record["hosts"])) if record["hosts"] else "none was touched"),
        ("Receipts", signed),
    ]
    return [(name, value) for name, value in facts if value]


def _release(row: Mapping[str, Any], room: Room, diff_lines: int) -> ReleaseView:
    return ReleaseView(
        id=str(row.get("release") or ""),
        live=str(row.get("live") or ""),
        hosts=listed([str(host) for host in row["hosts"]]),
        passed=row.get("passed"),
        gates=[read_gate(verdict, room) for verdict in row["verdicts"]],
        changes=read_changes(row["changes"], diff_lines),
        files=covered(row["verdicts"]),
        synthesized=[str(line) for line in row["synthesized"]],
        doing=doing(row["verdicts"]),
        first=not row.get("live"),
    )


def _faults(failures: Sequence[RunFailure]) -> list[FailureView]:
    found: dict[str, dict[str, None]] = {}
    for each in failures:
        what = ": ".join(filter(None, (place(asdict(each)), each.what))) if each.gate else each.sentence
        found.setdefault(each.where, {})[what] = None
    return [
        FailureView(where, [cut(what, _LONG) for what in list(whats)[:_MOST_WHATS]], max(0, len(whats) - _MOST_WHATS))
        for where, whats in found.items()
    ]


def _warnings(warnings: Sequence[Warned]) -> list[tuple[str, str]]:
    hosts: dict[str, dict[str, None]] = {}
    for each in warnings:
        hosts.setdefault(each.text, {}).update(dict.fromkeys(each.hosts))
    return [(listed(list(names)), text) for text, names in hosts.items()]


def _nginx(record: Mapping[str, Any], failures: Sequence[RunFailure]) -> list[Said]:
    """What nginx itself said, each once: to the gates, and on the hosts."""
    found: dict[str, str] = {}
    for release in record["releases"]:
        for verdict in release["verdicts"]:
            said = [finding.get("nginx") for finding in verdict["findings"]]
            if verdict["gate"] in ("syntax", "start", "reload"):
                said.append(verdict["evidence"].get("output") or verdict["evidence"].get("words"))
            said += verdict["evidence"].get("errors") or []
            for words in said:
                found.setdefault(str(words or "").strip(), f"staging, gate {verdict['gate']}")
    for each in failures:
        found.setdefault(each.nginx.strip(), each.where)
    return [Said(where, words) for words, where in found.items() if words]
