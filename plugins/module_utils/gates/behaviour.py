"""The same requests to the live and to the candidate release differ only where the change says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..behaviour.attribution import Attribution, stays_inside
from ..behaviour.changes import DirectiveChange, changes
from ..behaviour.comments import Comments
from ..behaviour.comparing import Compared, blocks_of, compare, grouped
from ..behaviour.exchange import caches
from ..behaviour.following import followed, still_led_to
from ..behaviour.judging import Judge
from ..behaviour.limits import within_limits
from ..behaviour.plan import planned
from ..behaviour.pools import Pools
from ..behaviour.render import findings_of, summary
from ..behaviour.replay import read_log
from ..behaviour.shipped import edited, shipped
from ..behaviour.side_by_side import NOT_ASKED, Beside
from ..behaviour.waivers import Acceptance, read_accept
from ..config.parse import Config
from ..effects.effects import effects
from ..effects.model import Effects
from ..effects.reached import servers_asked
from ..verdicts.model import Finding, Subject, Verdict

AFTER = ("start",)

# Of what a change does not reach, where that is known, so many requests are asked: the plainest first.
_OTHERS = 600


def run(subject: Subject) -> Verdict:
    """Ask both, compare, and fail for what got worse, and for what no edit explains."""
    release, config = subject.examined
    live, options = subject.live, subject.options
    if live is None:
        return Verdict("pass", "there is no live release to compare with")
    if live.release.id == release.id:
        return Verdict("pass", "nothing changes")
    if fault := subject.live_fault:
        return Verdict("pass", f"the live release does not start, so there is nothing to compare with: {fault}")
    listed = _Listed(read_accept(options.accept))
    changed = changes(live.config, config)
    log = read_log(options.replay_log, options.replay_requests, live.config)
    done = Effects() if subject.focus else effects(live.config, config, changed, log.requests)
    before, after = live.release.tree, release.tree
    files = [*shipped(config, after), *shipped(live.config, before)]
    certain = [*done.witnesses(), *(each.request for each in files)]
    selection = servers_asked(subject)
    most = options.behaviour_requests
    others = _OTHERS if done.is_exact and _is_local(changed, (live.config, config)) else None
    requests, left_out = list(subject.focus), 0
    if not requests:
        requests, left_out = planned(
            live.config, config, changed, subject.contract, log.requests, most, certain, selection, others
        )
    if not requests:
        return Verdict("fail", "no request could be made: nothing listens in the live or in the candidate release")
    attribution = Attribution(live.config, config, changed)
    both = (live.config, config)
    kept = {check.source for check in subject.contract}
    chosen = within_limits(requests, both, lambda each, one: attribution.way(each, one is config), kept)
    requests = chosen.requests
    beside = Beside(
        subject.staged_live,
        subject.staged,
        Pools(live.config, config, subject.staged.environment.names),
        (release.id, live.release.id),
        sorted(caches(config) | caches(live.config)),
        apart=chosen.apart,
        is_large=selection.is_partial,
    )
    answers = beside.answers(requests)
    asked = [n for n, three in enumerate(answers) if all(one["status"] != NOT_ASKED for one in three)]
    if not asked:
        return Verdict("inconclusive", "staging answered none of the requests in time")
    brought = {each.request.url: edited(before, after, each.file) for each in files}
    known, comments = bool(options.docroots), Comments(before, after)
    judge = Judge(live.config, config, changed, files_known=known, files=brought, comments=comments)
    questions, replies = [requests[n] for n in asked], [answers[n] for n in asked]
    compared = list(compare(questions, replies, attribution, judge))
    compared = still_led_to(config, compared, questions, replies, files_known=bool(options.docroots))
    compared = followed(beside, config, compared)
    meant = beside.meant(subject.contract, attribution, compared, changed) if compared or changed else {}

    def accepted(one: Compared) -> str:
        return listed.difference(one) or _for_request(one, meant)

    compared = beside.confirmed(compared, requests, (attribution, judge), accepted)
    # A trial leaves that to the next one.
    if not subject.focus:
        beside.restore()
    rows = grouped(
        compared,
        changed,
        {id(change): listed.change(change) or _for_block(change, meant) for change in changed},
        accepted,
        judge,
    )
    findings = findings_of(rows, options.strict)
    findings += [Finding(words, warning=True) for words in [*listed.unused(), *log.said]]
    left_out += len(requests) - len(asked)
    said = Verdict.of(
        findings,
        summary(rows, len(asked), left_out, selection.words or _sampled(others, left_out), held_up=chosen.left_out),
        changes=[row.to_json() for row in rows],
        directives=[change.words for change in changed],
        effects=done.to_json(),
        asked=len(asked),
        left_out=left_out,
        held_up=chosen.left_out,
        sample=selection.to_json(),
    )
    return replace(said, focus=beside.failing(compared, questions))


def _is_local(changed: Sequence[DirectiveChange], configs: Sequence[Config]) -> bool:
    """Return whether it is known which servers a change concerns; of streams it is not."""
    return all(map(stays_inside, changed)) and not any(config.named("stream") for config in configs)


def _sampled(others: int | None, left_out: int) -> str:
    return "what the change does not reach was asked by sample" if others is not None and left_out else ""


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
