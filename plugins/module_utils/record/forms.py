"""The types of what readers of ``run.json`` use; ``docs/schemas/run-2.json`` says the same, and more.

What is not here may be anything. Text that hosts said is in it, but every key has its type.
"""

# No lazy annotations here: msgspec reads them, and would have to guess where names come from.
from typing import Annotated, Any, Required, TypedDict

from ..answer_forms import Meta, Outcome, Problem, Step

__all__ = ["RecordForm"]

_Number = Annotated[float, Meta(ge=-1e15, le=1e15)]


# Gates of the user's own may leave out what does not apply.
class _Finding(TypedDict, total=False):
    what: str
    file: str | None
    line: int | None
    origin: str | None
    check: str | None
    expected: str | None
    seen: str | None
    nginx: str | None
    mend: str | None
    warning: bool


class _Evidence(TypedDict, total=False):
    outcomes: list[Any] | None


class _Verdict(TypedDict, total=False):
    findings: list[_Finding]
    evidence: _Evidence
    seconds: _Number


class _Part(TypedDict, total=False):
    file: str
    line: int
    old: list[str]
    new: list[str]
    origin: str
    variable: str


class _Set(TypedDict, total=False):
    fails: dict[str, list[str]]
    parts: list[int]
    more: int
    heals: bool | None
    whole: bool


class _Blame(TypedDict, total=False):
    gate: str
    parts: list[_Part]
    sets: list[_Set]
    tried: int
    edits: int
    seconds: _Number
    whole: bool
    note: str


class _Change(TypedDict, total=False):
    file: str
    diff: Required[str]


class _Release(TypedDict, total=False):
    release: Required[str | None]
    changes: list[_Change]
    hosts: list[str]
    passed: bool | None
    invented: list[str]
    verdicts: list[_Verdict]
    live: str | None
    blame: _Blame | None


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
    problems: list[Problem]
    warnings: list[str]
    steps: list[Step]
    checks: list[Outcome]
    timings: dict[str, _Number]
    traffic: _Traffic | None
    reverted: bool | None
    broken: bool
    changes_needed: bool
    unreachable_host: bool
    means: str
    note: str
    guard_deadline: _Number


class _Event(TypedDict, total=False):
    answer: _Answer


class _Emergency(TypedDict):
    reason: str
    gates: dict[str, list[str]]


class RecordForm(TypedDict, total=False):
    """A record, as far as anything is made of it."""

    signed: bool | None
    emergency: _Emergency | None
    releases: list[_Release]
    events: list[_Event]
