from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError, SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.gating.discovery import find_gates
from ansible_collections.sluice.nginx.plugins.module_utils.receipt import GATES
from ansible_collections.sluice.nginx.plugins.module_utils.staging.stage import Stage
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import Finding, GateOptions, Subject, Verdict
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.runner import (
    STAGES,
    Gate,
    in_order,
    read_waivers,
    run_gates,
)

SUBJECT = Subject(["web1"], GateOptions(), origins={"conf.d/a.conf": "files/nginx/a.conf.j2"})


FINE = Verdict("pass", "fine")


def gate(name: str, *after: str, result: Verdict | Exception = FINE) -> Gate:
    def run(subject: Subject) -> Verdict:
        if isinstance(result, Exception):
            raise result
        return result

    return Gate(name, after, run)


FAILS = Verdict("fail", "bad")


@pytest.mark.parametrize(
    ("gates", "order"),
    [
        ([], []),
        ([gate("b"), gate("a")], ["a", "b"]),
        ([gate("a", "b"), gate("b")], ["b", "a"]),
        ([gate("c", "a", "b"), gate("b", "a"), gate("a")], ["a", "b", "c"]),
    ],
)
def test_gates_run_after_their_forerunners(gates: list[Gate], order: list[str]) -> None:
    assert [found.name for found in in_order(gates)] == order


@pytest.mark.parametrize(
    ("gates", "words"),
    [
        ([gate("a", "x"), gate("b")], "the gate a runs after x, and there is no such gate; there are a, b"),
        ([gate("a", "a")], "gates wait for each other: a → a"),
        ([gate("a", "b"), gate("b", "a")], "gates wait for each other: "),
    ],
)
def test_an_order_that_cannot_be_is_told_in_words(gates: list[Gate], words: str) -> None:
    with pytest.raises(SluiceError) as refused:
        in_order(gates)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("gates", "results"),
    [
        ([], []),
        ([gate("a"), gate("b", "a")], [("a", "pass", "fine"), ("b", "pass", "fine")]),
        (
            [gate("a", result=FAILS), gate("b", "a"), gate("c", "b"), gate("d")],
            [
                ("a", "fail", "bad"),
                ("d", "pass", "fine"),
                ("b", "not run", "not run: a failed"),
                ("c", "not run", "not run: b was not run"),
            ],
        ),
        (
            [gate("a", result=Verdict("inconclusive", "too little")), gate("b", "a")],
            [("a", "inconclusive", "too little"), ("b", "not run", "not run: a is inconclusive")],
        ),
        (
            [gate("a", result=SluiceError("no Docker here")), gate("b")],
            [("a", "inconclusive", "no Docker here"), ("b", "pass", "fine")],
        ),
        (
            [gate("a", result=ZeroDivisionError("by zero")), gate("b", "a")],
            [
                ("a", "inconclusive", "the gate itself failed: ZeroDivisionError: by zero"),
                ("b", "not run", "not run: a is inconclusive"),
            ],
        ),
    ],
)
def test_all_gates_run_whose_forerunners_passed(gates: list[Gate], results: list[tuple[str, str, str]]) -> None:
    verdicts = run_gates(in_order(gates), SUBJECT)
    assert sorted((each.gate, each.result, each.summary) for each in verdicts) == sorted(results)
    assert all(each.seconds >= 0 for each in verdicts)


def test_a_crash_leaves_its_traceback_as_evidence() -> None:
    (verdict,) = run_gates([gate("a", result=KeyError("x"))], SUBJECT)
    assert "KeyError: 'x'" in verdict.evidence["traceback"]


def test_findings_get_the_file_that_their_place_was_made_from() -> None:
    findings = [Finding("bad", file="conf.d/a.conf", line=3), Finding("worse", file="nginx.conf"), Finding("worst")]
    (verdict,) = run_gates([gate("a", result=Verdict.of(findings, "good"))], SUBJECT)
    places = ["conf.d/a.conf:3 (files/nginx/a.conf.j2)", "nginx.conf", ""]
    assert [finding.place for finding in verdict.findings] == places


