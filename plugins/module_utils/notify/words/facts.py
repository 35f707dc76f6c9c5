"""What a message about a run may say, gathered from its journal alone. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...door.door import Door
from ...fleet.ask import sentence
from ...fleet.decide import Story, stories
from ...fleet.record import Event, Run
from ...fleet.report import conclude, emergency_words, short
from ...record.model import Result

__all__ = ["Facts", "facts_of", "is_drift"]

_SITE = re.compile(r"https?://([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)")
_CHECK = re.compile(r"the check (?:'([^']+)'|\"([^\"]+)\") does not hold")


@dataclass(frozen=True)
class Facts:
    """A run, as far as it has come.

    ``hosts`` has for each host what it ``serves`` and what was ``done``; ``examined`` tells whether there were gates,
    and ``gates`` what each of them said that did not pass; ``faults`` are of hosts, a sentence each; ``since`` is when
    the first thing went wrong, and ``served`` from when until when a release that went back was served (ISO-8601 in
    UTC, all of them).
    """

    run: Run
    result: Result
    outcome: str
    hosts: Mapping[str, Mapping[str, str]]
    releases: tuple[str, ...]
    examined: bool
    gates: tuple[str, ...]
    places: tuple[str, ...]
    blame: tuple[str, ...]
    checks: tuple[str, ...]
    sites: tuple[str, ...]
    faults: tuple[str, ...]
    failed: tuple[str, ...]
    drifted: Mapping[str, str]
    changing: tuple[str, ...]
    switched: tuple[str, ...]
    astray: tuple[str, ...]
    since: str
    ended: str
    served: tuple[str, str] | None
    emergency: str


def facts_of(run: Run, events: Sequence[Event]) -> Facts:
    """Gather them."""
    events = [replace(event, answer=Door().data(event.answer)) for event in events]
    concluded = conclude(events, check_mode=False)
    by_host = stories(events)
    gates = next((event.answer for event in reversed(events) if event.phase == "gate"), {})
    examined: list[Mapping[str, Any]] = gates.get("releases") or []
    bad = [event for event in events if not event.good]
    problems = [problem for event in bad for problem in event.answer.get("problems", [])]
    findings = [finding for verdict in _refused(examined) for finding in _grave(verdict)]
    texts = [str(part.get(name) or "") for part in (*findings, *problems) for name in ("what", "expected", "seen")]
    wanted = [each.get("release") for each in examined]
    wanted += [story.said("preflight", "release") for story in by_host.values()]
    return Facts(
        run=run,
        result=concluded.result if by_host else "stopped" if bad else "passed",
        outcome=concluded.outcome,
        hosts={host: {key: str(value) for key, value in row.items()} for host, row in concluded.hosts.items()}
        or {host: {"serves": short(each.get("live")), "done": ""} for each in examined for host in each["hosts"]},
        releases=_once(short(each) for each in wanted if each),
        examined=bool(examined),
        gates=_once(f"{verdict['gate']}: {verdict['summary']}" for verdict in _refused(examined)),
        places=_once(_place(finding) for finding in findings if finding.get("file")),
        blame=tuple(line for each in examined for line in _blame(each.get("blame"))),
        checks=_once([*(str(each.get("check") or "") for each in findings), *_named(texts)]),
        sites=_once(name for text in texts for name in _SITE.findall(text)),
        faults=_faults(bad),
        failed=_once(_failure(event) for event in bad),
        drifted={
            event.host: str(problem.get("seen") or "")
            for event in bad
            for problem in event.answer.get("problems", [])
            if is_drift(problem)
        },
        changing=tuple(sorted(host for host, story in by_host.items() if story.needs_change)),
        switched=tuple(sorted(host for host, story in by_host.items() if story.touched)),
        astray=tuple(host for host, row in concluded.hosts.items() if row["serves"] == "?" and by_host[host].touched),
        since=bad[0].at if bad else run.started,
        ended=events[-1].at if events else run.started,
        served=_served(events, by_host),
        emergency=emergency_words(gates["emergency"]) if gates.get("emergency") else "",
    )


def is_drift(problem: Mapping[str, Any]) -> bool:
    """Whether a host's problem is that its live tree is no longer its release."""
    return str(problem.get("what", "")).endswith("(drift)")


def _faults(bad: Iterable[Event]) -> tuple[str, ...]:
    """Each problem of a host once, with the phase in which it was seen first."""
    found: dict[tuple[str, str], str] = {}
    for event in bad:
        for problem in event.answer.get("problems", []):
            words = sentence(problem)
            found.setdefault((event.host, words), f"{event.host}: {event.phase}: {words}" if event.host else words)
    return tuple(found.values())


def _failure(event: Event) -> str:
    if event.host:
        return f"{event.host} failed in {event.phase}"
    return "the gates could not be asked" if event.answer.get("problems") else ""


def _refused(examined: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The verdicts that are to be read: those that did not pass, without those that were not even run."""
    return [each for one in examined for each in one["verdicts"] if each["result"] in ("fail", "inconclusive")]


def _grave(verdict: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [finding for finding in verdict.get("findings") or () if not finding.get("warning")]


def _place(finding: Mapping[str, Any]) -> str:
    place = f"{finding['file']}:{finding['line']}" if finding.get("line") else str(finding["file"])
    return f"{place} ({finding['origin']})" if finding.get("origin") else place


def _named(texts: Iterable[str]) -> list[str]:
    return [single or double for text in texts for single, double in _CHECK.findall(text)]


def _blame(blame: Mapping[str, Any] | None) -> list[str]:
    """The guilty lines: for each part its place, what it was, and what it is; and what kept the search from its end."""
    lines = []
    for part in (blame or {}).get("parts") or ():
        made = ", ".join(str(part[name]) for name in ("origin", "variable") if part.get(name))
        where = f"{part['file']}:{part['line']}" if part.get("line") else str(part["file"])
        lines.append(f"{where} ({made})" if made else where)
        lines += [f"  - {str(line).strip()}" for line in part.get("old") or ()]
        lines += [f"  + {str(line).strip()}" for line in part.get("new") or ()]
    return [*lines, *([str(blame["note"])] if blame and blame.get("note") else [])]


def _served(events: Sequence[Event], by_host: Mapping[str, Story]) -> tuple[str, str] | None:
    """From when until when anybody may have been served by a release that went back, where that was so."""
    if not any(story.switched or story.said("activate", "reverted") for story in by_host.values()):
        return None
    asked = [event for event in events if event.phase == "activate"]
    return min(str(event.answer.get("asked") or event.at) for event in asked), events[-1].at


def _once(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value))
