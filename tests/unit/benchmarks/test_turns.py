"""Benchmarks of several checkouts: one goes on at a time, and runs of the same turn are compared."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from benchmarks.turns import Checkout, compare, take_turns

# Prints lines as a benchmark does, and writes when it did into a file.
BENCHMARK = """
import sys, time
name, count = sys.argv[1], int(sys.argv[2])
for number in range(count):
    print("  2 hosts  gates        1.00 s  processor here   1.00 s", flush=True)
    time.sleep(0.2)
    with open("order", "a") as order:
        order.write(name)
    print("  2 hosts  sluice_push  1.00 s  processor here   1.00 s", flush=True)
sys.exit(int(sys.argv[3]))
"""


def checkout(name: str, folder: Path, runs: int = 3, code: int = 0) -> Checkout:
    return Checkout(name, [sys.executable, "-c", BENCHMARK, name, str(runs), str(code)], folder)


class TestTurns:
    def test_one_runs_at_a_time(self, tmp_path: Path) -> None:
        take_turns([checkout("a", tmp_path), checkout("b", tmp_path)])
        order = (tmp_path / "order").read_text(encoding="utf-8")
        assert sorted(order) == list("aaabbb")
        # What follows the last line of a turn may still be done in it.
        assert "aaa" not in order
        assert "bbb" not in order

    def test_one_that_ends_sooner_leaves_the_others_going(self, tmp_path: Path) -> None:
        take_turns([checkout("a", tmp_path, runs=1), checkout("b", tmp_path, runs=4)])
        assert (tmp_path / "order").read_text(encoding="utf-8").count("b") == 4

    def test_a_missed_target_is_no_failure(self, tmp_path: Path) -> None:
        take_turns([checkout("a", tmp_path, code=1)])

    def test_one_that_fails_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(SluiceError, match="benchmark of slow ended with 2"):
            take_turns([checkout("slow", tmp_path, code=2)])

    def test_one_that_stands_still_can_be_ended(self, tmp_path: Path) -> None:
        started = checkout("a", tmp_path, runs=1000)
        assert started.turn()
        started.end()
        assert (tmp_path / "order").read_text(encoding="utf-8").count("a") < 1000


class TestCompare:
    def test_runs_are_shares_of_the_first_ones_of_their_turn(self) -> None:
        # The machine became twice as slow after the first turn; the second checkout takes a tenth more throughout.
        assert compare("sluice_push", [[1.0, 2.0, 2.0], [1.1, 2.2, 2.2]]) == (
            "sluice_push         2.00 s (1.00 to 2.00), x 1.000   2.20 s (1.10 to 2.20), x 1.100"
        )
