"""The user's variables fit the roles' argument specs, and no two releases of a run clash."""

from __future__ import annotations

from ..textfmt import count
from ..verdicts.model import Finding, Subject, Verdict

AFTER: tuple[str, ...] = ()
ON: tuple[str, ...] = ()


def run(subject: Subject) -> Verdict:
    """Fail with each problem that was met while the variables were read and rendered."""
    findings = [Finding(problem, fix="correct the variable, and run again") for problem in subject.problems]
    return Verdict.of(
        findings,
        f"{count(len(subject.hosts), 'host')}, variables are as they should be",
    )
