from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import Event
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.summarize import gate_answer, summarize
from ansible_collections.sluice.nginx.plugins.module_utils.reports.console import fleet_text

Make = Callable[..., Event]

OLD, NEW = "a" * 12, "b" * 12
PORT = {"problems": [{"what": "port 80 is taken", "fix": "free it"}]}
ROLLBACK = {"operation": "rollback"}
BY_WATCHDOG = {
    "rolled_back": None,
    "rolled_back_by": "watchdog",
    "note": "release bbbbbbbbbbbb of run run-1 was rolled back by watchdog at 2026-01-01",
}
GONE = {"unreachable_host": True, "problems": [{"what": "the host cannot be reached: timed out"}]}


@pytest.mark.parametrize(
    ("lines", "good", "outcome"),
    [
        ([], True, "nothing to do on 0 hosts"),
        ([("web1 preflight", {"changes_needed": False})], True, "nothing to do on 1 host"),
        (
            [("web1 preflight", {}), ("web1 activate", {}), ("web1 bake", {}), ("web1 finalize", {})],
            True,
            "1 host switched and confirmed",
        ),
        (
            [("web1 preflight FAILED", PORT), ("web2 preflight", {})],
            False,
            "web1 failed in preflight (port 80 is taken); no other host was switched",
        ),
        (
            [
                ("web1 preflight", {}),
                ("web1 activate", {}),
                ("web2 activate FAILED", PORT),
                ("web1 finalize", {"operation": "rollback"}),
            ],
            False,
            "web2 failed in activate (port 80 is taken); the 1 switched before it were rolled back",
        ),
        (
            [("web1 activate", {}), ("web2 bake FAILED", PORT), ("web1 finalize FAILED", {"operation": "rollback"})],
            False,
            "web2 failed in bake (port 80 is taken); NOT rolled back: web1; look there with sluice.nginx.status",
        ),
        (
            [("web1 activate", {}), ("web3 activate", {}), ("web2 bake FAILED", {"problems": [{"what": "a"}] * 3})],
            False,
            "web2 failed in bake (a, and 2 more); NOT rolled back: web1, web3; look there with sluice.nginx.status",
        ),
        (
            [("web1 activate", {}), ("web2 activate FAILED", {**PORT, "rolled_back": False, "broken": True})]
            + [(f"web{n} finalize", {"operation": "rollback"}) for n in (1,)]
            + [("web2 finalize FAILED", {"operation": "rollback", "broken": True, "rolled_back": False})],
            False,
            "web2 failed in activate (port 80 is taken); NOT rolled back: web2; look there with sluice.nginx.status",
        ),
        (
            [("web1 activate FAILED", {**GONE, "confirm_timeout": 120.0})],
            False,
            "web1 failed in activate (the host cannot be reached: timed out); "
            "out of reach, and left to the watchdog: web1",
        ),
        (
            [
                ("web1 activate", {}),
                ("web2 activate FAILED", GONE),
                ("web1 finalize", ROLLBACK),
                ("web2 finalize FAILED", {**GONE, **ROLLBACK}),
            ],
            False,
            "web2 failed in activate (the host cannot be reached: timed out); "
            "the 1 switched before it were rolled back; out of reach, and left to the watchdog: web2",
        ),
        (
            [
                ("web1 activate", {}),
                ("web2 activate", {}),
                ("web1 finalize", {}),
                ("web2 finalize FAILED", PORT),
                ("web1 retry_rollback FAILED", {**GONE, **ROLLBACK}),
                ("web2 retry_rollback", ROLLBACK),
            ],
            False,
            "web2 failed in finalize (port 80 is taken); NOT rolled back: web1; look there with sluice.nginx.status",
        ),
        (
            [("web1 activate FAILED", {**PORT, "rolled_back": True})],
            False,
            "web1 failed in activate (port 80 is taken); no other host was switched",
        ),
        (
            [
                ("web1 activate", {}),
                ("web2 finalize FAILED", PORT),
                ("web1 finalize", {}),
                ("web1 retry_rollback", {"operation": "rollback"}),
            ],
            False,
            "web2 failed in finalize (port 80 is taken); the 1 switched before it were rolled back",
        ),
        ([("run gate FAILED", {}), ("web1 preflight", {"changes_needed": False})], True, "nothing to do on 1 host"),
    ],
)
def test_the_outcome(event: Make, lines: list[tuple[str, dict[str, Any]]], good: bool, outcome: str) -> None:
    concluded = summarize([event(line, **more) for line, more in lines])
    assert (concluded.is_good, concluded.outcome) == (good, outcome)


