"""What of a record can be accepted, and the words where it cannot."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.accepted.judging import Accepted
from ansible_collections.sluice.nginx.plugins.module_utils.accepted.model import AcceptedChange
from ansible_collections.sluice.nginx.plugins.module_utils.accepted.recorded import changes_of
from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import Verdict
from tests.unit.accepted.samples import BAD, HIDDEN, LIVE, MOVED, NEW, SLOW, change, record, verdict

FINE = Verdict("pass", "fine", [HIDDEN], gate="parse")
NEEDED = verdict(replace(SLOW, what="upstream app:9000 is new"), gate="needs")


def accept(*verdicts: Verdict, known: tuple[AcceptedChange, ...] = (), **more: str | None) -> list[AcceptedChange]:
    return changes_of(record(*verdicts, **more), known, "ada", "2026-01-02T03:04:05Z", "the catalogue moved")


def test_what_failed_is_accepted_and_nothing_else() -> None:
    (found,) = accept(FINE, verdict(MOVED, HIDDEN), NEEDED)
    assert found.pairs == [(LIVE, NEW)]
    assert [(each.gate, each.what, each.lines) for each in found.findings] == [
        ("behaviour", MOVED.what, (7,)),
        ("needs", "upstream app:9000 is new", (9,)),
    ]
    assert (found.run, found.by) == ("20260102T030405-abcd", "ada: the catalogue moved")


def test_the_gates_then_let_exactly_that_pass() -> None:
    judged = Accepted(tuple(accept(verdict(MOVED), NEEDED))).of(LIVE, NEW)
    assert [judged(each).result for each in (verdict(MOVED), NEEDED, verdict(MOVED, SLOW))] == ["pass", "pass", "fail"]


def test_the_same_words_at_two_lines_are_one_finding() -> None:
    (found,) = accept(verdict(MOVED, replace(MOVED, line=70)))
    assert [each.lines for each in found.findings] == [(7, 70)]


def test_what_is_known_is_not_accepted_again() -> None:
    assert accept(verdict(MOVED), known=(change(MOVED),)) == []
    (more,) = accept(verdict(MOVED, SLOW), known=(change(MOVED),))
    assert [each.what for each in more.findings] == [SLOW.what]
    assert accept(verdict(MOVED), known=(change(MOVED, candidate="d" * 64),)) != []


def test_variants_with_the_same_findings_share_an_entry() -> None:
    made = record(verdict(MOVED, SLOW))
    other = {**made["releases"][0], "release": "d" * 64, "verdicts": [verdict(SLOW, replace(MOVED, line=9)).to_json()]}
    third = {**other, "release": "e" * 64, "verdicts": [verdict(SLOW).to_json()]}
    made["releases"] += [other, third]
    first, second = changes_of(made, (), "ada", "2026-01-02T03:04:05Z", "the catalogue moved")
    assert first.pairs == [(LIVE, NEW), (LIVE, "d" * 64)]
    assert [(each.what, each.lines) for each in first.findings] == [(MOVED.what, (7, 9)), (SLOW.what, (9,))]
    assert (second.pairs, [each.what for each in second.findings]) == ([(LIVE, "e" * 64)], [SLOW.what])
    assert changes_of(made, (first, second), "ada", "2026-01-02T03:04:05Z", "again") == []


def test_a_first_release_has_none_before_it() -> None:
    (found,) = accept(verdict(MOVED), live=None)
    assert found.pairs == [("none", NEW)]


@pytest.mark.parametrize(
    ("verdicts", "words"),
    [
        ((verdict(BAD, gate="syntax"),), "syntax: nginx does not start: it ended with 1: nothing that the gate syntax"),
        (
            (verdict(SLOW, gate="verify"), verdict(MOVED)),
            "run 20260102T030405-abcd found what cannot be accepted, so noth",
        ),
        ((verdict(SLOW, gate="smoke", derived=False),), "a check of the contract does not hold"),
        (
            (verdict(replace(SLOW, what="code [code_in_configuration]"), gate="lint"),),
            "no word beside the inventory accepts it; where it is meant, set gates_lint_accept: [code_in_conf",
        ),
        (
            (Verdict("inconclusive", "in doubt", gate="needs"),),
            "the gate needs is inconclusive; say in gates_waivers why",
        ),
        (
            (Verdict("fail", "no request", gate="behaviour"),),
            "the gate behaviour examined nothing, and that is no opin",
        ),
        ((FINE,), "the gates found nothing in run 20260102T030405-abcd that is to be accepted (stopped)"),
        ((), "the gates found nothing in run"),
    ],
)
def test_what_cannot_be_accepted_is_told_and_nothing_written(verdicts: tuple[Verdict, ...], words: str) -> None:
    with pytest.raises(SluiceError) as refused:
        accept(*verdicts)
    assert words in str(refused.value)


def test_many_reasons_are_told_in_few_lines() -> None:
    gates = ("spec", "parse", "syntax", "start", "reload", "verify", "own", "other")
    with pytest.raises(SluiceError) as refused:
        accept(*(verdict(BAD, gate=gate) for gate in gates))
    assert str(refused.value).splitlines()[-1] == "and 3 more"
