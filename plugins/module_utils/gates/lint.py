"""No finding at or above the set level: gixy-ng's rules, and our own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ..config.parse import Config
from ..errors import InputError
from ..lint.acceptance import AcceptComment, complaints, read_acceptances
from ..lint.audit import LEVELS, UNJUDGED, audit, gixy_rules
from ..lint.catalogue import LintFinding, find_rules, run_rules
from ..lint.context import LintContext, read_certificates, read_extensions, read_secrets
from ..release.store import Release
from ..verdicts.model import Finding, Subject, Verdict

AFTER = ("parse",)
ON: tuple[str, ...] = ()


def _findings(config: Config, release: Release, subject: Subject, live: Config | None) -> Iterator[LintFinding]:
    tree = release.tree
    docroots = {where: Path(folder) for where, folder in subject.options.docroots.items()}
    context = LintContext(
        read_extensions(docroots),
        live,
        read_certificates(config, tree, docroots),
        subject.options.certificate_days,
        frozenset(release.paths),
        secrets=read_secrets(tree),
        tree=tree,
    )
    yield from run_rules(config, context)
    for issue in audit(tree, config):
        finding = Finding(issue.what, file=issue.file, line=issue.line, seen=issue.why)
        yield LintFinding(issue.rule, issue.level, issue.when_new, finding)


def _alike(found: LintFinding) -> tuple[str, str, str]:
    """Return what makes a finding the same one in two releases: never its line."""
    return found.rule, found.finding.what, found.finding.seen


def _of_live(subject: Subject) -> Counter[tuple[str, str, str]]:
    """Count the findings that the live release has as well."""
    if subject.live is None:
        return Counter()
    return Counter(map(_alike, _findings(subject.live.config, subject.live.release, subject, None)))


def run(subject: Subject) -> Verdict:
    """Fail for findings at the level or above that are new against the live release and not accepted.

    The rest are warnings, and so is what stands in files that come unchanged from the distribution.
    """
    level, accepted = subject.options.lint_level, subject.options.lint_accept
    if level not in LEVELS:
        raise InputError("gates_lint_level", f"{level!r} is no level; use {', '.join(LEVELS)}")
    release, config = subject.examined
    acceptances = read_acceptances(release.tree, config.files)
    rules = find_rules()
    refused = frozenset(rule.name for rule in rules.values() if not rule.accepted_by_tree)
    used: set[AcceptComment] = set()
    # Linting the live release takes as long again, so it is done only when something would fail.
    before: Counter[tuple[str, str, str]] | None = None
    findings = []
    for found in _findings(config, release, subject, subject.live.config if subject.live else None):
        weight = found.when_new if subject.live else found.level
        by_tree = found.rule not in refused
        reasons = [each for each in acceptances if by_tree and each.covers(found.rule, found.finding)]
        used.update(reasons)
        packaged = subject.origins.get(found.finding.file, "").startswith("packaged/")
        mild = packaged or bool(reasons) or found.rule in {*accepted, UNJUDGED}
        mild = mild or LEVELS.index(weight) < LEVELS.index(level)
        what = f"{found.finding.what} [{found.rule}]" + (f", accepted: {reasons[0].reason}" if reasons else "")
        if not mild:
            before = _of_live(subject) if before is None else before
            if before[_alike(found)] > 0:
                before[_alike(found)] -= 1
                mild, what = True, f"{what}, as in the live release"
        comment = f"on its line: # sluice: accept {found.rule}: REASON"
        way = comment if by_tree else f"with gates_lint_accept: [{found.rule}]"
        mend = f"{found.finding.mend or 'fix it'}, or accept it {way}"
        findings.append(replace(found.finding, what=what, mend=mend, warning=mild))
    known = {*rules, *gixy_rules()}
    strict = level in ("unspecified", "low")
    findings += [
        replace(each, warning=each.warning or not strict) for each in complaints(acceptances, used, known, refused)
    ]
    warnings = sum(finding.warning for finding in findings)
    return Verdict.of(findings, f"no findings at level {level} or above ({warnings} lower)", level=level)