def test_check_mode_says_what_would_be_done(event: Make) -> None:
    events = [event("web1 preflight"), event("web2 preflight", live="b" * 64, changes_needed=False)]
    concluded = summarize(events, check_mode=True)
    assert (concluded.is_good, concluded.outcome) == (True, "1 of 2 hosts would be switched")
    assert (concluded.hosts["web1"].serves, concluded.hosts["web1"].done) == (OLD, f"would be switched to {NEW}")
    assert (concluded.hosts["web2"].serves, concluded.hosts["web2"].done) == (NEW, "serves it already; nothing to do")


@pytest.mark.parametrize(
    ("lines", "serves", "done"),
    [
        ([("preflight", {"changes_needed": False})], NEW, "serves it already; nothing to do"),
        ([("preflight", {})], OLD, "was not touched"),
        ([("preflight FAILED", {})], OLD, "was not touched"),
        ([("preflight FAILED", {**GONE, "live": None})], "?", "could not be reached; nothing was changed on it"),
        (
            [("preflight", {}), ("activate", {})],
            "?",
            "was switched, and the run ended before it was finalized; its watchdog rolls it back",
        ),
        (
            [("preflight", {}), ("activate", {"confirm_timeout": 90.0})],
            "?",
            "was switched, and the run ended before it was finalized; its watchdog rolls it back within 90 s",
        ),
        (
            [("preflight", {}), ("activate", {}), ("bake", {}), ("finalize", {})],
            NEW,
            f"switched from {OLD}, confirmed",
        ),
        (
            [("preflight", {}), ("activate", {}), ("finalize", {"operation": "rollback"})],
            OLD,
            "rolled back; the release before serves again, proved",
        ),
        (
            [("preflight", {}), ("activate FAILED", {"rolled_back": True}), ("finalize", {"operation": "rollback"})],
            OLD,
            "rolled back by itself; the release before serves again, proved",
        ),
        (
            [("preflight", {}), ("activate", {}), ("finalize", {}), ("retry_rollback", {"operation": "rollback"})],
            OLD,
            "rolled back; the release before serves again, proved",
        ),
        (
            [("preflight", {}), ("activate", {}), ("finalize FAILED", {**GONE, "operation": "rollback"})],
            "?",
            "could not be reached to roll back; its watchdog rolls it back",
        ),
        (
            [("activate", {"confirm_timeout": 120.0}), ("finalize FAILED", {**GONE, "operation": "rollback"})],
            "?",
            "could not be reached to roll back; its watchdog rolls it back within 120 s",
        ),
        (
            [
                ("activate FAILED", {**GONE, "confirm_timeout": 120.0}),
                ("finalize FAILED", {**GONE, "operation": "rollback"}),
            ],
            "?",
            "could not be reached; if it has switched, its watchdog rolls it back within 120 s",
        ),
        (
            [
                ("activate", {"confirm_timeout": 120.0}),
                ("finalize FAILED", GONE),
                ("retry_rollback FAILED", {**GONE, **ROLLBACK}),
            ],
            "?",
            "could not be reached; either it has confirmed, or its watchdog rolls it back within 120 s; "
            "see sluice.nginx.status",
        ),
        (
            [("activate", {}), ("finalize", {}), ("retry_rollback FAILED", {**GONE, **ROLLBACK})],
            "?",
            "confirmed, and could not be reached to roll back; look at it with sluice.nginx.status",
        ),
        (
            [("preflight", {}), ("activate", {}), ("finalize FAILED", {}), ("retry_rollback", ROLLBACK)],
            OLD,
            "rolled back; the release before serves again, proved",
        ),
        ([("activate", {}), ("finalize FAILED", {})], "?", "to confirm failed"),
        ([("activate", {}), ("finalize FAILED", {**ROLLBACK, "rolled_back": False})], "?", "to roll back failed"),
        (
            [("activate", {}), ("finalize FAILED", {**ROLLBACK, "rolled_back": False, "broken": True})],
            "?",
            "BROKEN: every rollback failed; see sluice.nginx.status, and fix it there",
        ),
        (
            [
                ("activate", {}),
                ("finalize", {**ROLLBACK, "rolled_back": True, "means": "older release", "release": "c" * 64}),
            ],
            "c" * 12,
            f"the release before could not serve again; went to an older release, {'c' * 12}, proved",
        ),
        (
            [("preflight", {}), ("activate", {}), ("bake FAILED", PORT), ("finalize", {**ROLLBACK, **BY_WATCHDOG})],
            OLD,
            "rolled back by its watchdog; the release before serves again, proved",
        ),
        (
            [
                ("preflight", {}),
                ("activate FAILED", {"rolled_back": None}),
                ("finalize", {**ROLLBACK, "rolled_back": None}),
            ],
            OLD,
            "was not switched",
        ),
        (
            [("preflight", {}), ("activate", {}), ("finalize FAILED", {**ROLLBACK, **PORT, "rolled_back": True})],
            OLD,
            "rolled back, but something is wrong with the release before",
        ),
    ],
)
def test_what_became_of_a_host(event: Make, lines: list[tuple[str, dict[str, Any]]], serves: str, done: str) -> None:
    concluded = summarize([event(f"web1 {line}", **more) for line, more in lines])
    assert [(name, row.serves, row.done) for name, row in concluded.hosts.items()] == [("web1", serves, done)]
    assert done in fleet_text(concluded, None).splitlines()[2]


