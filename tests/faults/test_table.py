"""The table itself: it is whole, it can be told, and README.md shows it as it is."""

from __future__ import annotations

from pathlib import Path

from tests.faults.fleet import runs
from tests.faults.host import strikes
from tests.faults.host.scene import POINTS
from tests.faults.table.table import ELSEWHERE, FLEET, PAIRS, printed
from tests.faults.table.words import PHASES


def test_the_readme_shows_the_table() -> None:
    readme = Path(__file__).with_name("README.md").read_text(encoding="utf-8")
    assert readme == printed(), "run `python -m tests.faults.table.table > tests/faults/README.md`"


def test_there_are_at_least_sixty_pairs_each_with_a_story_of_its_own() -> None:
    assert len({(pair.fault, pair.phase) for pair in PAIRS}) >= 60
    assert len({(pair.fault, pair.phase, pair.story, pair.level) for pair in PAIRS}) == len(PAIRS)


def test_some_of_each_kind_are_part_of_every_run() -> None:
    assert 20 <= sum(pair.fast for pair in PAIRS) <= 25
    assert {pair.level for pair in PAIRS if pair.fast} == {pair.level for pair in PAIRS}


def test_every_pair_can_be_told() -> None:
    for pair in PAIRS:
        assert pair.phase in PHASES
        assert pair.fault in (runs.FAULTS if pair.level == FLEET else strikes.FAULTS), pair
        assert pair.phase in (runs.PHASES if pair.level == FLEET else {*POINTS, "during bake"}), pair


def test_every_empty_cell_says_why() -> None:
    told = {(pair.fault, pair.phase) for pair in PAIRS}
    for fault, why in ELSEWHERE.items():
        assert bool(why) == any((fault, phase) not in told for phase in PHASES), fault
    assert {fault for fault, _ in told} == set(ELSEWHERE)
