"""What ``report.html`` shows, worked out of a record. Nothing here knows of HTML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ...fleet.ask import sentence
from ..model import RESULTS
from .blame import Guilty, read_blame
from .diffs import Change, read_changes
from .gates import Covered, Gate, covered, read_gate
from .moments import day, lasting, seconds
from .plots import Traffic, traffic
from .room import Room, cut
from .timeline import Timeline, timeline

__all__ = ["Fault", "Release", "Said", "View", "view"]

# Characters that the evidence may have altogether and in one piece, and lines of diffs: a page opens on a phone.
_EVIDENCE, _PIECE, _DIFF_LINES = 600_000, 12_000, 4_000
_MOST_WORDS, _MOST_FAULTS, _MOST_WHATS, _MOST_HOSTS = 60, 20, 4, 8
_LONG = 300
_REPORTS = {
    "postmortem.md": ("stopped", "rolled back", "broken"),
    "run.json": tuple(RESULTS),
    "journal.jsonl": tuple(RESULTS),
    "junit.xml": tuple(RESULTS),
    "findings.sarif": tuple(RESULTS),
}


class Release(NamedTuple):
    """A release of the run. ``passed`` is None where no gate was asked in it."""

    id: str
    live: str
    hosts: str
    passed: bool | None
    gates: list[Gate]
    changes: list[Change]
    files: list[Covered]
    blames: list[Guilty]
    invented: list[str]
    first: bool


class Fault(NamedTuple):
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
    facts: list[tuple[str, str]]
    links: list[str]
    faults: list[Fault]
    more_faults: int
    warnings: list[tuple[str, str]]
    releases: list[Release]
    timeline: Timeline | None
    hosts: list[tuple[str, str, str]]
    traffic: Traffic | None
    began: str
    version: str
    words: list[Said]
    more_words: int

    @property
    def blames(self) -> list[Guilty]:
        """Of all releases; what several have in common once."""
        return list({repr(blame): blame for release in self.releases for blame in release.blames}.values())


_TONES = {"stopped": "bad", "rolled back": "bad", "broken": "bad", "unchanged": "calm", "predicted": "calm"}


def view(record: Mapping[str, Any]) -> View:
    """Work out what the page shows of a record."""
    run, result, events = record["run"], str(record["result"]), record["events"]
    room = Room(_EVIDENCE, _PIECE)
    # Those that failed come first, and get the room.
    rows = sorted(record["releases"], key=lambda row: row.get("passed") is not False)
    releases = [_release(row, room, _DIFF_LINES // max(1, len(rows))) for row in rows]
    faults, words = _faults(record), _words(record)
    told = timeline(events, record["hosts"])
    return View(
        id=str(run["id"]),
        result=result,
        verdict=RESULTS[result][:1].upper() + RESULTS[result][1:],
        tone=_TONES.get(result, "good"),
        outcome=str(record["outcome"]),
        emergency=str((record.get("emergency") or {}).get("reason", "")),
        facts=_facts(record),
        links=[name for name, results in _REPORTS.items() if result in results],
        faults=faults[:_MOST_FAULTS],
        more_faults=max(0, len(faults) - _MOST_FAULTS),
        warnings=_warnings(events)[:_MOST_FAULTS],
        releases=releases,
        timeline=told,
        hosts=[] if told else [(host, row["serves"], row["done"]) for host, row in record["hosts"].items()],
        traffic=traffic(events),
        began=day(run["started"]),
        version=str(record["sluice"]),
        words=[Said(where, room.take(said)) for where, said in words[:_MOST_WORDS]],
        more_words=max(0, len(words) - _MOST_WORDS),
    )


def _facts(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    run = record["run"]
    begin, end = seconds(run["started"]), seconds(run["ended"])
    signed = {True: "signed", False: "not signed", None: ""}[record.get("signed")]
    facts = [
        ("Run", str(run["id"])),
        ("Started", day(run["started"])),
        ("Took", lasting(None if begin is None or end is None else end - begin)),
        ("By", f"{run['who']} on {run['host']}"),
        ("Hosts", str(len(record["hosts"])) if record["hosts"] else "none was touched"),
        ("Receipts", signed),
    ]
    return [(name, value) for name, value in facts if value]


def _release(row: Mapping[str, Any], room: Room, diff_lines: int) -> Release:
    return Release(
        id=str(row.get("release") or ""),
        live=str(row.get("live") or ""),
        hosts=_some([str(host) for host in row["hosts"]]),
        passed=row.get("passed"),
        gates=[read_gate(verdict, room) for verdict in row["verdicts"]],
        changes=read_changes(row["changes"], diff_lines),
        files=covered(row["verdicts"]),
        blames=read_blame(row.get("blame")),
        invented=[str(line) for line in row["invented"]],
        first=not row.get("live"),
    )


def _faults(record: Mapping[str, Any]) -> list[Fault]:
    found: dict[str, dict[str, None]] = {}
    for release in record["releases"]:
        for verdict in release["verdicts"]:
            if verdict["result"] in ("fail", "inconclusive"):
                real = [_finding(finding) for finding in verdict["findings"] if not finding.get("warning")]
                found.setdefault(f"gate {verdict['gate']}", {}).update(dict.fromkeys(real or [str(verdict["summary"])]))
    for event in record["events"]:
        if not event["good"]:
            where = f"{event['host']}, {event['phase']}" if event["host"] else f"the run, {event['phase']}"
            problems = [sentence(problem) for problem in event["answer"].get("problems") or []]
            if problems:
                found.setdefault(where, {}).update(dict.fromkeys(problems))
    return [
        Fault(where, [cut(what, _LONG) for what in list(whats)[:_MOST_WHATS]], max(0, len(whats) - _MOST_WHATS))
        for where, whats in found.items()
    ]


def _finding(finding: Mapping[str, Any]) -> str:
    place = str(finding.get("file") or "") + (f":{finding['line']}" if finding.get("line") else "")
    return f"{place}: {finding['what']}" if place else str(finding["what"])


def _warnings(events: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    hosts: dict[str, dict[str, None]] = {}
    for event in events:
        for line in (event["answer"].get("warnings") or []) if event["host"] else ():
            hosts.setdefault(str(line), {})[event["host"]] = None
    return [(_some(list(names)), line) for line, names in hosts.items()]


def _words(record: Mapping[str, Any]) -> list[Said]:
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
    for event in record["events"]:
        for problem in event["answer"].get("problems") or []:
            found.setdefault(str(problem.get("nginx") or "").strip(), f"{event['host']}, {event['phase']}")
    return [Said(where, words) for words, where in found.items() if words]


def _some(names: Sequence[str]) -> str:
    more = len(names) - _MOST_HOSTS
    return ", ".join(names[:_MOST_HOSTS]) + (f" and {more} more" if more > 0 else "")