def test_the_text_has_the_table_what_failed_and_warnings(event: Make) -> None:
    events = [
        event("web1 preflight", warnings=["the disk is nearly full"]),
        event("web2 preflight FAILED", **PORT),
    ]
    table, failed, warnings, outcome = fleet_text(summarize(events), None).split("\n\n")
    assert table.splitlines()[0].split("  ")[0] == "host"
    assert failed == "what failed\nweb2: preflight: port 80 is taken; free it"
    assert warnings == "warnings\nweb1: preflight: the disk is nearly full"
    assert outcome == "web2 failed in preflight (port 80 is taken); no other host was switched"


def test_a_warning_of_many_hosts_is_told_once(event: Make) -> None:
    events = [event(f"web{n} activate", warnings=["receipts are not verified"]) for n in range(1, 8)]
    events += [event("web1 bake", warnings=["little traffic"]), event("web1 bake", warnings=["little traffic"])]
    assert fleet_text(summarize(events), None).split("\n\n")[-2].splitlines() == [
        "warnings",
        "web1, web2, web3, web4, web5 and 2 more: activate: receipts are not verified",
        "web1: bake: little traffic",
    ]


def test_drift_is_shown_under_the_problem_and_a_long_one_is_cut(event: Make) -> None:
    diff = "\n".join(f"+line {n}" for n in range(1, 101))
    failed = summarize([event("web1 preflight FAILED", problems=[{"what": "drift", "diff": diff}])])
    lines = fleet_text(failed, None).split("\n\n")[1].splitlines()
    assert lines[:3] == ["what failed", "web1: preflight: drift", "    +line 1"]
    assert lines[-2:] == ["    +line 40", "    … and 60 more lines"]


def test_an_emergency_is_the_first_that_is_read(event: Make) -> None:
    emergency = {"reason": "the shop is down", "gates": {"b" * 64: ["lint", "smoke"]}}
    events = [event("run gate", emergency=emergency), event("web1 activate")]
    assert gate_answer(events)["emergency"] == emergency
    assert fleet_text(summarize(events), emergency).splitlines()[0] == (
        f"EMERGENCY: gates that failed do not stop this run (release {NEW}: lint, smoke), because: the shop is down"
    )


