"""Runs a tree on the image of its hosts and on another one, and tells what the other nginx does otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..behaviour.attribution import Attribution
from ..behaviour.comparing import ChangeRow, compare, grouped
from ..behaviour.exchange import caches
from ..behaviour.fields import Fields
from ..behaviour.judging import Judge
from ..behaviour.limits import within_limits
from ..behaviour.plan import planned
from ..behaviour.pools import Pools
from ..behaviour.replay import read_log
from ..behaviour.shipped import shipped
from ..behaviour.side_by_side import NOT_ASKED, Beside
from ..config.derive import DerivedRequest
from ..gates.syntax import findings_of
from ..staging.stage import Stage
from ..textfmt import count
from ..verdicts.model import Finding, Subject, Verdict
from ..verdicts.runner import Gate

__all__ = ["RehearsedNginx", "news_of", "rehearsal_of", "without_version"]

_WIDEST = 80
_FIRST = "change it in the tree, deploy that with the present nginx, and then upgrade"
_ALIKE = "say in the tree what both answer alike, deploy that, and then upgrade; or upgrade, if this is meant"


@dataclass(frozen=True)
class RehearsedNginx:
    """One side: an image, and what its nginx calls itself, as ``nginx`` and ``1.26.3``."""

    image: str
    flavour: str
    version: str
    os: str

    @property
    def words(self) -> str:
        """``nginx 1.26.3 of debian 13``."""
        return f"{self.flavour} {self.version} of {self.os}"


def rehearsal_of(present: RehearsedNginx, other: RehearsedNginx) -> Gate:
    """Return what runs a release under both; it runs as a gate does, on a stage of the present image."""
    return Gate("rehearsal", ("parse",), lambda subject: _run(subject, present, other))


def without_version(fields: Fields, nginx: RehearsedNginx) -> Fields:
    """Return an answer without the version that nginx tells of itself in a header and on its own pages: that it is
    another one is known.
    """
    said = f"{nginx.flavour}/{nginx.version}"
    return {name: value.replace(said, f"{nginx.flavour}/VERSION") for name, value in fields.items()}


@dataclass(frozen=True)
class _Versions(Beside):
    """Two stages of one release, under an nginx each."""

    sides: tuple[RehearsedNginx, RehearsedNginx]

    def _flat(self, request: DerivedRequest, answer: Any, candidate: bool) -> Fields:
        return without_version(super()._flat(request, answer, candidate), self.sides[candidate])


def _run(subject: Subject, present: RehearsedNginx, other: RehearsedNginx) -> Verdict:
    stage = subject.staged
    before = _refusal(stage)
    if before:
        why = f"{present.words}, which the hosts have, does not run the tree in staging, so nothing was compared"
        return Verdict("inconclusive", why, [Finding(why, nginx=before)])
    with stage.beside("rehearsal", other.image) as upgraded:
        findings = list(news_of(stage, upgraded, other))
        if any(not each.warning for each in findings):
            return Verdict.of(findings, "")
        refused = _refusal(upgraded)
        if refused:
            return Verdict.of([*findings, Finding(f"{other.words} does not start from this tree", nginx=refused)], "")
        rows, asked, left_out = _compared(subject, upgraded, present, other)
    findings += [_finding(row, present, other) for row in rows]
    shown = sum(row.kind.grade == "shown" for row in rows)
    words = f"{count(asked, 'request')} asked of both" + (f", {left_out} or more left out" if left_out else "")
    words += f", {count(shown, 'small difference')}" if shown else ""
    return Verdict.of(findings, words, changes=[row.to_json() for row in rows], asked=asked, left_out=left_out)


def _refusal(stage: Stage) -> str:
    """Return why nginx does not run on a stage, in its own words; nothing where it does."""
    started = stage.start()
    if not started["code"] and started["workers"]:
        return ""
    return str(started["words"] or "no worker stayed").strip()


def news_of(stage: Stage, upgraded: Stage, other: RehearsedNginx) -> Iterator[Finding]:
    """Yield what ``nginx -t`` of the other one says, and the present one does not."""
    said = [stage.ask("test"), upgraded.ask("test")]
    known, now = (findings_of(str(each["output"]), allow_warnings=True) for each in said)
    before = {each.what for each in known}
    news = [each for each in now if each.what not in before]
    for each in news:
        what = f"{other.words} {'warns' if each.warning else 'refuses the tree'}: {each.what}"
        yield Finding(what, file=each.file, line=each.line, nginx=each.nginx, fix=_FIRST, warning=each.warning)
    if said[1]["code"] and all(each.warning for each in news):
        yield Finding(f"{other.words} refuses the tree", nginx=str(said[1]["output"]).strip())


def _compared(
    subject: Subject, upgraded: Stage, present: RehearsedNginx, other: RehearsedNginx
) -> tuple[Sequence[ChangeRow], int, int]:
    """Ask both the same requests; returns what differs, how many were asked, and how many left out."""
    release, config = subject.examined
    options = subject.options
    log = read_log(options.replay_log, options.replay_requests, config)
    certain = [each.request for each in shipped(config, release.tree)]
    most = options.behaviour_requests
    requests, left_out = planned(config, config, [], subject.contract, log.requests, most, certain)
    explained = Attribution(config, config, []), Judge(config, config, [], files_known=bool(options.docroots))
    kept = {check.source for check in subject.contract}
    chosen = within_limits(requests, [config], lambda each, _: explained[0].way(each, True), kept)
    requests, left_out = chosen.requests, left_out + chosen.left_out
    beside = _Versions(
        subject.staged,
        upgraded,
        Pools(config, config, subject.staged.environment.names),
        (release.id, release.id),
        sorted(caches(config)),
        (present, other),
        apart=chosen.apart,
    )
    answers = beside.answers(requests)
    asked = [n for n, three in enumerate(answers) if all(one["status"] != NOT_ASKED for one in three)]
    compared = list(compare([requests[n] for n in asked], [answers[n] for n in asked], *explained))
    # What does not come again was chance.
    compared = beside.confirmed(compared, requests, explained, lambda _: False)
    rows = grouped(compared, [], {}, lambda _: "", explained[1])
    return rows, len(asked), left_out + len(requests) - len(asked)


def _finding(row: ChangeRow, present: RehearsedNginx, other: RehearsedNginx) -> Finding:
    before, after = (_short(each) or "nothing" for each in (row.before, row.after))
    more = row.count - len(row.examples)
    seen = f"{after} for {', '.join(row.examples)}" + (f" and {more} more" if more else "")
    return Finding(
        f"{row.what} {before} → {after}: {row.kind.why}",
        file=row.place[0],
        line=row.place[1],
        expected=f"{before}, as {present.words} answers",
        actual=f"{seen}, by {other.words}",
        fix=_ALIKE,
        warning=row.kind.grade == "shown",
    )


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _WIDEST else f"{line[: _WIDEST - 1]}…"
