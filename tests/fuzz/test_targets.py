"""Each fuzzer for a moment: what was found before, then new inputs. `make fuzz` goes on for as long as you like."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from .harness import find_targets, judge, keep, seeds, told

TARGETS = find_targets()
# Of one target; there are about twenty, and all of it must end within a minute on two cores.
_SECONDS = 2.5
_MOST = 400


@pytest.mark.parametrize("name", TARGETS)
def test_what_was_found_once_is_not_found_again(name: str) -> None:
    target = TARGETS[name]
    for where, data in seeds(target):
        fault = judge(target, data)
        assert fault is None, told(fault, target.seeds / where)


@pytest.mark.parametrize("name", TARGETS)
def test_a_reader_says_what_is_wrong_and_never_crashes(name: str) -> None:
    target = TARGETS[name]
    until = time.monotonic() + _SECONDS
    kept: list[Path] = []

    @settings(max_examples=_MOST, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(target.inputs)
    def holds(data: bytes) -> None:
        if time.monotonic() > until:
            return
        fault = judge(target, data)
        if fault is not None:
            # Hypothesis goes on to smaller inputs; the last one is the smallest.
            while kept:
                kept.pop().unlink(missing_ok=True)
            kept.append(keep(target, fault, data))
            raise AssertionError(told(fault, kept[0]))

    holds()
