from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.evidence.of_run import EvidenceOfRun, sample

HOSTS = ["web1", "web2", "web3"]


def _slot(requests: int, errors: int) -> dict[str, Any]:
    return {"requests": requests, "errors": errors, "upstream": 0, "closed": 0, "times": [0] * 12}


def _answer(end: int, *slots: tuple[int, int], known: bool = True) -> dict[str, Any]:
    return {"ok": True, "end": end, "known": known, "slots": [_slot(*each) for each in slots]}


def _begun() -> EvidenceOfRun:
    found = EvidenceOfRun([])
    found.begin({host: _answer(1000, *[(3000, 30)] * 10) for host in HOSTS}, ["web1"])
    return found


@pytest.mark.parametrize(
    ("number", "known", "found"),
    [
        (3, [], [0, 1, 2]),
        (40, [], list(range(0, 40, 2))),
        (40, [39, 7], [7, 39, *[(each if each < 7 else each + 1) for each in (38 * n // 18 for n in range(18))]]),
    ],
)
def test_hosts_are_chosen_evenly_and_those_that_count_go_on(number: int, known: list[int], found: list[int]) -> None:
    hosts = [f"web{each}" for each in range(number)]
    assert sample(hosts, "others", [f"web{each}" for each in known]) == [f"web{each}" for each in found]


def test_each_host_goes_on_from_where_it_ended() -> None:
    run = _begun()
    assert run.wanted(["web1"], ["web2", "web3"]) == {host: {"start": 1000} for host in HOSTS}
    run.look({host: _answer(1010, (100, 1)) for host in HOSTS}, ["web1"])
    assert run.wanted(["web1"], ["web2"])["web1"] == {"start": 1010}


def test_the_time_in_which_a_host_was_switched_counts_for_nobody() -> None:
    run = _begun()
    answers = {host: _answer(1010, (100, 50 if host == "web1" else 0)) for host in HOSTS}
    assert run.look(answers, ["web1"]) == []
    assert run.evidence is not None
    assert (run.evidence.switched.requests, run.evidence.others.requests) == (0, 0)
    problems = run.look({host: _answer(1020, (500, 50 if host == "web1" else 5)) for host in HOSTS}, ["web1"])
    assert [problem["actual"].split(";")[0] for problem in problems] == ["10 %: 50 of 500 requests"]
    assert run.evidence.seconds == 10


def test_without_hosts_to_compare_with_nobody_is_asked() -> None:
    run = _begun()
    assert run.wanted(HOSTS, []) == run.wanted([], HOSTS) == EvidenceOfRun([]).wanted(["web1"], ["web2"]) == {}


def test_hosts_that_cannot_count_are_left_out() -> None:
    run = EvidenceOfRun([])
    answers: dict[str, Any] = {host: _answer(1000, *[(3000, 30)] * 10) for host in HOSTS}
    run.begin({**answers, "web4": {"ok": False}, "web5": _answer(1000, (0, 0), known=False)}, ["web1"])
    run.look({"web1": {"ok": False}, "web2": _answer(1010, (100, 1))}, ["web1"])
    assert "web4" not in run.wanted(["web1"], ["web2"])
    assert EvidenceOfRun([]).look({}, []) == []


def test_a_step_goes_on_from_the_journal_and_says_what_it_cannot_tell() -> None:
    run = _begun()
    noted = run.begin({host: _answer(1000, *[(3000, 30)] * 10) for host in HOSTS}, ["web1"])
    later = EvidenceOfRun([noted, {"operation": "evidence"}])
    for end in (1010, 1020):
        later.look({host: _answer(end, (10, 0)) for host in HOSTS}, ["web1"])
    (warning,) = later.noted([])["warnings"]
    assert warning.startswith("too little traffic to tell: 10 requests of switched hosts in 10 s; a doubling of 5xx")
    assert later.noted([{"what": "worse"}])["warnings"] == []
