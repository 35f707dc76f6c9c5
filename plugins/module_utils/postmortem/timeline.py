"""What happened in a run, from its record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..record.model import RESULTS
from ..textfmt import count, duration, first_of, sentence
from .markdown import code, identity, plain, recorded
from .page import TimelineEntry

__all__ = ["run_entries"]


def run_entries(record: Mapping[str, Any]) -> list[TimelineEntry]:
    """The whole run. What went as it should is told in few entries."""
    run = record["run"]
    began = f"{plain(run['who'])} started the run {code(run['id'])} on {plain(run['host'])}"
    found = [TimelineEntry(str(run["started"]), began, recorded("run"))]
    for number, event in enumerate(record["events"]):
        if event["phase"] == "gate":
            found += _gates(record, number, event)
        elif event["host"]:
            found += [
                TimelineEntry(
                    event["at"], words, recorded(f"events[{number}]"), (event["host"],), merge=bool(event["good"])
                )
                for words in _words(event, str(run["id"]))
            ]
    lasted = duration(run["started"], run["ended"])
    ended = f"The run ended after {lasted}, {RESULTS[record['result']]}"
    return [*found, TimelineEntry(str(run["ended"]), ended, recorded("result"))]


def _gates(record: Mapping[str, Any], number: int, event: Mapping[str, Any]) -> Iterator[TimelineEntry]:
    for place, row in enumerate(record["releases"]):
        if row.get("passed") is None:
            continue
        failed = [each["gate"] for each in row["verdicts"] if each["result"] in ("fail", "inconclusive")]
        said = f"did not pass {_the_gates(failed)}" if failed or not row["passed"] else "passed the gates"
        words = f"release {identity(row['release'])} for {count(len(row['hosts']), 'host')} {said}"
        yield TimelineEntry(event["at"], words, recorded(f"releases[{place}].verdicts"))
    for problem in event["answer"].get("problems") or []:
        yield TimelineEntry(event["at"], f"the gates: {plain(sentence(problem))}", recorded(f"events[{number}]"))
    emergency = record.get("emergency")
    if emergency:
        words = f"**EMERGENCY**: the gates were overridden, because: {plain(emergency.get('reason'))}"
        yield TimelineEntry(event["at"], words, recorded("emergency"))


def _the_gates(names: list[str]) -> str:
    return f"the gate{'s' if len(names) > 1 else ''} {', '.join(map(plain, names))}" if names else "the gates"


def _words(event: Mapping[str, Any], run: str) -> Iterator[str]:
    """What an event comes to, in sentences; none for a bake that found nothing, since others follow."""
    phase, answer = event["phase"], event["answer"]
    release = identity(answer.get("release"))
    problems = [plain(problem.get("what")) for problem in answer.get("problems") or []]
    if phase == "preflight" and event["good"]:
        yield f"can take release {release}" if answer.get("changes_needed") else f"serves release {release} already"
    elif phase == "activate" and event["good"]:
        yield f"serves release {release} pending{_held(answer)}"
    elif answer.get("operation") == "confirm" and event["good"]:
        yield f"release {release} is confirmed"
    elif not event["good"]:
        yield f"**{plain(phase)} failed**: {first_of(problems or ['no reason is recorded'])}"
    yield from _back(answer, run)


def _held(answer: Mapping[str, Any]) -> str:
    checks = answer.get("checks") or []
    untested = sum(bool(check.get("untested")) for check in checks)
    held = f"; {count(len(checks) - untested, 'check')} hold" if len(checks) > untested else ""
    return held + (f"; {count(untested, 'check')} not tested there" if untested else "")


def _back(answer: Mapping[str, Any], run: str) -> Iterator[str]:
    if answer.get("broken"):
        yield "**is broken**: every rollback failed"
    elif answer.get("rolled_back"):
        means = f" by {plain(answer['means'])}" if answer.get("means") else ""
        milliseconds = (answer.get("timings") or {}).get("failed_to_worker")
        after = f", {milliseconds} ms after it failed" if isinstance(milliseconds, int) else ""
        yield f"was rolled back{means}{after}"
    elif answer.get("operation") == "rollback" and answer.get("note") and f"by run {run}" not in answer["note"]:
        # What the run did itself is told already.
        yield plain(answer["note"])
