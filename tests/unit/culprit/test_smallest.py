"""Whatever fails, what is found fails as well, and no longer without any single part of it."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.sluice.nginx.plugins.module_utils.culprit.smallest import smallest


class Oracle:
    """Tells what fails, and remembers what it was asked. Nothing never fails, and what was told stays."""

    def __init__(self, fails: Callable[[frozenset[int]], bool]) -> None:
        self.asked: dict[frozenset[int], bool] = {}
        self.widest = 0
        self._fails = fails

    def __call__(self, sets: Sequence[Sequence[int]]) -> list[bool]:
        self.widest = max(self.widest, len(sets))
        return [self.one(each) for each in sets]

    def one(self, numbers: Collection[int]) -> bool:
        key = frozenset(numbers)
        if key not in self.asked:
            self.asked[key] = bool(key) and self._fails(key)
        return self.asked[key]


def is_minimal(found: Sequence[int], oracle: Oracle) -> bool:
    return oracle.one(found) and not any(oracle.one({*found} - {part}) for part in found)


@given(st.integers(1, 60), st.data(), st.integers(1, 3))
def test_of_parts_that_are_culprit_together_all_are_found_and_no_other(
    size: int, data: st.DataObject, at_once: int
) -> None:
    culprit = data.draw(st.frozensets(st.integers(0, size - 1), min_size=1, max_size=5))
    oracle = Oracle(culprit.issubset)
    assert smallest(range(size), oracle, at_once=at_once) == sorted(culprit)
    assert oracle.widest <= at_once


@given(st.integers(2, 24), st.integers(), st.integers(1, 3), st.floats(0.05, 0.6))
def test_where_parts_do_not_work_alone_what_is_found_is_minimal_all_the_same(
    size: int, seed: int, at_once: int, share: float
) -> None:
    def fails(numbers: frozenset[int]) -> bool:
        whole = len(numbers) == size
        return whole or random.Random(f"{seed} {sorted(numbers)}").random() < share

    oracle = Oracle(fails)
    assert is_minimal(smallest(range(size), oracle, at_once=at_once), oracle)


def test_one_of_a_thousand_takes_few_tries_and_two_at_a_time_take_fewer_rounds() -> None:
    def rounds(at_once: int) -> int:
        count = 0
        oracle = Oracle(frozenset({617}).issubset)

        def counted(sets: Sequence[Sequence[int]]) -> list[bool]:
            nonlocal count
            count += 1
            return oracle(sets)

        assert smallest(range(1000), counted, at_once=at_once) == [617]
        return count

    assert rounds(1) <= 11
    assert rounds(2) <= 8


def test_a_guess_that_is_right_is_all_that_is_asked() -> None:
    oracle = Oracle(frozenset({7}).issubset)
    assert smallest(range(50), oracle, guesses=[[3], [7]]) == [7]
    assert len(oracle.asked) == 2


def test_a_guess_that_is_wrong_does_no_harm() -> None:
    assert smallest(range(50), Oracle(frozenset({7, 9}).issubset), guesses=[[3], [7]]) == [7, 9]


def test_what_is_one_part_is_not_asked_about() -> None:
    oracle = Oracle(lambda numbers: True)
    assert smallest([4], oracle, guesses=[[4]]) == [4]
    assert oracle.asked == {}
