"""``run.json``: its version, and how it is read. ``docs/schemas/run-3.json`` has its schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from ..errors import SluiceError
from ..packages import msgspec

__all__ = ["FAILED", "RESULTS", "SCHEMA", "VERSION", "Result", "check_record", "read_record"]

SCHEMA = 3
VERSION = "0.1.0"
"""The collection's, as ``galaxy.yml`` has it."""

Result = Literal["passed", "stopped", "confirmed", "unchanged", "rolled back", "broken", "predicted"]
RESULTS: Mapping[str, str] = {
    "passed": "passed the gates",
    "stopped": "stopped: no host was touched",
    "confirmed": "confirmed on every host",
    "unchanged": "nothing to do",
    "rolled back": "rolled back: what was switched is back",
    "broken": "broken: a host needs manual intervention",
    "predicted": "predicted, in check mode",
}
"""What a run can come to, in words."""

FAILED = ("stopped", "rolled back", "broken")
"""The results that have a postmortem."""


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

    if not isinstance(content, dict):
        raise SluiceError("this is no record of a run: expected an object")
    if content.get("schema") != SCHEMA:
        raise SluiceError(f"the record has the schema {content.get('schema')!r:.60}, and this Sluice reads {SCHEMA}")
    try:
        msgspec.convert(content, RecordForm)
    except (msgspec.ValidationError, UnicodeError) as error:  # the latter for text with half a character
        raise SluiceError(f"the record is not as its schema says: {error}") from error
    except RecursionError as error:
        raise SluiceError("the record is nested too deeply") from error
    _check_numbers(content)
    return content


def _check_numbers(content: Mapping[str, Any]) -> None:
    """Hosts name events, which must be there."""
    events = content["events"]
    for name, row in content["hosts"].items():
        numbers = row.get("events", [])
        if len(numbers) != (2 if row.get("began") else 0) or any(not 0 <= each < len(events) for each in numbers):
            raise SluiceError(f"hosts.{name}.events is {numbers!r:.60}; expected the numbers of two events, or none")
        counted = row.get("counted", -1)
        if counted != -1 and not (0 <= counted < len(events) and events[counted]["answer"].get("traffic")):
            raise SluiceError(f"hosts.{name}.counted is {counted!r:.60}; expected the number of an event with traffic")