def test_a_gate_that_needs_a_release_or_a_stage_says_that_there_is_none() -> None:
    needy = [
        Gate("a", (), lambda subject: Verdict("pass", subject.examined[0].id)),
        Gate("b", (), lambda subject: Verdict("pass", subject.staged.container)),
    ]
    assert [each.summary.partition("ValueError: ")[2] for each in run_gates(needy, SUBJECT)] == [
        "there is no release to examine",
        "there is no stage to run the release on",
    ]


OWN = """
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import Finding, Subject, Verdict

AFTER = ("parse",)


def run(subject: Subject) -> Verdict:
    return Verdict("fail", f"not on {subject.hosts[0]}")
"""


@pytest.fixture
def own(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a gate of the user's own."""

    def made(name: str, text: str) -> Path:
        (tmp_path / f"{name}.py").write_text(text)
        return tmp_path

    return made


def test_the_built_in_gates_are_those_of_the_receipt_in_its_order() -> None:
    assert [found.name for found in find_gates()] == list(GATES)


def test_a_folder_adds_gates(own: Callable[[str, str], Path]) -> None:
    found = {each.name: each for each in find_gates(own("friday", OWN))}
    assert found["friday"].after == ("parse",)
    assert found["friday"].run(SUBJECT).summary == "not on web1"


def test_an_empty_folder_adds_none(tmp_path: Path) -> None:
    assert [each.name for each in find_gates(tmp_path)] == [each.name for each in find_gates()]


_TIMEOUT_SECONDS = 30.0


def _meeting(name: str, on: tuple[str, ...], all_here: threading.Barrier) -> Gate:
    """A gate that passes when another one runs at the same time."""

    def run(subject: Subject) -> Verdict:
        all_here.wait(_TIMEOUT_SECONDS)
        return FINE

    return Gate(name, (), run, on)


@pytest.mark.parametrize(
    ("live", "ways"),
    [
        (False, [(), ("stage",)]),
        (True, [("stage",), ("live_stage",)]),
        (True, [(), ("stage", "live_stage")]),
    ],
    ids=["one needs no stage", "each has a stage", "one has both"],
)
def test_gates_that_share_no_stage_run_at_the_same_time(live: bool, ways: list[tuple[str, ...]]) -> None:
    subject = Subject(["web1"], GateOptions(), live_stage=cast(Stage, SimpleNamespace(asked=0)) if live else None)
    all_here = threading.Barrier(len(ways))
    verdicts = run_gates([_meeting(f"gate{number}", on, all_here) for number, on in enumerate(ways)], subject)
    assert {each.result for each in verdicts} == {"pass"}, [each.summary for each in verdicts]


@pytest.mark.parametrize(
    ("live", "ways"),
    [
        (True, [("stage",), ("stage",), STAGES]),
        (False, [("stage",), ("live_stage",), STAGES]),
    ],
    ids=["the same one", "nothing else is live"],
)
def test_gates_on_the_same_stage_wait_for_each_other_and_keep_their_order(
    live: bool, ways: list[tuple[str, ...]]
) -> None:
    alone, order = threading.Lock(), list[str]()

    def working(name: str, on: tuple[str, ...]) -> Gate:
        def run(subject: Subject) -> Verdict:
            if not alone.acquire(blocking=False):
                return FAILS
            order.append(name)
            time.sleep(0.02)
            alone.release()
            return FINE

        return Gate(name, (), run, on)

    subject = Subject(["web1"], GateOptions(), live_stage=cast(Stage, SimpleNamespace(asked=0)) if live else None)
    gates = [working(f"gate{number}", on) for number, on in enumerate(ways)]
    assert [(each.gate, each.result) for each in run_gates(gates, subject)] == [(gate.name, "pass") for gate in gates]
    assert order == [gate.name for gate in gates]


def test_a_gate_that_waits_for_one_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="gates wait for others that are not there: b"):
        run_gates([gate("a"), gate("b", "x")], SUBJECT)


