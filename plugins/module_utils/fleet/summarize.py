"""Builds the summary of a run from its journal: who switched, when, what failed, what was rolled back. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..record.model import Result
from ..record.summary import Culprit, CulpritPart, HostSummary, RunFailure, RunSummary, Warned
from ..redactor.redactor import Redactor
from ..textfmt import count, listed, moment, short
from .decisions import HostHistory, RunFaults, stories
from .run_record import Event

__all__ = ["cleared_events", "culprits_of", "gate_answer", "summarize"]

_QUIET = ("pass", "not run")
_LONGEST = 200
_GATES = "gate"
_MOST_NAMED = 5
# What a finding and a problem of a host have in common, beside what it is.
_WORDS = ("expected", "actual", "nginx", "fix")
_Row = Mapping[str, Any]
_Numbered = Sequence[tuple[int, Event]]


def cleared_events(events: Iterable[Event]) -> list[Event]:
    """Return the events of a journal as they may leave: what others have written into it passes the door again."""
    door = Redactor()
    return [replace(event, answer=door.data(event.answer)) for event in events]


def gate_answer(events: Iterable[Event]) -> dict[str, Any]:
    """Return what the journal has of the gates, with ``releases``; empty where no gate was asked."""
    return next((event.answer for event in reversed(list(events)) if event.phase == "gate"), {})


def summarize(
    events: Iterable[Event], releases: Sequence[_Row] | None = None, *, check_mode: bool = False
) -> RunSummary:
    """Return the summary of a run, or of as much of it as the journal has.

    ``events`` have passed the door. ``releases`` are those of a run without gates; else the journal has them.
    """
    so_far = list(events)
    rows: Sequence[_Row] = gate_answer(so_far).get("releases", releases or ())
    by_host = stories(so_far)
    events_of: dict[str, list[tuple[int, Event]]] = {}
    for number, event in enumerate(so_far):
        if event.host:
            events_of.setdefault(event.host, []).append((number, event))
    hosts = {name: _host(by_host[name], events_of[name], check_mode=check_mode) for name in sorted(by_host)}
    faults = RunFaults.of(so_far)
    bad, out = [event for event in faults.bad if event.phase != _GATES], faults.left_out
    if by_host:
        result = _result(bad, out, by_host.values(), check_mode=check_mode)
        outcome = _outcome(bad, out, by_host, check_mode=check_mode)
    else:
        result, outcome = _of_gates(so_far, rows, check_mode=check_mode)
    failures = [*_failures_of_gates(so_far, rows), *_failures_of_events(so_far, faults)]
    return RunSummary(result, outcome, hosts, culprits_of(rows), failures, _warnings(so_far, faults))


def _of_gates(events: Sequence[Event], rows: Sequence[_Row], *, check_mode: bool) -> tuple[Result, str]:
    """Return the result and the outcome of a run in which no host was asked anything."""
    gates = next((event for event in reversed(events) if event.phase == "gate"), None)
    if gates is None:
        return _result([], (), (), check_mode=check_mode), _outcome([], (), {}, check_mode=check_mode)
    if problems := gates.answer.get("problems"):
        return "stopped", str(problems[0].get("what"))
    if all(row["passed"] for row in rows):
        accepted = _accepted(rows)
        more = f", with {count(accepted, 'accepted finding')}" if accepted else ""
        return "passed", f"every gate passed for {count(len(rows), 'release')}{more}"
    if gates.good:
        return "passed", "EMERGENCY: gates that did not pass do not stop this run"
    failed = [verdict for row in rows for verdict in row["verdicts"] if verdict["result"] not in _QUIET]
    if not failed:
        return "stopped", "stopped by the gates; no host was touched"
    more = f", and {len(failed) - 1} more" if len(failed) > 1 else ""
    why = textwrap.shorten(str(failed[0]["summary"]), _LONGEST)
    return "stopped", f"stopped by the gate {failed[0]['gate']} ({why}){more}; no host was touched"


def _accepted(rows: Sequence[_Row]) -> int:
    verdicts = (verdict for row in rows for verdict in row["verdicts"])
    return sum(bool(finding.get("accepted")) for verdict in verdicts for finding in verdict["findings"])


def culprits_of(releases: Sequence[_Row]) -> list[Culprit]:
    """Return the culprits that the searches of releases have found, and what these could not find out."""
    return list(_culprits(releases))


def _culprits(rows: Sequence[_Row]) -> Iterator[Culprit]:
    for number, row in enumerate(rows):
        culprits = row.get("culprits") or {}
        release, source = str(row.get("release") or ""), f"releases[{number}].culprits"
        search = {name: culprits[name] for name in ("tried", "edits", "seconds") if culprits.get(name) is not None}
        for each in culprits.get("sets") or ():
            parts = [CulpritPart(**part) for part in each["parts"]]
            yield Culprit(release, source, each["fails"], parts, each["more"], each["fixes"], each["whole"], **search)
        if culprits.get("note"):
            yield Culprit(release, source, note=str(culprits["note"]), **search)


def _failures_of_gates(events: Sequence[Event], rows: Sequence[_Row]) -> Iterator[RunFailure]:
    """Yield what made gates fail; where no single thing did, their summary."""
    at = next((event.at for event in events if event.phase == "gate"), "")
    for number, row in enumerate(rows):
        for place, verdict in enumerate(row["verdicts"]):
            if verdict["result"] in _QUIET:
                continue
            release, gate = str(row.get("release") or ""), str(verdict["gate"])
            known = RunFailure(str(verdict["summary"]), f"releases[{number}].verdicts[{place}]", at, release, gate)
            real = [finding for finding in verdict["findings"] if not finding.get("warning")]
            yield from (_of_finding(known, finding) for finding in real)
            if not real:
                yield replace(known, is_summary=True)


def _of_finding(known: RunFailure, finding: _Row) -> RunFailure:
    """Return what a gate found; gates of the user's own may leave out what does not apply."""
    texts = _texts(finding, "file", "origin", "check", *_WORDS)
    return replace(known, what=str(finding["what"]), line=int(finding.get("line") or 0), **texts)


