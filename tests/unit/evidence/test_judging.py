from __future__ import annotations

import json

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.engine.slots import BOUNDS as OF_HOSTS
from ansible_collections.sluice.nginx.plugins.module_utils.evidence.judging import (
    ALPHAS,
    BOUNDS,
    Counts,
    Evidence,
    begin,
)


def _counts(requests: int, errors: int = 0, *, slow: int = 0, timed: bool = True, upstream: int = 0) -> Counts:
    times = [0] * (len(BOUNDS) + 1)
    if timed:
        times[2], times[8] = requests - slow, slow
    return Counts(requests, {"5xx": errors, "upstream": upstream, "closed": 0}, times)


def _begun(**more: bool) -> Evidence:
    return begin([[_counts(3000, 30, **more) for _ in range(10)] for _ in range(10)], [0])


def test_hosts_and_controller_count_by_the_same_bounds() -> None:
    assert BOUNDS == OF_HOSTS


def test_all_comparisons_together_have_one_percent() -> None:
    assert sum(ALPHAS.values()) == pytest.approx(0.01)


def test_a_doubling_is_told_in_numbers() -> None:
    evidence = _begun()
    evidence.add(_counts(3000, 60), _counts(27000, 270), 60)
    (problem,) = evidence.problems()
    assert problem["what"] == "switched hosts answer with 5xx more often than hosts that are not, in the same minutes"
    assert problem["expected"] == "about 1 %: 270 of 27,000 requests"
    assert problem["actual"].startswith("2 %: 60 of 3,000 requests; chance does that in one of ")


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (_counts(3000, 30, slow=600), "are slower than 25 ms more often"),
        (_counts(3000, 30, upstream=30), "answer 502 or 504, for their upstreams fail, more often"),
    ],
)
def test_other_ways_to_be_worse_are_found(bad: Counts, words: str) -> None:
    evidence = _begun()
    evidence.add(bad, _counts(27000, 270), 60)
    (problem,) = evidence.problems()
    assert words in problem["what"]


def test_without_times_in_the_logs_latency_is_not_compared() -> None:
    assert "slow" in _begun().processes
    assert "slow" not in _begun(timed=False).processes


def test_answers_are_slow_from_where_one_in_twenty_was_above_before() -> None:
    assert begin([[_counts(1000, slow=40)]], [0]).slow == 25
    assert begin([[_counts(1000, slow=60)]], [0]).slow == 2500


def test_canaries_that_differed_before_are_held_to_that() -> None:
    odd = [[_counts(3000, 90), *[_counts(3000, 30) for _ in range(9)]] for _ in range(10)]
    evidence = begin(odd, [0])
    assert evidence.processes["5xx"].base == pytest.approx(3.0, rel=0.05)
    evidence.add(_counts(3000, 90), _counts(27000, 270), 60)
    assert evidence.problems() == []
    assert begin(odd, [1]).processes["5xx"].base == 1.0


@pytest.mark.parametrize(
    ("switched", "others", "seconds", "words"),
    [
        (_counts(0), _counts(900), 30, "too little traffic to tell: switched hosts had no request in 30 s"),
        (
            _counts(100),
            _counts(0),
            30,
            "too little traffic to tell: hosts that are not switched had no request in 30 s",
        ),
        (_counts(300, 3), _counts(2700, 27), 60, "a doubling of 5xx (1 %) shows after about "),
        (_counts(300), _counts(2700), 60, "a doubling of 5xx (below 0.033 %) shows after about "),
        (_counts(1, 0), _counts(1, 0), 86400, "would not show within a month of such traffic"),
        (_counts(30000, 300), _counts(270000, 2700), 600, ""),
    ],
)
def test_it_is_said_what_cannot_be_told_yet_and_how_long_it_takes(
    switched: Counts, others: Counts, seconds: float, words: str
) -> None:
    evidence = _begun()
    evidence.add(switched, others, seconds)
    said = evidence.too_little()
    assert (words in said) if words else said == ""


def test_the_state_is_read_as_it_was_noted() -> None:
    evidence = _begun()
    evidence.add(_counts(100, 3, slow=4), _counts(900, 9), 10)
    again = Evidence.of(json.loads(json.dumps(evidence.to_json())))
    assert again.to_json() == evidence.to_json()
    for each in (evidence, again):
        each.add(_counts(3000, 90), _counts(27000, 270), 60)
    assert again.problems() == evidence.problems() != []