def test_a_gate_of_the_users_own_has_both_stages_for_itself_unless_it_says_otherwise(
    own: Callable[[str, str], Path],
) -> None:
    own("friday", OWN)
    found = {each.name: each for each in find_gates(own("quick", f"{OWN}\nON = ()\n"))}
    assert (found["friday"].on, found["quick"].on) == (STAGES, ())


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("lint", OWN, "lint.py: there is a gate lint already; give the file another name"),
        ("mine", "", "mine.py is no gate: it needs AFTER, a tuple of names, and run(subject), which returns a Verdict"),
        ("mine", "AFTER = ['parse']\ndef run(subject): ...", "mine.py is no gate: it needs AFTER"),
        (
            "mine",
            OWN + "ON = ('staging',)",
            "mine.py: ON is ('staging',); it is a tuple of what the gate works on, of s",
        ),
        ("mine", "AFTER = ()\nrun = 1", "mine.py is no gate: it needs AFTER"),
        ("mine", OWN + "prepare = 1", "mine.py: a gate that prepares has prepare(subject) and run(subject, "),
        ("mine", OWN + "def prepare(subject): ...", "mine.py: a gate that prepares has prepare(subject) and run(sub"),
        ("mine", "import nonsense_of_mine", "mine.py cannot be loaded: ModuleNotFoundError: No module named 'nons"),
        ("mine", "def run(", "mine.py cannot be loaded: SyntaxError: "),
        ("mine", OWN.replace("parse", "prase"), "the gate mine runs after prase, and there is no such gate; there are"),
    ],
)
def test_a_file_that_is_no_gate_is_refused_in_words(
    own: Callable[[str, str], Path], name: str, text: str, words: str
) -> None:
    with pytest.raises(SluiceError) as refused:
        find_gates(own(name, text))
    assert words in str(refused.value)


def test_a_gate_that_returns_no_verdict_is_inconclusive() -> None:
    (verdict,) = run_gates([Gate("mine", (), lambda subject: None)], SUBJECT)  # type: ignore[arg-type,return-value]
    assert verdict.result == "inconclusive"
    assert verdict.summary == "the gate mine returned None; run(subject) returns a Verdict"


UNSURE = Verdict("inconclusive", "zone_sync is a directive of NGINX Plus", [Finding("zone_sync", file="nginx.conf")])


def test_a_reason_of_the_user_decides_what_staging_cannot_tell_and_what_waited_for_it() -> None:
    gates = [gate("syntax", result=UNSURE), gate("start", "syntax"), gate("smoke", "start")]
    options = GateOptions(decide={"syntax": "tried on a licensed machine", "start": "so was this"})
    syntax, start, smoke = run_gates(gates, Subject(["web1"], options))
    assert (syntax.result, start.result, smoke.result) == ("pass", "pass", "not run")
    assert syntax.summary == "decided: tried on a licensed machine (zone_sync is a directive of NGINX Plus)"
    assert start.summary == "decided: so was this (not run: syntax is inconclusive)"
    assert smoke.summary == "not run: start is inconclusive"
    assert syntax.findings[0].warning
    assert syntax.evidence["decided"] == "tried on a licensed machine"


@pytest.mark.parametrize(
    ("reasons", "words"),
    [
        ({"sintax": "tried"}, "gates_waivers.sintax: there is no gate sintax; there are syntax, start"),
        (
            {"syntax": "tried", "start": ""},
            "gates_waivers.start: '' is no reason; write in words why the gate counts as",
        ),
        ({"syntax": "  "}, "gates_waivers.syntax: '  ' is no reason"),
        ({"syntax": True}, "gates_waivers.syntax: True is no reason"),
        ({"syntax": None}, "gates_waivers.syntax: None is no reason"),
    ],
)
def test_what_decides_nothing_is_refused_in_words(reasons: Mapping[str, object], words: str) -> None:
    with pytest.raises(InputError) as refused:
        read_waivers(reasons, [gate("syntax"), gate("start", "syntax")])
    assert words in str(refused.value)