def _texts(row: _Row, *names: str) -> dict[str, Any]:
    return {name: str(row.get(name) or "") for name in names}


def _failures_of_events(events: Sequence[Event], faults: RunFaults) -> Iterator[RunFailure]:
    for number, event in enumerate(events):
        problems = event.answer.get("problems") or ([{"what": "no reason is recorded"}] if event.host else [])
        for problem in problems if event in faults.bad else ():
            yield RunFailure(
                what=str(problem.get("what", "no reason is recorded")),
                source=f"events[{number}]",
                at=event.at,
                host=event.host,
                phase=event.phase,
                **_texts(problem, "diff", *_WORDS),
            )


def _warnings(events: Sequence[Event], faults: RunFaults) -> list[Warned]:
    """Each warning once, with the hosts that gave it. What the budget of the run forgives is one, too."""
    hosts: dict[tuple[str, str], dict[str, None]] = {}
    for event in events:
        lines = list(event.answer.get("warnings") or ()) if event.host else []
        if not event.good and event not in faults.bad:
            lines += [f"left out: {problem.get('what')}" for problem in event.answer.get("problems") or ()]
        for line in lines:
            hosts.setdefault((str(line), event.phase), {})[event.host] = None
    return [Warned(line, phase, list(names)) for (line, phase), names in hosts.items()]


def _host(story: HostHistory, events: _Numbered, *, check_mode: bool) -> HostSummary:
    serves, done = _last(story)
    wanted = str(story.said("preflight", "release") or story.said("activate", "release") or "")
    if check_mode and story.needs_change:
        done = f"would be switched to {short(wanted)}"
    before = str(story.said("activate", "before") or story.said("preflight", "live") or "")
    found = HostSummary(
        serves, done, wanted, before, story.needs_change, story.touched, story.switched, _is_confirmed(story)
    )
    began = next(((n, event) for n, event in events if event.phase == "activate" and _may_serve(event)), None)
    if began is None:
        return found
    first, activated = began
    last, ended = next(((n, at) for n, event in events if n >= first and (at := _back_at(event))), (first, ""))
    counted = [n for n, event in events if n >= first and isinstance(event.answer.get("traffic"), dict)]
    since = str(activated.answer.get("asked") or activated.at)
    return replace(found, began=since, ended=ended, events=[first, last], counted=counted[-1] if counted else -1)


def _may_serve(event: Event) -> bool:
    """Return whether the host was switched, or may have been: one that was lost meanwhile cannot tell."""
    answer = event.answer
    return event.good or answer.get("rolled_back") is not None or bool(answer.get("unreachable_host"))


def _back_at(event: Event) -> str:
    """When a host served again what it served before; empty where the event does not say so."""
    answer = event.answer
    if answer.get("rolled_back") is True:
        return event.at
    if answer.get("operation") != "rollback" or not event.good or answer.get("rolled_back") is False:
        return ""
    # Somebody else was first, mostly the host's watchdog, and the host says when.
    noted = str(answer.get("note") or "").rpartition(" at ")[2]
    return noted if moment(noted) else event.at


def _last(story: HostHistory) -> tuple[str, str]:
    """Return what a host serves now, as far as is known, and what was done."""
    before = story.said("activate", "before") or story.said("preflight", "live")
    wanted = story.said("preflight", "release")
    final = story.events.get("retry_rollback") or story.events.get("finalize")
    if final is None:
        return _unfinalized(story, before, wanted)
    if final.answer.get("unreachable_host"):
        return "?", _out_of_reach(story, str(final.answer.get("operation")))
    if final.answer.get("broken"):
        return "?", "BROKEN: every rollback failed; see sluice.nginx.status, and fix it there"
    if final.answer.get("operation") == "confirm":
        return (
            (short(wanted), f"switched from {short(before)}, confirmed") if final.good else ("?", "to confirm failed")
        )
    return _went_back(story, final, before)


