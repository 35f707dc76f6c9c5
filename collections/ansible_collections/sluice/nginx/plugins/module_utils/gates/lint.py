"""No security or correctness finding at or above the set level: gixy-ng's rules, and our own."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ..errors import InputError
from ..lint import rules
from ..lint.audit import LEVELS, audit
from ..lint.context import read_docroots
from ..verdicts.model import Finding, Subject, Verdict

AFTER = ("parse",)


def _own(subject: Subject) -> Iterator[tuple[str, str, Finding]]:
    _, config = subject.examined
    context = read_docroots({where: Path(folder) for where, folder in subject.options.docroots.items()})
    for found in pkgutil.iter_modules(rules.__path__):
        rule = importlib.import_module(f"{rules.__name__}.{found.name}")
        for finding in rule.run(config, context):
            yield found.name, rule.LEVEL, finding


def _gixy(subject: Subject) -> Iterator[tuple[str, str, Finding]]:
    release, config = subject.examined
    for issue in audit(release.tree, config):
        yield issue.rule, issue.level, Finding(issue.what, file=issue.file, line=issue.line, seen=issue.why)


def run(subject: Subject) -> Verdict:
    """Fail for findings at the level or above that are not accepted.

    The rest are warnings, and so is what stands in files that come unchanged from the distribution.
    """
    level, accepted = subject.options.lint_level, subject.options.lint_accept
    if level not in LEVELS:
        raise InputError("gates_lint_level", f"{level!r} is no level; use {', '.join(LEVELS)}")
    findings = []
    for rule, weight, finding in [*_own(subject), *_gixy(subject)]:
        packaged = subject.origins.get(finding.file, "").startswith("packaged/")
        mild = packaged or rule in accepted or LEVELS.index(weight) < LEVELS.index(level)
        mend = finding.mend or f"mend it, or accept the rule: gates_lint_accept: [{rule}]"
        findings.append(replace(finding, what=f"{finding.what} [{rule}]", file=finding.file, mend=mend, warning=mild))
    warnings = sum(finding.warning for finding in findings)
    return Verdict.of(findings, f"nothing at level {level} or above, {warnings} below", level=level)
