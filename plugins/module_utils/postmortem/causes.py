"""Why it happened, as far as it is recorded: the guilty lines, what gates and hosts found, and the change itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..fleet.ask import sentence
from ..words import count
from .markdown import block, code, fact, plain, to_add
from .page import bounded
from .timeline import event_source, short
from .trials import bad_events

__all__ = ["cause_in_a_line", "causes"]

_MOST = 10
_MOST_CHANGES, _MOST_RELEASES = 5, 3


def cause_in_a_line(record: Mapping[str, Any]) -> tuple[str, str]:
    """The first thing that is known of the cause, and where that stands, both in Markdown."""
    for number, _, blame in _blamed(record):
        part = blame["parts"][0]
        old, new = part.get("old") or [], part.get("new") or []
        turned = f", {code(new[0])} in the place of {code(old[0])}" if len(old) == len(new) == 1 else ""
        more = f" and {count(len(blame['parts']) - 1, 'other place')}" if len(blame["parts"]) > 1 else ""
        words = f"{_place(part)}{turned}{more}: because of it {_gates(str(blame.get('gate') or '').split(', '))}"
        return words, f"`run.json` `.releases[{number}].blame`"
    for source, verdict, finding in _findings(record):
        return f"gate {plain(verdict['gate'])}: {plain(finding['what'])}", source
    for number, event in bad_events(record["events"]):
        problems = event["answer"].get("problems") or []
        if problems:
            who = f"{plain(event['host'])}, {plain(event['phase'])}" if event["host"] else plain(event["phase"])
            said = f": {code(problems[0]['nginx'])}" if problems[0].get("nginx") else ""
            return f"{who}: {plain(problems[0].get('what'))}{said}", event_source(number)
    return plain(record["outcome"]), "`run.json` `.outcome`"


def causes(record: Mapping[str, Any]) -> list[str]:
    """The paragraphs: guilty lines where they were searched for, else all that failed, and the change where hosts had
    it.
    """
    told = []
    for number, row, blame in _blamed(record):
        told += _guilty(number, row, blame)
    for number, row in enumerate(record["releases"]):
        note = (row.get("blame") or {}).get("note")
        if note:
            told.append(
                fact(f"The search for the guilty lines: {plain(note)}", f"`run.json` `.releases[{number}].blame`")
            )
    told += _found(list(_findings(record)), each_place=not told)
    told += _on_hosts(record)
    if record["result"] == "stopped":
        return [*told, to_add("how this change came about.")]
    told += _changed(record)
    told.append(to_add("how this change came about, and why neither people nor gates saw it before it was deployed."))
    return told


def _blamed(record: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any], Mapping[str, Any]]]:
    for number, row in enumerate(record["releases"]):
        blame = row.get("blame") or {}
        if blame.get("parts"):
            yield number, row, blame


def _place(part: Mapping[str, Any]) -> str:
    where = f"{part.get('file')}:{part['line']}" if part.get("line") else str(part.get("file"))
    made = [code(part[key]) for key in ("origin", "variable") if part.get(key)]
    return code(where) + (f" (from {', '.join(made)})" if made else "")


def _gates(names: Iterable[str]) -> str:
    listed = [plain(name) for name in names if name]
    return (
        f"the gates {', '.join(listed)} fail"
        if len(listed) > 1
        else f"the gate {listed[0]} fails"
        if listed
        else "it fails"
    )


def _guilty(number: int, row: Mapping[str, Any], blame: Mapping[str, Any]) -> list[str]:
    """Each set of parts that are guilty together."""
    source = f"`run.json` `.releases[{number}].blame`"
    alone: dict[str, Any] = {
        "fails": {blame.get("gate"): []},
        "parts": [*range(len(blame["parts"]))],
        "whole": blame.get("whole"),
    }
    paragraphs = []
    for each in (blame.get("sets") or [alone])[:_MOST]:
        parts = [blame["parts"][place] for place in each["parts"]]
        if not parts:
            continue
        this = "this change" if len(parts) == 1 else f"these {len(parts)} changes together"
        sure = "" if each.get("whole") else "; the search for a smaller part did not come to its end"
        tried = count(int(blame.get("tried") or 0), "trial")
        words = f"Release {short(row['release'])}: because of {this} {_gates(each['fails'])}, found by {tried}{sure}"
        paragraphs.append(fact(words, source))
        for part in parts[:_MOST]:
            lines = [*(f"- {line}" for line in part.get("old") or []), *(f"+ {line}" for line in part.get("new") or [])]
            paragraphs += [f"{_place(part)}:", block("\n".join(lines), "diff")]
        if len(parts) > _MOST:
            paragraphs.append(f"- … and {count(len(parts) - _MOST, 'other place')}")
    return paragraphs


def _findings(record: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """What made gates fail; where no single thing did, their summary."""
    for number, row in enumerate(record["releases"]):
        for place, verdict in enumerate(row["verdicts"]):
            if verdict["result"] not in ("fail", "inconclusive"):
                continue
            source = f"`run.json` `.releases[{number}].verdicts[{place}]`"
            real = [finding for finding in verdict["findings"] if not finding.get("warning")]
            for finding in real or [{"what": verdict["summary"]}]:
                yield source, verdict, finding


def _found(findings: Sequence[tuple[str, Mapping[str, Any], Mapping[str, Any]]], *, each_place: bool) -> list[str]:
    """The first finding of each gate, or of each place in it; the others follow from it, mostly."""
    first: dict[tuple[str, str], tuple[str, Mapping[str, Any], Mapping[str, Any]]] = {}
    for source, verdict, finding in findings:
        first.setdefault((source, _at(finding) if each_place else ""), (source, verdict, finding))
    told = []
    for source, verdict, finding in list(first.values())[:_MOST]:
        place = _at(finding)
        made = f" (from {code(finding['origin'])})" if finding.get("origin") else ""
        at = f", at {code(place)}{made}" if place else ""
        told.append(fact(f"Gate {plain(verdict['gate'])}: {plain(finding['what'])}{at}", source))
        beside = [f"{name:<9} {finding[name]}" for name in ("expected", "seen", "nginx") if finding.get(name)]
        told += [block("\n".join(beside))] if beside else []
    more = len(findings) - min(len(first), _MOST)
    return [*told, f"- … and {count(more, 'more finding')}; `gates.txt` has all"] if more else told


def _at(finding: Mapping[str, Any]) -> str:
    return str(finding.get("file") or "") + (f":{finding['line']}" if finding.get("line") else "")


def _on_hosts(record: Mapping[str, Any]) -> list[str]:
    """What failed on hosts, each thing once, and where the same release did well."""
    told: dict[tuple[str, str], list[tuple[int, str]]] = {}
    beside: dict[tuple[str, str], list[str]] = {}
    bad = [(number, event) for number, event in bad_events(record["events"]) if event["host"]]
    for number, event in bad:
        for problem in (event["answer"].get("problems") or [])[:3]:
            key = (plain(sentence({**problem, "nginx": ""})), str(problem.get("nginx")))
            told.setdefault(key, []).append((number, f"{plain(event['host'])}, {plain(event['phase'])}"))
            diff = str(problem.get("diff") or "").rstrip("\n")
            beside[key] = [block(problem["nginx"])] if problem.get("nginx") else []
            beside[key] += [block(diff, "diff")] if diff else []
    paragraphs = []
    for key, places in list(told.items())[:_MOST]:
        where = "; ".join(dict.fromkeys(place for _, place in places[:_MOST]))
        paragraphs += [fact(f"{where}: {key[0]}", event_source(places[0][0])), *beside[key]]
    failed = {event["host"] for _, event in bad}
    well = [
        (number, event["host"])
        for number, event in enumerate(record["events"])
        if event["phase"] == "activate"
        and event["good"]
        and event["answer"].get("checks")
        and event["host"] not in failed
    ]
    if paragraphs and well:
        words = f"On {bounded([host for _, host in well])} the same release served, and all its checks held"
        paragraphs.append(fact(words, f"{event_source(well[0][0])}{', …' if len(well) > 1 else ''}"))
    return paragraphs


def _changed(record: Mapping[str, Any]) -> list[str]:
    """What hosts were given. The files of the first releases are shown: those of the others are mostly alike."""
    told = []
    changed = [(number, row) for number, row in enumerate(record["releases"]) if row.get("changes")]
    for number, row in changed[:_MOST_RELEASES]:
        changes = row["changes"]
        passed = " passed every gate and" if row.get("passed") else ""
        words = f"Release {short(row['release'])}{passed} changes {count(len(changes), 'file')}:"
        told.append(fact(words, f"`run.json` `.releases[{number}].changes`"))
        told += [block(change["diff"], "diff") for change in changes[:_MOST_CHANGES]]
        if len(changes) > _MOST_CHANGES:
            told.append(f"- … and {count(len(changes) - _MOST_CHANGES, 'more file')}")
    if len(changed) > _MOST_RELEASES:
        told.append(f"- … and {count(len(changed) - _MOST_RELEASES, 'more release')}; `run.json` has their changes")
    return told