def _unfinalized(story: HostHistory, before: object, wanted: object) -> tuple[str, str]:
    activated = story.events.get("activate")
    if activated is not None:
        return "?", f"was switched, and the run ended before it was finalized; {_watchdog(story)}"
    if any(event.answer.get("unreachable_host") for event in story.events.values()):
        return "?", "could not be reached; nothing was changed on it"
    if not story.needs_change and "preflight" in story.events and story.events["preflight"].good:
        return short(wanted), "serves it already; nothing to do"
    return short(before), "was not touched"


def _watchdog(story: HostHistory) -> str:
    deadline = story.said("activate", "confirm_timeout")
    return "its watchdog rolls it back" + (f" within {float(str(deadline)):g} s" if deadline else "")


def _out_of_reach(story: HostHistory, operation: str) -> str:
    finalized = story.events["finalize"]
    if operation == "rollback" and finalized.answer.get("operation") == "confirm":
        if finalized.good:
            return "confirmed, and could not be reached to roll back; look at it with sluice.nginx.status"
        return f"could not be reached; either it has confirmed, or {_watchdog(story)}; see sluice.nginx.status"
    if not story.switched:
        return f"could not be reached; if it has switched, {_watchdog(story)}"
    return f"could not be reached to {operation.replace('rollback', 'roll back')}; {_watchdog(story)}"


def _went_back(story: HostHistory, final: Event, before: object) -> tuple[str, str]:
    answer = final.answer
    rolled_back, serves = answer.get("rolled_back", final.good), short(answer.get("release") or before)
    if rolled_back is False:
        return "?", "to roll back failed"
    if answer.get("means") == "older release":
        return serves, f"the release before could not serve again; went to an older release, {serves}, proved"
    by_watchdog = answer.get("rolled_back_by") == "watchdog"
    if rolled_back is None and not by_watchdog and story.said("activate", "rolled_back") is None and not story.switched:
        return serves, "was not switched"
    how = "rolled back"
    if by_watchdog:
        how = "rolled back by its watchdog"
    elif story.said("activate", "rolled_back"):
        how = "rolled back by itself"
    if not final.good:
        return serves, f"{how}, but something is wrong with the release before"
    return serves, f"{how}; the release before serves again, proved"


def _result(bad: Sequence[Event], out: Sequence[str], hosts: Iterable[HostHistory], *, check_mode: bool) -> Result:
    touched = [story for story in hosts if story.touched]
    if not touched:
        if bad:
            return "stopped"
        return "predicted" if check_mode else "unchanged"
    # A host that is left out is its watchdog's, or back already.
    if all(_is_confirmed(story) or story.host in out for story in touched) and not bad:
        return "confirmed" if any(map(_is_confirmed, touched)) else "unchanged"
    return "rolled back" if all(story.is_back for story in touched) else "broken"


def _is_confirmed(story: HostHistory) -> bool:
    finalized = story.events.get("finalize")
    return finalized is not None and finalized.good and finalized.answer.get("operation") == "confirm"


def _outcome(bad: Sequence[Event], out: Sequence[str], by_host: dict[str, HostHistory], *, check_mode: bool) -> str:
    if bad:
        first = bad[0]
        problems = first.answer.get("problems") or [{}]
        what = str(problems[0].get("what", "no reason is recorded"))
        what += f", and {len(problems) - 1} more" if len(problems) > 1 else ""
        return f"{first.host or 'the run'} failed in {first.phase} ({what}); {_after(list(by_host.values()))}"
    rest = [story for story in by_host.values() if story.host not in out]
    changed = sum(story.needs_change for story in rest)
    left = f"; left out, as it could not be reached: {listed(out, _MOST_NAMED)}" if out else ""
    if check_mode:
        return f"{changed} of {count(len(by_host), 'host')} would be switched{left}"
    done = (
        f"{count(changed, 'host')} switched and confirmed"
        if changed
        else f"nothing to do on {count(len(rest), 'host')}"
    )
    return f"{done}{left}"


def _after(hosts: Sequence[HostHistory]) -> str:
    """Return what became of the hosts that had been switched when another one failed."""
    left = [story for story in hosts if story.touched and not story.is_back]
    watched = [story.host for story in left if _is_watched(story)]
    ahead = [story.host for story in left if story.host not in watched]
    switched = sum(story.switched for story in hosts if story not in left)
    parts = [f"NOT rolled back: {', '.join(ahead)}; look there with sluice.nginx.status"] if ahead else []
    parts += [f"out of reach, and left to the watchdog: {', '.join(watched)}"] if watched else []
    if switched and not ahead:
        parts.insert(0, f"the {switched} switched before it were rolled back")
    return "; ".join(parts) or "no other host was switched"


def _is_watched(story: HostHistory) -> bool:
    """Return whether a host was lost while its release was pending, so that its watchdog sees to it."""
    final = story.events.get("retry_rollback") or story.events.get("finalize") or story.events["activate"]
    return bool(final.answer.get("unreachable_host")) and not _is_confirmed(story)
