"""Which findings pass by a person's word: those that stand in an entry for the two releases, and no others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.accepted.judging import Accepted, notes
from ansible_collections.sluice.nginx.plugins.module_utils.accepted.model import key_of, worded
from ansible_collections.sluice.nginx.plugins.module_utils.redactor.redactor import Redactor
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import Finding, GateOptions, Subject, Verdict
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.runner import Gate, run_gates
from tests.unit.accepted.samples import BAD, HIDDEN, LIVE, MOVED, NEW, OTHER, SLOW, change, verdict

RULE = replace(SLOW, what="wrong unit [wrong_unit]")
TRUST = replace(SLOW, what="code is run [code_in_configuration]")
CHECK = replace(SLOW, what="the shop is open: got 404", check="nginx_checks[0]")


def judge(
    found: Verdict, *entries: object, live: str | None = LIVE, candidate: str = NEW, door: Redactor | None = None
) -> Verdict:
    changes = entries or (change(*found.findings, gate=found.gate),)
    return Accepted(tuple(changes), "accepted.yml", door or Redactor()).of(live, candidate)(found)  # type: ignore[arg-type]


def test_a_gate_passes_when_all_that_fails_is_accepted() -> None:
    found = judge(verdict(MOVED, SLOW, HIDDEN, asked=20), change(MOVED, SLOW))
    assert (found.result, found.summary) == ("pass", "accepted by ada: the catalogue moved (2 findings)")
    assert [(each.warning, each.accepted) for each in found.findings] == [
        (True, "by ada: the catalogue moved"),
        (True, "by ada: the catalogue moved"),
        (True, ""),
    ]
    entry = {"run": "20260102T030405-abcd", "who": "ada", "when": "2026-01-02T03:04:05Z"}
    entries = [{**entry, "reason": "the catalogue moved", "findings": 2}]
    assert found.evidence == {"asked": 20, "accepted": {"file": "accepted.yml", "entries": entries}}


def test_what_the_run_did_not_find_still_fails() -> None:
    found = judge(verdict(MOVED, SLOW), change(MOVED))
    assert (found.result, found.summary) == ("fail", SLOW.what)
    assert [each.warning for each in found.findings] == [True, False]


@pytest.mark.parametrize(
    "other",
    [
        replace(MOVED, what="location /old → /other: clients go elsewhere"),
        replace(MOVED, file="conf.d/other.conf"),
        replace(MOVED, expected="location /older, as the live release answers"),
        replace(MOVED, actual="/new for GET http://shop.example/cart and 7 more"),
        replace(MOVED, what=f"{MOVED.what} " + "x" * 3000),
    ],
)
def test_another_finding_is_not_covered(other: Finding) -> None:
    assert judge(verdict(other), change(MOVED)) == verdict(other)


@pytest.mark.parametrize(
    "same",
    [
        MOVED,
        replace(MOVED, line=70, fix="another way", nginx="words"),
        replace(MOVED, actual="/new for GET http://shop.example/old and 1,204 more"),
        replace(MOVED, what=MOVED.what.replace(" ", "  ")),
    ],
)
def test_a_finding_is_known_by_its_gate_its_file_and_its_words(same: Finding) -> None:
    assert judge(verdict(same), change(MOVED)).result == "pass"
    assert judge(verdict(same, gate="lint"), change(MOVED)).result == "fail"


@pytest.mark.parametrize(("live", "candidate"), [(OTHER, NEW), (LIVE, OTHER), (None, NEW), (NEW, LIVE), (NEW, NEW)])
def test_an_entry_counts_for_its_two_releases_alone(live: str | None, candidate: str) -> None:
    assert judge(verdict(MOVED), change(MOVED), live=live, candidate=candidate).result == "fail"


def test_a_first_release_has_no_live_one() -> None:
    entry = change(MOVED, live="none")
    assert judge(verdict(MOVED), entry, live=None).result == "pass"
    assert judge(verdict(MOVED), entry).result == "fail"


@pytest.mark.parametrize(
    ("found", "result"),
    [
        (verdict(RULE, gate="lint"), "pass"),
        (verdict(TRUST, gate="lint"), "fail"),
        (verdict(SLOW, gate="lint"), "fail"),
        (verdict(SLOW, gate="needs"), "pass"),
        (verdict(SLOW, gate="coverage", derived=False), "pass"),
        (verdict(SLOW, gate="smoke", derived=True), "pass"),
        (verdict(SLOW, gate="smoke", derived=False), "fail"),
        (verdict(SLOW, gate="smoke"), "fail"),
        (verdict(CHECK, gate="smoke", derived=True), "fail"),
        (verdict(replace(SLOW, expected=""), gate="smoke", derived=True), "fail"),
        (Verdict("fail", "no request could be made", gate="behaviour"), "fail"),
        (Verdict("inconclusive", "in doubt", [SLOW], gate="needs"), "inconclusive"),
    ],
)
def test_what_may_be_accepted(found: Verdict, result: str) -> None:
    assert judge(found, change(*found.findings or (SLOW,), gate=found.gate)).result == result


@pytest.mark.parametrize("gate", ["spec", "parse", "syntax", "start", "reload", "verify", "a gate of the user's"])
def test_no_word_lets_pass_what_other_gates_find(gate: str) -> None:
    found, entry = verdict(BAD, gate=gate), change(BAD)
    forged = replace(entry, findings=(replace(entry.findings[0], gate=gate),))
    assert judge(found, forged) == found


def test_entries_have_words_that_passed_the_door_and_secrets_stay_secret() -> None:
    found = verdict(replace(MOVED, actual="the upstream is told hunter22secret"))
    door = Redactor(["hunter22secret"])
    entry = change(*door.data(list(found.findings)))
    assert "hunter22secret" not in str(entry)
    assert judge(found, entry, door=door).result == "pass"
    assert judge(found, entry).result == "fail"


def test_long_words_are_told_apart_by_their_end() -> None:
    one, other = "x" * 5000 + "1", "x" * 5000 + "2"
    assert worded(one) == worded(worded(one)) != worded(other)
    assert len(worded(one)) < 1200
    assert key_of("lint", "", one, "", "") != key_of("lint", "", other, "", "")


def test_gates_that_wait_for_an_accepted_one_are_run() -> None:
    gates = [
        Gate("behaviour", (), lambda _: verdict(MOVED)),
        Gate("own", ("behaviour",), lambda _: Verdict("pass", "ran")),
    ]
    judged = Accepted((change(MOVED),)).of(LIVE, NEW)
    assert [each.result for each in run_gates(gates, Subject(["web1"], GateOptions()), judged)] == ["pass", "pass"]
    assert [each.result for each in run_gates(gates, Subject(["web1"], GateOptions()))] == ["fail", "not run"]


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        ([(LIVE, NEW)], ""),
        ([(OTHER, "d" * 64)], ""),
        ([(None, None)], ""),
        (
            [(NEW, OTHER)],
            "accepted.yml: the entry of run 20260102T030405-abcd (ada) is spent: what it accepted, from aaaaaaaaaaaa "
            "to bbbbbbbbbbbb, is live; delete it",
        ),
        (
            [(LIVE, OTHER)],
            "accepted.yml: the entry of run 20260102T030405-abcd (ada) counts for the change from aaaaaaaaaaaa to "
            "bbbbbbbbbbbb alone, which is not this one; accept this one anew, or delete it",
        ),
        ([(OTHER, NEW)], "counts for the change from aaaaaaaaaaaa to bbbbbbbbbbbb alone"),
    ],
)
def test_an_entry_that_counts_no_more_is_told(pairs: list[tuple[str | None, str | None]], words: str) -> None:
    told = notes(Accepted((change(),)), pairs)
    assert words in "\n".join(told)
    assert bool(told) == bool(words)


def test_an_entry_of_variants_is_spent_when_all_of_them_are_live() -> None:
    pairs = [{"live": LIVE, "candidate": each} for each in (NEW, OTHER)]
    accepted = Accepted((change(changes=pairs),))
    assert notes(accepted, [(NEW, NEW), (LIVE, OTHER)]) == []
    assert "is spent: what it accepted, from aaaaaaaaaaaa to bbbbbbbbbbbb (and 1 more), is live" in "".join(
        notes(accepted, [(NEW, "d" * 64), (OTHER, "d" * 64)])
    )
    assert accepted.of(LIVE, OTHER)(verdict(MOVED)).result == "pass"
    assert accepted.of(NEW, OTHER)(verdict(MOVED)).result == "fail"


def test_a_spent_entry_covers_nothing() -> None:
    assert judge(verdict(MOVED), change(MOVED), live=NEW, candidate=OTHER).result == "fail"
