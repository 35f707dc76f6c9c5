"""No finding at or above the set level: gixy-ng's rules, and our own."""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ..config.parse import Config
from ..errors import InputError, SluiceError
from ..lint.acceptance import complaints, read_acceptances
from ..lint.audit import LEVELS, UNJUDGED, audit, gixy_rules
from ..lint.catalogue import LintFinding, find_rules, run_rules
from ..lint.context import LintContext, read_certificates, read_extensions, read_secrets
from ..lint.pairing import as_in_live
from ..release.store import Release
from ..tree_reader import read_inside
from ..verdicts.model import Finding, Subject, Verdict

AFTER = ("parse",)
ON: tuple[str, ...] = ()


def _own_findings(
    config: Config, release: Release, subject: Subject, live: Config | None, rules: Collection[str] | None
) -> Iterator[LintFinding]:
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
        nginx=_oldest_nginx(release, subject),
    )
    yield from run_rules(config, context, rules)


def _of_gixy(config: Config, release: Release) -> Iterator[LintFinding]:
    for issue in audit(release.tree, config):
        finding = Finding(issue.what, file=issue.file, line=issue.line, actual=issue.why)
        yield LintFinding(issue.rule, issue.level, issue.level, finding, issue.directive)


def _oldest_nginx(release: Release, subject: Subject) -> str:
    """Return the oldest version that a host has; that of staging where no host was asked; "" where nothing is known."""
    answers = (subject.said or {}).values()
    told = [str(facts["nginx_version"]) for each in answers if (facts := each.get("facts") or {}).get("nginx_version")]
    return min(told, key=_numbers, default="") or _nginx_of_staging(release)


def _nginx_of_staging(release: Release) -> str:
    with contextlib.suppress(SluiceError):
        return str(release.described.get("platform", {}).get("nginx_version") or "")
    return ""


def _numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]


def _lint(
    config: Config,
    release: Release,
    subject: Subject,
    live: Config | None,
    *,
    gixy: bool = True,
    rules: Collection[str] | None = None,
) -> list[LintFinding]:
    """Return what the rules find in a release, all or those named; with its ``live`` configuration also what got worse
    against that.
    """
    own = list(_own_findings(config, release, subject, live, rules))
    gixy = gixy and (rules is None or not find_rules().keys() >= set(rules))
    return [*own, *_of_gixy(config, release)] if gixy else own


def new_findings(subject: Subject, *, gixy: bool = True) -> list[LintFinding]:
    """Return what the rules find, at any level, and the live release does not have; without ``gixy`` our own alone."""
    release, config = subject.examined
    found = _lint(config, release, subject, subject.live.config if subject.live else None, gixy=gixy)
    lived = _Lived(subject, config, found, {each.rule for each in found}, gixy)
    return [each for number, each in enumerate(found) if not lived.has(number)]


class _Lived:
    """Which findings the live release has as well. Linting it takes as long again, so it waits until it matters, and
    for the ``rules`` to which it does.
    """

    def __init__(
        self, subject: Subject, config: Config, found: Sequence[LintFinding], rules: Collection[str], gixy: bool = True
    ) -> None:
        self._subject, self._config, self._found, self._rules, self._gixy = subject, config, found, rules, gixy
        self._read: dict[tuple[str, str], list[str]] = {}

    @functools.cached_property
    def _same(self) -> Sequence[bool]:
        live = self._subject.live
        if live is None:
            return [False] * len(self._found)
        before = _lint(live.config, live.release, self._subject, None, gixy=self._gixy, rules=self._rules)
        return as_in_live(self._found, self._config, before, live.config)

    def has(self, number: int) -> bool:
        """Return whether live has the finding of that number, which one of the rules made."""
        return self._same[number] or self._is_unread(self._found[number])

    def _is_unread(self, found: LintFinding) -> bool:
        """Return whether the line stands in a file of live that cannot be read: who repairs that left it alone."""
        live = self._subject.live
        if live is None or not live.config.problems or not found.finding.line:
            return False
        lines = self._lines(self._subject.examined[0], found.finding.file)
        line = lines[found.finding.line - 1] if found.finding.line <= len(lines) else ""
        # One line more is a copy.
        return bool(line) and lines.count(line) <= self._lines(live.release, found.finding.file).count(line)

    def _lines(self, release: Release, file: str) -> list[str]:
        if (release.id, file) not in self._read:
            lines: list[str] = []
            with contextlib.suppress(SluiceError, OSError):
                lines = read_inside(release.tree, file).decode("utf-8", "replace").splitlines()
            self._read[release.id, file] = [each.strip() for each in lines]
        return self._read[release.id, file]


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
    every = _lint(config, release, subject, subject.live.config if subject.live else None, rules=subject.focus or None)
    covering = [
        [each for each in acceptances if found.rule not in refused and each.covers(found.rule, found.finding)]
        for found in every
    ]
    grave = {
        number
        for number, found in enumerate(every)
        if not covering[number]
        and found.rule not in {*accepted, UNJUDGED}
        and not subject.origins.get(found.finding.file, "").startswith("packaged/")
        and LEVELS.index(found.when_new if subject.live else found.level) >= LEVELS.index(level)
    }
    lived = _Lived(subject, config, every, {every[number].rule for number in grave})
    findings, focus = [], set()
    for number, found in enumerate(every):
        by_tree, reasons, mild = found.rule not in refused, covering[number], number not in grave
        what = f"{found.finding.what} [{found.rule}]" + (f", accepted: {reasons[0].reason}" if reasons else "")
        if not mild and lived.has(number):
            mild, what = True, f"{what}, as in the live release"
        focus |= set() if mild else {found.rule}
        comment = f"on its line: # sluice: accept {found.rule}: REASON"
        way = comment if by_tree else f"with gates_lint_accept: [{found.rule}]"
        fix = f"{found.finding.fix or 'fix it'}, or accept it {way}"
        findings.append(replace(found.finding, what=what, fix=fix, warning=mild))
    used = {comment for comments in covering for comment in comments}
    known = {*rules, *gixy_rules()}
    strict = level in ("unspecified", "low")
    findings += [
        replace(each, warning=each.warning or not strict) for each in complaints(acceptances, used, known, refused)
    ]
    warnings = sum(finding.warning for finding in findings)
    said = Verdict.of(findings, f"no findings at level {level} or above ({warnings} lower)", level=level)
    return replace(said, focus=focus)
