"""The types of what readers of ``run.json`` use; ``docs/schemas/run-3.json`` says the same, and more.

What is not here may be anything. Text that hosts said is in it, but every key has its type.
"""

# No lazy annotations here: msgspec reads them, and would have to guess where names come from.
from typing import Annotated, Any, Required, TypedDict

from ..reply_schemas import Meta, OutcomeReply, ProblemReply, Step
from .model import Result
from .summary import Culprit, CulpritPart, HostSummary, RunFailure, Warned

__all__ = ["RecordForm"]

_Number = Annotated[float, Meta(ge=-1e15, le=1e15)]


class _Run(TypedDict):
    id: str
    folder: str
    who: str
    host: str
    started: str
    ended: str


class EditForm(TypedDict):
    file: str
    line: int
    old: str
    new: list[str]


# Gates of the user's own may leave out what does not apply.
class _Finding(TypedDict, total=False):
    what: Required[str]
    file: str | None
    line: int | None
    origin: str | None
    check: str | None
    expected: str | None
    seen: str | None
    nginx: str | None
    fix: str | None
    warning: bool
    accepted: str | None
    edits: list[EditForm] | None


class _Evidence(TypedDict, total=False):
    outcomes: list[Any] | None
    errors: list[str] | None


class _Verdict(TypedDict, total=False):
    gate: Required[str]
    result: Required[str]
    summary: Required[str]
    findings: Required[list[_Finding]]
    evidence: Required[_Evidence]
    seconds: _Number


class _Set(TypedDict, total=False):
    fails: dict[str, list[str]]
    parts: list[CulpritPart]
    more: int
    fixes: bool | None
    whole: bool


class _Culprits(TypedDict, total=False):
    sets: list[_Set]
    tried: int
    edits: int
    seconds: _Number
    whole: bool
    note: str


class _Change(TypedDict):
    file: str
    origin: str
    diff: str


class _LivedForm(TypedDict):
    inventory: str
    hosts: int
    now: int
    since: str
    until: str
    hours: _Number
    rolled_back: bool


class _RecordedRelease(TypedDict, total=False):
    release: Required[str | None]
    changes: Required[list[_Change]]
    hosts: Required[list[str]]
    passed: bool | None
    synthesized: Required[list[str]]
    verdicts: Required[list[_Verdict]]
    live: str | None
    culprits: _Culprits | None
    lived: list[_LivedForm] | None


class _Failing(TypedDict):
    request: str
    count: int


class _Traffic(TypedDict, total=False):
    start: str
    began: str | None
    step: Annotated[float, Meta(gt=0, le=1e9)]
    requests: list[Annotated[int, Meta(ge=0, le=2**53)]]
    errors: list[Annotated[int, Meta(ge=0, le=2**53)]]
    ms: list[_Number | None]
    failing: list[_Failing]


class _Answer(TypedDict, total=False):
    operation: str
    asked: str
    release: str | None
    live: str | None
    before: str | None
    problems: list[ProblemReply]
    warnings: list[str]
    steps: list[Step]
    checks: list[OutcomeReply]
    timings: dict[str, _Number]
    traffic: _Traffic | None
    rolled_back: bool | None
    rolled_back_by: str
    broken: bool
    changes_needed: bool
    unreachable_host: bool
    means: str
    note: str
    confirm_timeout: _Number


class _Event(TypedDict):
    at: str
    phase: str
    host: str
    good: bool
    answer: _Answer


class _Emergency(TypedDict):
    reason: str
    gates: dict[str, list[str]]


class RecordForm(TypedDict, total=False):
    """A record, as far as anything is made of it."""

    sluice: Required[str]
    run: Required[_Run]
    result: Required[Result]
    outcome: Required[str]
    signed: bool | None
    emergency: _Emergency | None
    offer: str | None
    inventory: str | None
    hosts: Required[dict[str, HostSummary]]
    releases: Required[list[_RecordedRelease]]
    culprits: Required[list[Culprit]]
    failures: Required[list[RunFailure]]
    warnings: Required[list[Warned]]
    events: Required[list[_Event]]