def test_an_emergency_that_none_was_is_told_as_well(event: Make) -> None:
    text = fleet_text(summarize([event("run gate")]), {"reason": "x", "gates": {}})
    assert text.splitlines()[0] == "EMERGENCY, and every gate passed without it, because: x"


def test_a_host_that_served_the_release_says_from_when_until_when(event: Make) -> None:
    lines = [event("web1 preflight"), event("web1 activate"), event("web1 bake FAILED", **PORT)]
    back = event("web1 finalize", **ROLLBACK, rolled_back=True, traffic={"requests": [1]})
    row = summarize([event("run gate"), *lines, back]).hosts["web1"]
    assert (row.began, row.ended, row.events, row.counted) == (lines[1].at, back.at, [2, 4], 4)
    assert (row.changing, row.touched, row.switched, row.confirmed) == (True, True, True, False)
    assert (row.release, row.before) == ("b" * 64, "a" * 64)


def test_a_watchdog_that_was_first_says_when(event: Make) -> None:
    lines = [event("web1 activate"), event("web1 finalize", **{**ROLLBACK, **BY_WATCHDOG})]
    assert summarize(lines).hosts["web1"].ended == "2026-01-01"


def test_failures_are_of_gates_then_of_hosts_and_say_where_they_stand(event: Make) -> None:
    finding = {"what": "bad", "file": "a.conf", "line": 3, "actual": "b", "fix": "c", "warning": False}
    verdicts = [
        {"gate": "lint", "result": "fail", "summary": "bad", "findings": [finding, {"what": "mild", "warning": True}]},
        {"gate": "own", "result": "inconclusive", "summary": "no Docker", "findings": []},
        {"gate": "smoke", "result": "not run", "summary": "not run", "findings": []},
    ]
    row = {"release": "b" * 64, "passed": False, "verdicts": verdicts}
    summary = summarize([event("run gate", releases=[row]), event("web1 preflight FAILED", **PORT)])
    assert [(each.where, each.what, each.source, each.is_summary) for each in summary.failures] == [
        ("gate lint", "bad", "releases[0].verdicts[0]", False),
        ("gate own", "no Docker", "releases[0].verdicts[1]", True),
        ("web1, preflight", "port 80 is taken", "events[1]", False),
    ]
    assert [(each.file, each.line, each.actual, each.fix) for each in summary.failures][:1] == [("a.conf", 3, "b", "c")]
    assert summary.failures[2].sentence == "port 80 is taken; free it"


@pytest.mark.parametrize(
    ("gate", "result", "outcome"),
    [
        ({"releases": [{"passed": True, "verdicts": []}]}, "passed", "every gate passed for 1 release"),
        ({"releases": [], "problems": [{"what": "no Docker"}]}, "stopped", "no Docker"),
    ],
)
def test_what_gates_alone_come_to(event: Make, gate: dict[str, Any], result: str, outcome: str) -> None:
    summary = summarize([event("run gate", **gate)])
    assert (summary.result, summary.outcome, summary.hosts) == (result, outcome, {})


@pytest.mark.parametrize(
    ("line", "result", "outcome"),
    [
        ("run gate FAILED", "stopped", "stopped by the gate lint (bad), and 1 more; no host was touched"),
        ("run gate", "passed", "EMERGENCY: gates that did not pass do not stop this run"),
    ],
)
def test_gates_that_fail_stop_a_run_unless_there_is_an_emergency(
    event: Make, line: str, result: str, outcome: str
) -> None:
    names = {"lint": "fail", "own": "inconclusive", "smoke": "not run"}
    verdicts = [{"gate": name, "result": said, "summary": "bad", "findings": []} for name, said in names.items()]
    summary = summarize([event(line, releases=[{"passed": False, "verdicts": verdicts}])])
    assert (summary.result, summary.outcome) == (result, outcome)
