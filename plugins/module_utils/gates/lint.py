"""No security or correctness finding at or above the set level: gixy-ng's rules, and our own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ..config.parse import Config
from ..errors import InputError
from ..lint.acceptance import Acceptance, complaints, read_acceptances
from ..lint.audit import LEVELS, UNJUDGED, audit, gixy_rules
from ..lint.catalogue import Said, ask, find_rules, not_accepted_by_tree
from ..lint.context import Context, read_certificates, read_extensions, read_secrets
from ..release.store import Release
from ..verdicts.model import Finding, Subject, Verdict

AFTER = ("parse",)
ON: tuple[str, ...] = ()


def _asked(config: Config, release: Release, subject: Subject, live: Config | None) -> Iterator[Said]:
    tree = release.tree
    docroots = {where: Path(folder) for where, folder in subject.options.docroots.items()}
    context = Context(
        read_extensions(docroots),
        live,
        read_certificates(config, tree, docroots),
        subject.options.certificate_days,
        frozenset(release.paths),
        secrets=read_secrets(tree),
        tree=tree,
    )
    yield from ask(config, context)
    for issue in audit(tree, config):
        finding = Finding(issue.what, file=issue.file, line=issue.line, seen=issue.why)
        yield Said(issue.rule, issue.level, issue.when_new, finding)


def _alike(said: Said) -> tuple[str, str, str]:
    """What makes a finding the same one in two releases: never its line."""
    return said.rule, said.finding.what, said.finding.seen


def _of_live(subject: Subject) -> Counter[tuple[str, str, str]]:
    """Count the findings that the live release has as well."""
    if subject.live is None:
        return Counter()
    asked = _asked(subject.live.config, subject.live.release, subject, None)
    return Counter(_alike(said) for said in asked)


def run(subject: Subject) -> Verdict:
    """Fail for findings at the level or above that are new against the live release and not accepted.

    The rest are warnings, and so is what stands in files that come unchanged from the distribution.
    """
    level, accepted = subject.options.lint_level, subject.options.lint_accept
    if level not in LEVELS:
        raise InputError("gates_lint_level", f"{level!r} is no level; use {', '.join(LEVELS)}")
    release, config = subject.examined
    acceptances = read_acceptances(release.tree, config.files)
    refused = not_accepted_by_tree()
    used: set[Acceptance] = set()
    # Asking the live release takes as long again, so it is asked when something would fail.
    before: Counter[tuple[str, str, str]] | None = None
    findings = []
    for said in _asked(config, release, subject, subject.live.config if subject.live else None):
        weight = said.when_new if subject.live else said.level
        by_tree = said.rule not in refused
        reasons = [each for each in acceptances if by_tree and each.covers(said.rule, said.finding)]
        used.update(reasons)
        packaged = subject.origins.get(said.finding.file, "").startswith("packaged/")
        mild = packaged or bool(reasons) or said.rule in {*accepted, UNJUDGED}
        mild = mild or LEVELS.index(weight) < LEVELS.index(level)
        what = f"{said.finding.what} [{said.rule}]" + (f", accepted: {reasons[0].reason}" if reasons else "")
        if not mild:
            before = _of_live(subject) if before is None else before
            if before[_alike(said)] > 0:
                before[_alike(said)] -= 1
                mild, what = True, f"{what}, as in the live release"
        way = f"on its line: # sluice: accept {said.rule}: why" if by_tree else f"by gates_lint_accept: [{said.rule}]"
        mend = f"{said.finding.mend or 'mend it'}, or accept it {way}"
        findings.append(replace(said.finding, what=what, mend=mend, warning=mild))
    known = {*find_rules(), *gixy_rules()}
    strict = level in ("unspecified", "low")
    findings += [
        replace(each, warning=each.warning or not strict) for each in complaints(acceptances, used, known, refused)
    ]
    warnings = sum(finding.warning for finding in findings)
    return Verdict.of(findings, f"nothing at level {level} or above, {warnings} below", level=level)
