"""The words of a gate: what it examines (a subject) and what it says (a verdict with findings).

A gate is a module with ``AFTER``, the names of its forerunners, and ``run(subject) -> Verdict``; its name is the
file's. It may say ``ON``, what it works on of ``stage`` and ``live_stage``: gates with nothing in common run side by
side. One that does not say has both for itself. It may have ``prepare(subject)``, which needs no stage and runs ahead;
``run`` gets what that returns as well.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from ..textfmt import first_of, source
from .refusal import own_fault

if TYPE_CHECKING:
    from ..config.parse import Config
    from ..contract.model import Check
    from ..needs.model import Need
    from ..release.store import Release
    from ..staging.stage import Stage
    from .pytests import Pytests

__all__ = ["Edit", "Finding", "GateOptions", "Live", "Result", "Subject", "Verdict"]

T = TypeVar("T")
Result = Literal["pass", "fail", "inconclusive", "not run"]


@dataclass(frozen=True)
class Edit:
    """A line of a file of the tree, and lines that would stand there instead."""

    file: str
    line: int
    old: str
    new: tuple[str, ...]


@dataclass(frozen=True)
class Finding:
    """One thing that a gate found. What does not apply is empty; a ``warning`` fails nothing.

    ``file`` is a path in the tree; ``origin``, the file that it was made from, is filled in for the gate, and so is
    ``accepted``: by whom, and why, what would fail is let pass. ``fix`` is what a program would change.
    """

    what: str
    file: str = ""
    line: int = 0
    origin: str = ""
    check: str = ""
    expected: str = ""
    actual: str = ""
    nginx: str = ""
    fix: str = ""
    warning: bool = False
    accepted: str = ""
    edits: tuple[Edit, ...] = ()

    @property
    def place(self) -> str:
        """``file:line (origin)``, as far as they are known."""
        return source({"file": self.file, "line": self.line, "origin": self.origin})


@dataclass(frozen=True)
class Verdict:
    """What a gate says of a release. Only the result ``pass`` passes.

    ``focus`` is the gate's own: what shows its findings again. The search for culprits gives it back, and it is not
    recorded.
    """

    result: Result
    summary: str
    findings: Sequence[Finding] = ()
    evidence: Mapping[str, Any] = field(default_factory=dict)
    gate: str = ""
    seconds: float = 0.0
    focus: Collection[Any] = ()

    @classmethod
    def of(cls, findings: Sequence[Finding], good: str, **evidence: Any) -> Verdict:
        """Fail when there is a finding that is no warning; ``good`` is the summary otherwise."""
        faults = [finding for finding in findings if not finding.warning]
        if not faults:
            return cls("pass", good, findings, evidence)
        return cls("fail", first_of([fault.what for fault in faults]), findings, evidence)

    def to_json(self) -> dict[str, Any]:
        """The verdict as plain data, for the record."""
        found = asdict(replace(self, focus=()))
        del found["focus"]
        return found


@dataclass(frozen=True)
class GateOptions:
    """What the user sets for the gates (variables ``gates_*``, and ``nginx_needs`` as ``declared``).

    ``coverage`` is a share in percent. ``decide`` gives the reason for which a gate that is inconclusive counts as
    passed. ``accept`` are rows of ``gates_accept``, ``renewal`` those of ``gates_renewal``; ``replay_log`` is the path
    of an access log, or empty. ``sample`` is the number of servers that are asked of those that a change cannot reach.
    """

    lint_level: str = "high"
    lint_accept: tuple[str, ...] = ()
    allow_warnings: bool = False
    verify: tuple[str, ...] = ()
    docroots: Mapping[str, str] = field(default_factory=dict)
    declared: tuple[str, ...] = ()
    coverage: int = 80
    certificate_days: int = 14
    accept: tuple[Mapping[str, Any], ...] = ()
    strict: bool = False
    replay_log: str = ""
    replay_requests: int = 200
    behaviour_requests: int = 2500
    sample: int = 200
    decide: Mapping[str, str] = field(default_factory=dict)
    renewal: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Live:
    """The release that serves now, with what it needs."""

    release: Release
    config: Config
    needs: tuple[Need, ...]


@dataclass
class Subject:
    """What gates examine: one release, for ``hosts``, with its contract, and the stage that runs it.

    ``problems`` are what was wrong with the variables before there was a tree; then ``release`` is None. ``needs`` are
    those of the release. ``live`` is what serves now, None for a first release; it runs on ``live_stage``, in a
    environment that equals the one of ``stage``. ``focus`` is that of the verdict on a whole change of which this is a
    part: nothing else need be looked at. ``said`` is what each host answered when it was asked about the needs,
    None where hosts are not asked. ``pytests`` runs the user's tests. ``seed`` chooses which servers a sample has; the
    search for culprits keeps it, so that its trees are asked what the release was.

    A gate leaves both stages as it found them: the release's own bytes at their path, and nginx running from them.
    """

    hosts: Sequence[str]
    options: GateOptions
    problems: Sequence[str] = ()
    release: Release | None = None
    config: Config | None = None
    contract: Sequence[Check] = ()
    origins: Mapping[str, str] = field(default_factory=dict)
    stage: Stage | None = None
    needs: Sequence[Need] = ()
    live: Live | None = None
    live_stage: Stage | None = None
    said: Mapping[str, Mapping[str, Any]] | None = None
    pytests: Pytests | None = None
    seed: int = 0
    focus: Collection[Any] = ()
    _known: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, init=False, repr=False, compare=False)

    def once(self, name: str, work: Callable[[], T]) -> T:
        """Return what ``work`` returns for a name, which is done once for all gates; who asks meanwhile waits."""
        with self._lock:
            if name not in self._known:
                self._known[name] = work()
            known: T = self._known[name]
            return known

    @property
    def live_fault(self) -> str:
        """Why the live release starts nowhere, in nginx's words; then there is nothing to compare answers with.

        Empty where it starts, and where staging may be the cause. Waits until the stages are open.
        """
        if self.live is None or self.live_stage is None:
            return ""
        return own_fault(self.live_stage.refused)

    @property
    def is_live(self) -> bool:
        """Return whether the release is the one that serves now: there is no other stage then, and nothing changes."""
        return self.release is not None and self.live is not None and self.release.id == self.live.release.id

    def placed(self, verdict: Verdict) -> Verdict:
        """Add to each finding the file that its place was made from."""
        findings = [replace(finding, origin=self.origins.get(finding.file, "")) for finding in verdict.findings]
        return replace(verdict, findings=findings)

    @property
    def examined(self) -> tuple[Release, Config]:
        """The release and its configuration. Raises ``ValueError`` when there is none (only ``spec`` runs then)."""
        if self.release is None or self.config is None:
            raise ValueError("there is no release to examine")
        return self.release, self.config

    @property
    def staged(self) -> Stage:
        """The stage. Raises ``ValueError`` when there is none."""
        if self.stage is None:
            raise ValueError("there is no stage to run the release on")
        return self.stage

    @property
    def staged_live(self) -> Stage:
        """The stage of the live release. Raises ``ValueError`` when there is none."""
        if self.live_stage is None:
            raise ValueError("there is no stage that runs the live release")
        return self.live_stage