def test_reasons_for_gates_are_taken_as_they_are() -> None:
    assert read_waivers({"syntax": "tried elsewhere"}, [gate("syntax")]) == {"syntax": "tried elsewhere"}


def test_no_reason_makes_a_failed_gate_pass() -> None:
    gates = [gate("syntax", result=FAILS), gate("start", "syntax")]
    options = GateOptions(decide={"syntax": "we are in a hurry", "start": "we are in a hurry"})
    assert [verdict.result for verdict in run_gates(gates, Subject(["web1"], options))] == ["fail", "not run"]


@pytest.mark.parametrize("said", [FINE, FAILS, ZeroDivisionError("by zero")])
def test_a_gate_waits_for_those_that_it_is_behind_whatever_they_say(said: Verdict | Exception) -> None:
    ran: list[str] = []

    def noting(name: str, result: Verdict | Exception, *after: str, behind: tuple[str, ...] = ()) -> Gate:
        def run(subject: Subject) -> Verdict:
            ran.append(name)
            return gate(name, result=result).run(subject)

        return Gate(name, after, run, ("live_stage",), behind)

    order = [noting("a", FINE), noting("taints", FINE, "a", behind=("asks", "not there")), noting("asks", said, "a")]
    verdicts = run_gates(order, SUBJECT)
    assert ran == ["a", "asks", "taints"]
    assert [verdict.gate for verdict in verdicts] == ["a", "taints", "asks"]


def preparing(
    prepare: Callable[[Subject], object], run: Callable[[Subject, object], Verdict], first: Callable[[Subject], Verdict]
) -> list[Gate]:
    """Three gates: one without a stage, ``first`` on it, and one that comes after both and prepares."""
    last = Gate("last", ("first",), run, ("stage",), prepare=prepare)
    return [Gate("plain", (), lambda subject: FINE, ()), Gate("first", ("plain",), first, ("stage",)), last]


def test_what_needs_no_stage_is_worked_out_while_forerunners_have_it() -> None:
    prepared = threading.Event()

    def prepare(subject: Subject) -> str:
        prepared.set()
        return "a plan"

    def first(subject: Subject) -> Verdict:
        return FINE if prepared.wait(10) else FAILS

    verdicts = run_gates(preparing(prepare, lambda subject, plan: Verdict("pass", str(plan)), first), SUBJECT)
    assert [verdict.summary for verdict in verdicts] == ["fine", "fine", "a plan"]


def test_what_cannot_be_prepared_is_the_gates_own_failure() -> None:
    def prepare(subject: Subject) -> None:
        raise ZeroDivisionError("by zero")

    verdicts = run_gates(preparing(prepare, lambda subject, plan: FINE, lambda subject: FINE), SUBJECT)
    assert [verdict.result for verdict in verdicts] == ["pass", "pass", "inconclusive"]
    assert "ZeroDivisionError" in verdicts[-1].summary
    failing = [
        replace(each, run=lambda subject: FAILS) if each.name == "plain" else each
        for each in preparing(prepare, lambda subject, plan: FINE, lambda subject: FINE)
    ]
    assert [verdict.result for verdict in run_gates(failing, SUBJECT)] == ["fail", "not run", "not run"]


def test_what_the_candidate_may_write_beside_the_live_release_comes_after_what_is_asked_there() -> None:
    known = {gate.name: gate for gate in find_gates()}
    assert known["reload"].behind == ("smoke", "behaviour")
    users = {name for name, each in known.items() if "live_stage" in each.on}
    assert users == {"syntax", "smoke", "reload", "behaviour"}
