"""What happened in a run, from its record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..fleet.ask import sentence
from ..record.model import RESULTS
from ..words import count
from .markdown import code, plain
from .page import Entry
from .times import lasting

__all__ = ["event_source", "run_entries", "short"]

_FIELD = "`run.json` `.{}`"


def short(identity: object) -> str:
    """The beginning of a release's id, as code."""
    return code(str(identity)[:12]) if identity else "none"


def event_source(number: int) -> str:
    """Where an event stands, as ``jq`` finds it."""
    return _FIELD.format(f"events[{number}]")


def run_entries(record: Mapping[str, Any]) -> list[Entry]:
    """The whole run. What went as it should is told in few entries."""
    run = record["run"]
    began = f"{plain(run['who'])} started the run {code(run['id'])} on {plain(run['host'])}"
    found = [Entry(str(run["started"]), began, _FIELD.format("run"))]
    for number, event in enumerate(record["events"]):
        if event["phase"] == "gate":
            found += _gates(record, number, event)
        elif event["host"]:
            found += [
                Entry(event["at"], words, event_source(number), (event["host"],), merge=bool(event["good"]))
                for words in _words(event, str(run["id"]))
            ]
    lasted = lasting(run["started"], run["ended"])
    ended = f"The run ended after {lasted}, {RESULTS[record['result']]}"
    return [*found, Entry(str(run["ended"]), ended, _FIELD.format("result"))]


def _gates(record: Mapping[str, Any], number: int, event: Mapping[str, Any]) -> Iterator[Entry]:
    for place, row in enumerate(record["releases"]):
        if row.get("passed") is None:
            continue
        failed = [each["gate"] for each in row["verdicts"] if each["result"] in ("fail", "inconclusive")]
        said = f"did not pass {_the_gates(failed)}" if failed or not row["passed"] else "passed the gates"
        words = f"release {short(row['release'])} for {count(len(row['hosts']), 'host')} {said}"
        yield Entry(event["at"], words, _FIELD.format(f"releases[{place}].verdicts"))
    for problem in event["answer"].get("problems") or []:
        yield Entry(event["at"], f"the gates: {plain(sentence(problem))}", event_source(number))
    emergency = record.get("emergency")
    if emergency:
        words = f"**EMERGENCY**: the gates were overridden, because: {plain(emergency.get('reason'))}"
        yield Entry(event["at"], words, _FIELD.format("emergency"))


def _the_gates(names: list[str]) -> str:
    return f"the gate{'s' if len(names) > 1 else ''} {', '.join(map(plain, names))}" if names else "the gates"


def _words(event: Mapping[str, Any], run: str) -> Iterator[str]:
    """What an event comes to, in sentences; none for a bake that found nothing, since others follow."""
    phase, answer = event["phase"], event["answer"]
    release = short(answer.get("release"))
    problems = [plain(problem.get("what")) for problem in answer.get("problems") or []]
    if phase == "preflight" and event["good"]:
        yield f"can take release {release}" if answer.get("changes_needed") else f"serves release {release} already"
    elif phase == "activate" and event["good"]:
        yield f"serves release {release} on trial{_held(answer)}"
    elif answer.get("operation") == "confirm" and event["good"]:
        yield f"release {release} is confirmed"
    elif not event["good"]:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        yield f"**{plain(phase)} failed**: {problems[0] if problems else 'no reason is recorded'}{more}"
    yield from _back(answer, run)


def _held(answer: Mapping[str, Any]) -> str:
    checks = answer.get("checks") or []
    return f"; {count(len(checks), 'check')} hold" if checks else ""


def _back(answer: Mapping[str, Any], run: str) -> Iterator[str]:
    if answer.get("broken"):
        yield "**is broken**: every way back failed"
    elif answer.get("reverted"):
        means = f" by {plain(answer['means'])}" if answer.get("means") else ""
        milliseconds = (answer.get("timings") or {}).get("failed_to_worker")
        after = f", {milliseconds} ms after it was to go back" if isinstance(milliseconds, int) else ""
        yield f"was taken back{means}{after}"
    elif answer.get("operation") == "revert" and answer.get("note") and f"by run {run}" not in answer["note"]:
        # What the run did itself is told already.
        yield plain(answer["note"])
