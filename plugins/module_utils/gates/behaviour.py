"""The same requests to the live and to the candidate release differ only where the change says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from ..behaviour.attribution import Attribution
from ..behaviour.changes import DirectiveChange
from ..behaviour.comments import Comments
from ..behaviour.comparing import Compared, blocks_of, compare, grouped
from ..behaviour.exchange import caches
from ..behaviour.following import followed, still_led_to
from ..behaviour.judging import Judge
from ..behaviour.limits import WithinLimits, within_limits
from ..behaviour.plan import planned
from ..behaviour.pools import Pools
from ..behaviour.render import findings_of, summary
from ..behaviour.shipped import edited
from ..behaviour.side_by_side import NOT_ASKED, Beside
from ..behaviour.waivers import Acceptance, read_accept
from ..config.selection import Selection
from ..effects.known_change import KnownChange, change_of
from ..effects.reached import servers_asked
from ..verdicts.model import Finding, Live, Subject, Verdict

AFTER = ("start",)

# Of what a change does not reach, where that is known, so many requests are asked: the plainest first.
_OTHERS = 300


def prepare(subject: Subject) -> Plan | None:
    """Plan what both are asked; None where there is nothing to compare."""
    live = subject.live
    return None if live is None or live.release.id == subject.examined[0].id else _planned(subject, live)


def run(subject: Subject, plan: Plan | None = None) -> Verdict:
    """Ask both, compare, and fail for what got worse, and for what no edit explains."""
    live = subject.live
    if live is None:
        return Verdict("pass", "there is no live release to compare with")
    if live.release.id == subject.examined[0].id:
        return Verdict("pass", "nothing changes")
    if fault := subject.live_fault:
        return Verdict("pass", f"the live release does not start, so there is nothing to compare with: {fault}")
    plan = plan or _planned(subject, live)
    if not plan.within.requests:
        return Verdict("fail", "no request could be made: nothing listens in the live or in the candidate release")
    return _asked(subject, live, plan)


class Plan(NamedTuple):
    """What is asked (``within``), and what is ``known`` of the change before.

    ``left_out`` is how many more requests there are; ``is_sample`` says that the change does not reach these.
    """

    known: KnownChange
    attribution: Attribution
    selection: Selection
    within: WithinLimits
    left_out: int
    is_sample: bool


def _planned(subject: Subject, live: Live) -> Plan:
    """Plan what both releases are asked. A trial asks what failed before, and nothing else."""
    config = subject.examined[1]
    options, both = subject.options, (live.config, config)
    known = change_of(subject, live)
    selection = servers_asked(subject)
    is_sample = not options.strict and known.is_local
    requests, left_out = list(subject.focus), 0
    if not requests:
        requests, left_out = planned(
            *both,
            known.changed,
            subject.contract,
            known.log.requests,
            options.behaviour_requests,
            [*known.effects.witnesses(), *(each.request for each in known.files)],
            selection,
            *((known.reaches, _OTHERS) if is_sample else ()),
        )
    # As many as may be asked: what is left out, the change may reach as well.
    is_sample = is_sample and len(requests) < options.behaviour_requests
    attribution = Attribution(*both, known.changed)
    kept = {check.source for check in subject.contract}
    within = within_limits(requests, both, lambda each, one: attribution.way(each, one is config), kept)
    return Plan(known, attribution, selection, within, left_out, is_sample)


def _asked(subject: Subject, live: Live, plan: Plan) -> Verdict:
    """Ask both releases what is planned, and judge what differs."""
    release, config = subject.examined
    options, changed, attribution = subject.options, plan.known.changed, plan.attribution
    listed, requests = _Listed(read_accept(options.accept)), plan.within.requests
    before, after = live.release.tree, release.tree
    beside = Beside(
        subject.staged_live,
        subject.staged,
        Pools(live.config, config, subject.staged.environment.names),
        (release.id, live.release.id),
        sorted(caches(config) | caches(live.config)),
        apart=plan.within.apart,
        is_large=plan.selection.is_partial,
    )
    answers = beside.answers(requests, once=bool(subject.focus))
    asked = [n for n, three in enumerate(answers) if all(one["status"] != NOT_ASKED for one in three)]
    if not asked:
        return Verdict("inconclusive", "staging answered none of the requests in time")
    known = bool(options.docroots)
    brought = {each.request.url: edited(before, after, each.file) for each in plan.known.files}
    judge = Judge(live.config, config, changed, files_known=known, files=brought, comments=Comments(before, after))
    questions, replies = [requests[n] for n in asked], [answers[n] for n in asked]
    compared = list(compare(questions, replies, attribution, judge))
    compared = still_led_to(config, compared, questions, replies, files_known=known)
    compared = followed(beside, config, compared)
    meant = beside.meant(subject.contract, attribution, compared, changed) if compared or changed else {}

    def accepted(one: Compared) -> str:
        return listed.difference(one) or _for_request(one, meant)

    # A trial is about what was confirmed before, and leaves the rest to the next one.
    if not subject.focus:
        compared = beside.confirmed(compared, requests, (attribution, judge), accepted, plan.known.foretells)
        beside.restore()
    reasons = {id(change): listed.change(change) or _for_block(change, meant) for change in changed}
    rows = grouped(compared, changed, reasons, accepted, judge)
    findings = findings_of(rows, options.strict)
    findings += [Finding(words, warning=True) for words in [*listed.unused(), *plan.known.log.said]]
    left_out = plan.left_out + len(requests) - len(asked)
    said = Verdict.of(
        findings,
        summary(rows, len(asked), left_out, plan.is_sample, plan.selection.words, plan.within.left_out),
        changes=[row.to_json() for row in rows],
        directives=[change.words for change in changed],
        effects=plan.known.effects.to_json(),
        asked=len(asked),
        left_out=left_out,
        held_up=plan.within.left_out,
        sample=plan.selection.to_json(),
    )
    return replace(said, focus=beside.failing(compared, questions))


def _for_block(change: DirectiveChange, meant: Mapping[int, str]) -> str:
    name = meant.get(id(change.new)) or meant.get(id(change.blocks[1]))
    return f"check {name}" if name else ""


def _for_request(one: Compared, meant: Mapping[int, str]) -> str:
    blocks = blocks_of(one.met)
    return f"check {meant[blocks[-1]]}" if blocks and blocks[-1] in meant else ""


class _Listed:
    """The rows of ``gates_accept``, and which of them were of use."""

    def __init__(self, rows: Sequence[Acceptance]) -> None:
        self._rows = rows
        self._used: set[str] = set()

    def difference(self, one: Compared) -> str:
        request = one.request
        return self._reason(one.kind.what, [request.url, request.target, f"{request.host}{request.target}"])

    def change(self, change: DirectiveChange) -> str:
        return self._reason("directive", [change.words, change.name])

    def _reason(self, what: str, words: Sequence[str]) -> str:
        for row in self._rows:
            if row.covers(what, words):
                self._used.add(row.source)
                return f"{row.source}: {row.reason}"
        return ""

    def unused(self) -> list[str]:
        return [
            f"{row.source} ({row.request}) meant no change; take it out"
            for row in self._rows
            if row.source not in self._used
        ]
