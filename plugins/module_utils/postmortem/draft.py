"""The postmortem of a run, from its record alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..record.summary import HostSummary, RunSummary
from ..redactor.redactor import Redactor, cleared
from ..textfmt import clock, date, duration
from .causes import cause_in_a_line, causes
from .impact import Counted, impact
from .markdown import fact, identity, plain, recorded, table, to_add
from .measures import measures
from .page import bounded, page, time_line
from .timeline import run_entries

__all__ = ["draft", "unknown_traffic"]

_MOST_HOSTS = 30
_NOBODY = "`run.json` has no event `activate`"


def draft(record: Mapping[str, Any], asked: Mapping[str, Mapping[str, Any]] | None = None) -> str:
    """Write the postmortem of a run, in Markdown. ``record`` is its ``run.json``; ``asked`` is the traffic that hosts
    were asked for after it, by host.

    Facts only, each with its source; what a person must add is marked ``TO ADD``.
    """
    record, asked = cleared(record), Redactor().data(asked or {})
    run, summary = record["run"], RunSummary.of(record)
    hosts = [_counted(record, name, row, asked) for name, row in summary.tried.items()]
    about = (
        "Drafted from the record of the run, `run.json` beside this file. Each statement names its source *(in"
        " brackets)*; `TO ADD` marks what only people know. All times are in UTC."
    )
    return page(
        f"Postmortem: run {plain(run['id'])} was {_became(summary)} on {date(run['started'])}",
        about,
        {
            "Issue summary": [*_summary(record, summary, hosts)],
            "Timeline (UTC)": time_line(run_entries(record)),
            "Root cause": causes(record),
            "Resolution and recovery": _recovery(record, summary),
            "Corrective and preventative measures": measures(record, hosts),
        },
    )


def unknown_traffic(record: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return the hosts of whose requests the record says nothing while the release was unconfirmed, and from when until
    when that was.
    """
    tried = RunSummary.of(record).tried
    return {
        name: (row.began, row.ended or str(record["run"]["ended"])) for name, row in tried.items() if row.counted < 0
    }


def _counted(record: Mapping[str, Any], name: str, row: HostSummary, asked: Mapping[str, Mapping[str, Any]]) -> Counted:
    if row.counted < 0:
        return Counted(name, asked.get(name), "asked after the run")
    return Counted(name, record["events"][row.counted]["answer"]["traffic"], recorded(f"events[{row.counted}]"))


def _became(summary: RunSummary) -> str:
    if summary.result == "stopped":
        return "stopped before it reached a host"
    return "rolled back" if summary.result == "rolled back" else "left broken"


def _summary(record: Mapping[str, Any], summary: RunSummary, hosts: Sequence[Counted]) -> list[str]:
    lines = [fact(f"**What happened**: {plain(summary.outcome)}", recorded("outcome")), _duration(record, summary)]
    noticed = _noticed(summary)
    lines += [noticed] if noticed else []
    if hosts:
        lines += impact(hosts)
    else:
        lines.append(fact("**Impact**: 0 requests; no host was touched", _NOBODY))
    words, source = cause_in_a_line(record)
    lines.append(fact(f"**Root cause**: {words}", source))
    lines.append(
        to_add(
            "what users saw, in their words, and who was told when." if hosts else "what this delayed, and for whom."
        )
    )
    return lines


def _duration(record: Mapping[str, Any], summary: RunSummary) -> str:
    run, tried = record["run"], summary.tried
    if not tried:
        after = duration(run["started"], run["ended"])
        return fact(
            f"**Duration**: none for users; the run was stopped after {after}, before it touched a host", _NOBODY
        )
    first, row = next(iter(tried.items()))
    begin = f"{clock(row.began)}, when {plain(first)} was the first to be switched"
    source = recorded(f"events[{row.events[0]}]")
    if left := [name for name, each in tried.items() if not each.ended]:
        words = f"not over when the run ended at {clock(run['ended'])}, for {bounded(left)}; it began at {begin}"
        return fact(f"**Duration**: {words}", f"{source}, {recorded('run.ended')}")
    last, final = max(tried.items(), key=lambda each: each[1].ended)
    end = f"{clock(final.ended)}, when {plain(last)} was the last to be back"
    words = f"{duration(row.began, final.ended)}, from {begin}, until {end}"
    return fact(f"**Duration**: {words}", f"{source}, {recorded(f'events[{final.events[1]}]')}")


def _noticed(summary: RunSummary) -> str:
    failures, tried = summary.of_hosts(), list(summary.tried.values())
    if not failures or not tried:
        return ""
    first = failures[0]
    after = duration(tried[0].began, first.at)
    words = f"**Noticed**: by Sluice, {after} after the first switch, on {plain(first.host)} ({plain(first.phase)})"
    return fact(words, recorded(first.source))


def _recovery(record: Mapping[str, Any], summary: RunSummary) -> list[str]:
    lines = []
    tried = list(summary.tried.items())
    if not tried:
        lines.append(fact("Nothing had to be recovered: every host serves what it served before", _NOBODY))
    for name, row in tried[:_MOST_HOSTS]:
        if not row.ended:
            lines.append(to_add(f"how {plain(name)} came back, and when; `sluice.nginx.status` shows how it is now."))
            continue
        answer = record["events"][row.events[1]]["answer"]
        means = f" by {plain(answer['means'])}" if answer.get("means") else ""
        checks = [check for check in answer.get("checks") or [] if not check.get("untested")]
        held = sum(bool(check.get("ok")) for check in checks)
        asked = f"; {held} of its {len(checks)} checks passed" if checks else ""
        serves = f"release {identity(answer['release'])}" if answer.get("release") else "what it served before"
        words = (
            f"{plain(name)} serves {serves} again{means} since {clock(row.ended)}, {duration(row.began, row.ended)}"
            f" after it was switched{asked}"
        )
        lines.append(fact(words, recorded(f"events[{row.events[1]}]")))
    there = list(summary.hosts.items())
    rows = [(plain(name), plain(row.serves), plain(row.done)) for name, row in there[:_MOST_HOSTS]]
    if rows:
        lines += [
            f"What each host served when the run ended *({recorded('hosts')})*:",
            table(("host", "serves", "what was done"), rows),
        ]
    if max(len(tried), len(there)) > _MOST_HOSTS:
        lines.append("- `run.json` has all other hosts")
    lines.append(to_add("how the change was fixed, and by which run it was deployed; or that it was given up."))
    return lines
