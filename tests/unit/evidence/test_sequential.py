from __future__ import annotations

import math
import random

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.evidence.sequential import (
    RATIOS,
    Process,
    dispersion_of,
    seconds_to_tell,
)

LIMIT = math.log(1 / 0.01)


def _after(*looks: tuple[int, int, int, int], dispersion: float = 1.0, base: float = 1.0) -> float:
    process = Process(dispersion, base)
    for look in looks:
        process.add(*look)
    return process.log_evidence


def _binomial(n: int, k: int, p: float) -> float:
    return math.comb(n, k) * p**k * (1 - p) ** (n - k)


@pytest.mark.parametrize("together", [0, 1, 5, 40])
@pytest.mark.parametrize(("requests", "others"), [(50, 50), (50, 450), (900, 100)])
def test_the_expectation_of_a_look_is_one_where_rates_are_equal(together: int, requests: int, others: int) -> None:
    """That is what the bound on false alarms stands on; with samples without replacement it is at most one."""
    share = requests / (requests + others)
    expected = sum(
        _binomial(together, bad, share) * math.exp(_after((bad, requests, together - bad, others)))
        for bad in range(together + 1)
    )
    assert expected == pytest.approx(1.0, abs=1e-9)
    drawn = sum(
        math.comb(requests, bad)
        * math.comb(others, together - bad)
        / math.comb(requests + others, together)
        * math.exp(_after((bad, requests, together - bad, others)))
        for bad in range(max(0, together - others), min(requests, together) + 1)
    )
    assert drawn <= 1.0 + 1e-9


def test_the_expectation_is_less_where_switched_hosts_are_better() -> None:
    share, together = 0.1 * 0.5 / (0.1 * 0.5 + 0.9), 20
    expected = sum(
        _binomial(together, bad, share) * math.exp(_after((bad, 100, together - bad, 900)))
        for bad in range(together + 1)
    )
    assert expected < 1.0


def test_looks_add_up_however_the_time_is_cut() -> None:
    once = _after((20, 1000, 60, 9000))
    often = _after(*[(2, 100, 6, 900)] * 10)
    assert once == pytest.approx(often)


def test_nothing_counts_without_both_kinds_of_hosts() -> None:
    assert _after((50, 100, 0, 0), (0, 0, 50, 100)) == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("looks", "alarms"),
    [
        ((30, 3000, 270, 27000), False),
        ((40, 3000, 270, 27000), False),
        ((60, 3000, 270, 27000), True),
        ((20, 3000, 270, 27000), False),
        ((5, 50, 0, 450), True),
        ((3, 3, 0, 1), False),
        # A bad minute of everybody.
        ((300, 3000, 2700, 27000), False),
        ((600, 3000, 2700, 27000), True),
    ],
)
def test_what_is_twice_as_often_is_found_and_what_is_as_often_is_not(
    looks: tuple[int, int, int, int], alarms: bool
) -> None:
    assert (_after(looks) >= LIMIT) == alarms


def test_clumps_and_what_differed_before_weigh_less() -> None:
    looks = (60, 3000, 270, 27000)
    assert _after(looks, dispersion=5.0) < LIMIT < _after(looks)
    assert _after(looks, base=2.0) < LIMIT
    assert _after((120, 3000, 270, 27000), base=2.0) > LIMIT


def test_a_process_goes_on_from_what_was_noted() -> None:
    first = Process(2.0, 1.5)
    first.add(3, 100, 5, 900)
    second = Process(first.dispersion, first.base, first.logs)
    for each in (first, second):
        each.add(9, 100, 5, 900)
    assert first.log_evidence == second.log_evidence
    assert len(first.logs) == len(RATIOS)


def test_false_alarms_stay_within_the_bound_under_continuous_looking() -> None:
    """A small play of it; benchmarks/evidence.py has the large one."""
    draw, alarms, bakes = random.Random(7), 0, 400
    for _ in range(bakes):
        process = Process()
        for _ in range(100):
            bad = sum(draw.random() < 0.05 for _ in range(20))
            process.add(bad, 20, sum(draw.random() < 0.05 for _ in range(60)), 60)
            if process.log_evidence >= math.log(1 / 0.05):
                alarms += 1
                break
    assert alarms <= 0.05 * bakes


def test_how_long_a_doubling_takes_to_show() -> None:
    seconds = seconds_to_tell(0.005, 50, 450, 0.01)
    assert 20 < seconds < 60
    assert seconds_to_tell(0.005, 5, 45, 0.01) == pytest.approx(10 * seconds)
    assert seconds_to_tell(0.005, 50, 450, 0.01, 3.0) == pytest.approx(3 * seconds)
    assert math.isinf(seconds_to_tell(0.005, 0, 450, 0.01))
    assert math.isinf(seconds_to_tell(0.005, 1e-6, 1e-6, 1e-6))


def test_dispersion_is_one_for_chance_and_more_for_clumps() -> None:
    draw = random.Random(3)

    def rows(clump: int) -> list[list[tuple[int, int]]]:
        return [
            [(3000, clump * sum(draw.random() < 0.01 for _ in range(3000 // clump))) for _ in range(10)]
            for _ in range(20)
        ]

    assert 1.0 <= dispersion_of(rows(1)) < 1.4
    assert 5.0 < dispersion_of(rows(5)) < 11.0
    assert dispersion_of([]) == dispersion_of([[(100, 0), (100, 0)]]) == dispersion_of([[(0, 0)]]) == 1.0
