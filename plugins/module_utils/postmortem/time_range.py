"""The postmortem of a window of time: what alerts, hosts and runs tell of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from ..fleet.status import words_of
from ..redactor.redactor import Redactor, cleared
from ..textfmt import clock, count, date, duration, listed, moment
from .alerts import Alert
from .causes import cause_in_a_line
from .impact import Counted, failing, impact
from .markdown import block, code, fact, plain, to_add
from .measures import asked_of, checks_for
from .page import TimelineEntry, page, time_line

__all__ = ["Window", "draft_window"]

_MOST_ALERTS = 30
_ALERTS = "Prometheus, `ALERTS`"
_REACHED = ("confirmed", "rolled back", "broken")


@dataclass(frozen=True)
class Window:
    """What is known of the time from ``start`` to ``end``: alerts, what each host answered to ``traffic``, the records
    of runs, and in ``notes`` what could not be asked.
    """

    start: datetime
    end: datetime
    alerts: Sequence[Alert] = ()
    hosts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    runs: Sequence[Mapping[str, Any]] = ()
    notes: Sequence[str] = ()

    @property
    def counted(self) -> list[Counted]:
        """The traffic of each host."""
        return [
            Counted(host, answer.get("traffic"), "asked of the host when this was drafted")
            for host, answer in self.hosts.items()
        ]

    @property
    def last_change(self) -> Mapping[str, Any] | None:
        """The last run before the window that reached hosts."""
        reached = [run for run in self.runs if run["result"] in _REACHED]
        before = [run for run in reached if (moment(run["run"]["ended"]) or self.end) <= self.start]
        return before[-1] if before else None


def draft_window(window: Window) -> str:
    """Write it, in Markdown: facts only, each with its source; what a person must add is marked ``TO ADD``."""
    door = Redactor()
    runs = [cleared(run) for run in window.runs]
    window = replace(window, alerts=door.data(window.alerts), hosts=door.data(window.hosts), runs=runs)
    about = (
        "Drafted from alerts, the hosts' logs and journals, and the records of runs. Each statement names its source"
        " *(in brackets)*; `TO ADD` marks what only people know. All times are in UTC."
    )
    names = list(dict.fromkeys(alert.name for alert in window.alerts))
    what = listed([plain(name) for name in names], 3)
    title = f"{what or 'the time'} from {clock(window.start)} to {clock(window.end)}, {date(window.start)}"
    return page(
        f"Postmortem: {title}",
        about,
        {
            "Issue summary": _summary(window),
            "Timeline (UTC)": time_line(_entries(window)) or ["Nothing is recorded in this time."],
            "Root cause": _cause(window),
            "Resolution and recovery": _recovery(window),
            "Corrective and preventative measures": _measures(window),
        },
    )


def _summary(window: Window) -> list[str]:
    lines = []
    for alert in window.alerts[:_MOST_ALERTS]:
        lines.append(fact(f"**What happened**: the alert {code(alert.what)} fired", _ALERTS))
    if len(window.alerts) > _MOST_ALERTS:
        lines.append(f"- … and {count(len(window.alerts) - _MOST_ALERTS, 'more alert')}")
    span = f"{duration(window.start, window.end)}, from {clock(window.start)} until {clock(window.end)}"
    source = "the first and the last sample of the alerts" if window.alerts else "the window that was asked for"
    still = [alert.name for alert in window.alerts if not alert.over]
    lines.append(fact(f"**Duration**: {span}{'; not over then' if still else ''}", source))
    lines += impact(window.counted)
    lines += [f"- Not known: {plain(note)}" for note in window.notes]
    lines.append(to_add("the root cause in one line; what users saw, in their words, and who was told when."))
    return lines


def _entries(window: Window) -> Iterator[TimelineEntry]:
    for alert in window.alerts:
        name, source = code(alert.what), _ALERTS
        if alert.fired > alert.began:
            yield TimelineEntry(alert.began.isoformat(), f"what the alert {name} waits for is true", source)
        yield TimelineEntry(alert.fired.isoformat(), f"the alert {name} fires", source)
        if alert.over:
            yield TimelineEntry(
                alert.last.isoformat(), f"the alert {name} is seen for the last time, and resolved", source
            )
    for host, answer in window.hosts.items():
        for event in answer.get("journal") or []:
            words = words_of(event)
            if words:
                line = f"{plain(words)} (run {code(event.get('run'))})"
                source = "the host's `/var/lib/sluice/journal.jsonl`"
                yield TimelineEntry(str(event.get("at")), line, source, (host,), merge=True)
    for record in window.runs:
        run = record["run"]
        source = f"`run.json` of {code(run['id'])}"
        yield TimelineEntry(
            run["started"], f"{plain(run['who'])} started the run {code(run['id'])}", f"{source}, `.run`"
        )
        yield TimelineEntry(
            run["ended"], f"The run {code(run['id'])} ended: {plain(record['outcome'])}", f"{source}, `.outcome`"
        )


def _cause(window: Window) -> list[str]:
    lines = []
    change = window.last_change
    if change is not None:
        run = change["run"]
        before = duration(run["ended"], window.start)
        words = f"The last run before it that reached hosts is {code(run['id'])}, {before} before"
        lines.append(fact(f"{words}: {plain(change['outcome'])}", f"`run.json` of {code(run['id'])}"))
        for row in change["releases"][:3]:
            for part in (row.get("changes") or [])[:3]:
                lines += [f"It changed {code(part['file'])}:", block(part["diff"], "diff")]
    else:
        lines.append(fact("No run reached hosts in the seven days before it", "`.sluice/runs`"))
    for record in window.runs:
        # What was stopped has reached no host.
        if record["result"] in ("rolled back", "broken") and record is not change:
            words, source = cause_in_a_line(record)
            lines.append(fact(f"Run {code(record['run']['id'])}: {words}", f"{source} of this run"))
    lines.append(to_add("whether that is the cause, and what is; with the culprit lines."))
    return lines


def _recovery(window: Window) -> list[str]:
    lines = []
    for alert in window.alerts[:_MOST_ALERTS]:
        if alert.over:
            words = f"{code(alert.what)} was resolved after {duration(alert.began, alert.last)}, at {clock(alert.last)}"
            lines.append(fact(words, _ALERTS))
    for record in window.runs:
        ended = moment(record["run"]["ended"])
        if record["result"] == "confirmed" and ended is not None and ended > window.start:
            words = f"Run {code(record['run']['id'])} was confirmed at {clock(ended)}: {plain(record['outcome'])}"
            lines.append(fact(words, f"`run.json` of {code(record['run']['id'])}"))
    lines.append(to_add("what ended it, and who did that."))
    return lines


def _measures(window: Window) -> list[str]:
    lines = []
    asked = [request for record in window.runs for request in asked_of(record)]
    for measure in checks_for(failing(window.counted), asked):
        lines.append(fact(measure.words, measure.source))
        lines += [block(measure.yaml, "yaml")] if measure.yaml else []
    first = _first_error(window)
    if first is not None and window.alerts:
        fired = min(alert.fired for alert in window.alerts)
        after = duration(first, fired) if fired > first else "less than a step"
        words = f"The first 5xx in it was answered at {clock(first)}, and the first alert fired {after} later"
        lines.append(fact(words, "access logs of the hosts, and Prometheus"))
    elif first is not None:
        words = f"The first 5xx in it was answered at {clock(first)}, and no alert is known"
        lines.append(fact(words, "access logs of the hosts"))
    lines.append(to_add("what else is done, who does it, and until when."))
    return lines


def _first_error(window: Window) -> datetime | None:
    found = []
    for each in window.counted:
        start = moment((each.traffic or {}).get("start"))
        for number, errors in enumerate((each.traffic or {}).get("errors") or []):
            if errors and start is not None:
                found.append(start + number * timedelta(seconds=int((each.traffic or {}).get("step") or 1)))
                break
    return min(found) if found else None
