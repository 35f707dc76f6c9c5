"""The postmortem of a run, from its record alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..door.door import Door, cleared
from .causes import cause_in_a_line, causes
from .impact import Counted, impact
from .markdown import fact, plain, table, to_add
from .measures import measures
from .page import bounded, page, time_line
from .timeline import event_source, run_entries, short
from .times import clock, day, lasting
from .trials import Trial, bad_events, trials

__all__ = ["draft", "unknown_traffic"]

_MOST_HOSTS = 30
_NOBODY = "`run.json` has no event `activate`"


def draft(record: Mapping[str, Any], asked: Mapping[str, Mapping[str, Any]] | None = None) -> str:
    """Write the postmortem of a run, in Markdown. ``record`` is its ``run.json``; ``asked`` is the traffic that hosts
    were asked for after it, by host.

    Facts only, each with its source; what a person must add is marked ``TO ADD``.
    """
    record, asked = cleared(record), Door().data(asked or {})
    run = record["run"]
    found = trials(record["events"], asked)
    hosts = [Counted(trial.host, trial.traffic, _source(trial)) for trial in found]
    about = (
        "Drafted from the record of the run, `run.json` beside this file. Each statement names its source *(in"
        " brackets)*; `TO ADD` marks what only people know. All times are in UTC."
    )
    return page(
        f"Postmortem: run {plain(run['id'])} was {_became(record, found)} on {day(run['started'])}",
        about,
        {
            "Issue summary": [*_summary(record, found, hosts)],
            "Timeline (UTC)": time_line(run_entries(record)),
            "Root cause": causes(record),
            "Resolution and recovery": _recovery(record, found),
            "Corrective and preventative measures": measures(record, hosts),
        },
    )


def unknown_traffic(record: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """The hosts of whose requests in their trial the record says nothing, and from when until when that was."""
    return {
        trial.host: (trial.began, trial.ended or str(record["run"]["ended"]))
        for trial in trials(record["events"], {})
        if trial.traffic is None
    }


def _became(record: Mapping[str, Any], found: Sequence[Trial]) -> str:
    if record["result"] == "stopped":
        return "stopped before it reached a host"
    return "rolled back" if record["result"] == "rolled back" else "left broken"


def _source(trial: Trial) -> str:
    return event_source(trial.counted) if trial.counted >= 0 else "asked after the run"


def _summary(record: Mapping[str, Any], found: Sequence[Trial], hosts: Sequence[Counted]) -> list[str]:
    told = [fact(f"**What happened**: {plain(record['outcome'])}", "`run.json` `.outcome`"), _duration(record, found)]
    noticed = _noticed(record, found)
    told += [noticed] if noticed else []
    if found:
        told += impact(hosts)
    else:
        told.append(fact("**Impact**: 0 requests; no host was touched", _NOBODY))
    words, source = cause_in_a_line(record)
    told.append(fact(f"**Root cause**: {words}", source))
    told.append(
        to_add(
            "what users saw, in their words, and who was told when." if found else "what this delayed, and for whom."
        )
    )
    return told


def _duration(record: Mapping[str, Any], found: Sequence[Trial]) -> str:
    run = record["run"]
    if not found:
        after = lasting(run["started"], run["ended"])
        return fact(
            f"**Duration**: none for users; the run was stopped after {after}, before it touched a host", _NOBODY
        )
    first = found[0]
    begin = f"{clock(first.began)}, when {plain(first.host)} was the first to be switched"
    open_ = [trial for trial in found if not trial.ended]
    if open_:
        names = bounded([trial.host for trial in open_])
        words = f"not over when the run ended at {clock(run['ended'])}, for {names}; it began at {begin}"
        return fact(f"**Duration**: {words}", f"{event_source(first.events[0])}, `run.json` `.run.ended`")
    last = max(found, key=lambda trial: trial.ended)
    end = f"{clock(last.ended)}, when {plain(last.host)} was the last to be back"
    words = f"{lasting(first.began, last.ended)}, from {begin}, until {end}"
    return fact(f"**Duration**: {words}", f"{event_source(first.events[0])}, {event_source(last.events[1])}")


def _noticed(record: Mapping[str, Any], found: Sequence[Trial]) -> str:
    bad = next(((number, event) for number, event in bad_events(record["events"]) if event["host"]), None)
    if bad is None or not found:
        return ""
    number, event = bad
    after = lasting(found[0].began, event["at"])
    words = (
        f"**Noticed**: by Sluice, {after} after the first switch, on {plain(event['host'])} ({plain(event['phase'])})"
    )
    return fact(words, event_source(number))


def _recovery(record: Mapping[str, Any], found: Sequence[Trial]) -> list[str]:
    told = []
    if not found:
        told.append(fact("Nothing had to be recovered: every host serves what it served before", _NOBODY))
    for trial in found[:_MOST_HOSTS]:
        answer = record["events"][trial.events[1]]["answer"]
        if trial.ended:
            means = f" by {plain(answer['means'])}" if answer.get("means") else ""
            checks = answer.get("checks") or []
            held = sum(bool(check.get("ok")) for check in checks)
            asked = f"; {held} of its {len(checks)} checks held" if checks else ""
            words = (
                f"{plain(trial.host)} serves {_served(answer)} again{means} since"
                f" {clock(trial.ended)}, {lasting(trial.began, trial.ended)} after it was switched{asked}"
            )
            told.append(fact(words, event_source(trial.events[1])))
        else:
            told.append(
                to_add(f"how {plain(trial.host)} came back, and when; `playbooks/status.yml` tells how it is now.")
            )
    there = list(record["hosts"].items())
    rows = [(plain(host), plain(row["serves"]), plain(row["done"])) for host, row in there[:_MOST_HOSTS]]
    if rows:
        told += [
            "What each host served when the run ended *(`run.json` `.hosts`)*:",
            table(("host", "serves", "what was done"), rows),
        ]
    if max(len(found), len(there)) > _MOST_HOSTS:
        told.append("- `run.json` has all other hosts")
    told.append(to_add("how the change was mended, and by which run it was deployed; or that it was given up."))
    return told


def _served(answer: Mapping[str, Any]) -> str:
    return f"release {short(answer['release'])}" if answer.get("release") else "what it served before"
