"""``run.json``: its version, and how it is read. ``docs/schemas/run-2.json`` has its schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, cast

from ..errors import SluiceError
from ..packages import msgspec

__all__ = ["FAILED", "RESULTS", "SCHEMA", "VERSION", "Result", "check_record", "read_record"]

SCHEMA = 2
VERSION = "0.1.0"
"""The collection's, as ``galaxy.yml`` has it."""

Result = Literal["passed", "stopped", "confirmed", "unchanged", "rolled back", "broken", "predicted"]
RESULTS: Mapping[str, str] = {
    "passed": "passed the gates",
    "stopped": "stopped: no host was touched",
    "confirmed": "confirmed on every host",
    "unchanged": "nothing to do",
    "rolled back": "rolled back: what was switched is back",
    "broken": "broken: a host needs you",
    "predicted": "predicted, in check mode",
}
"""What a run can come to, in words."""

FAILED = ("stopped", "rolled back", "broken")
"""The results that have a postmortem."""

# What every reader stands on; the schema says the rest.
_RUN = ("id", "folder", "who", "host", "started", "ended")
_RELEASE = {"hosts": list, "verdicts": list, "invented": list, "changes": list}
_VERDICT = {"gate": str, "result": str, "summary": str, "findings": list, "evidence": dict}
_EVENT = {"at": str, "phase": str, "host": str, "good": bool, "answer": dict}


def read_record(folder: Path) -> dict[str, Any]:
    """Read the ``run.json`` of a run's folder.

    Raises ``SluiceError``, with a sentence, for one that is missing, damaged, or of another version.
    """
    path = folder / "run.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SluiceError(
            f"{folder.name} has no run.json: the run is under way, or ended before it could say anything; "
            "its journal.jsonl has what happened so far"
        ) from error
    except OSError as error:
        raise SluiceError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # neither JSON nor UTF-8, or nested without end
        raise SluiceError(f"{path} is damaged: {error}; its journal.jsonl may still have what happened") from error
    try:
        return check_record(content)
    except SluiceError as error:
        raise SluiceError(f"{path}: {error}") from error


def check_record(content: Any) -> dict[str, Any]:
    """Return ``content`` where it has the form that readers stand on. Raises ``SluiceError``, and nothing else."""
    # Here, as most of a run writes records, and reads none.
    from .forms import RecordForm

    try:
        _check(content)
        msgspec.convert(content, RecordForm)
    except msgspec.ValidationError as error:
        raise SluiceError(f"the record has a part of another type: {error}") from error
    except RecursionError as error:
        raise SluiceError("the record is nested too deeply") from error
    return cast("dict[str, Any]", content)


def _check(content: Any) -> None:
    if not isinstance(content, dict):
        raise SluiceError("this is no record of a run: expected an object")
    found = content.get("schema")
    if found != SCHEMA:
        raise SluiceError(f"the record has the schema {found!r:.60}, and this Sluice reads {SCHEMA}")
    result = content.get("result")
    if not isinstance(result, str) or result not in RESULTS:
        raise SluiceError(f"the result {result!r:.60} is none of {', '.join(RESULTS)}")
    _have("the record", content, {"sluice": str, "run": dict, "outcome": str, "hosts": dict})
    _have("the record", content, {"releases": list, "events": list})
    _have("run", content["run"], dict.fromkeys(_RUN, str))
    for name, row in content["hosts"].items():
        _have(f"hosts.{name}", row, {"serves": str, "done": str})
    for number, release in enumerate(content["releases"]):
        where = f"releases[{number}]"
        _have(where, release, _RELEASE)
        for index, verdict in enumerate(release["verdicts"]):
            _have(f"{where}.verdicts[{index}]", verdict, _VERDICT)
            for place, finding in enumerate(verdict["findings"]):
                _have(f"{where}.verdicts[{index}].findings[{place}]", finding, {"what": str})
        for index, change in enumerate(release["changes"]):
            _have(f"{where}.changes[{index}]", change, {"file": str, "origin": str, "diff": str})
    for number, event in enumerate(content["events"]):
        _have(f"events[{number}]", event, _EVENT)


def _have(where: str, value: Any, wanted: Mapping[str, type]) -> None:
    if not isinstance(value, dict):
        raise SluiceError(f"{where} is no object")
    for name, kind in wanted.items():
        if not isinstance(value.get(name), kind):
            there = "is missing" if name not in value else f"is {value[name]!r:.60}"
            raise SluiceError(f"{where}.{name} {there}; expected {_KINDS[kind]}")


_KINDS = {str: "a text", dict: "an object", list: "a list", bool: "true or false"}
