"""Every story of slices: a real NATS or etcd, three execution nodes, three hosts with SSH, systemd and nginx."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.fleet.fleet import Fleet
from tests.faults.fleet_of_slices.faults import FAULTS, PHASES
from tests.faults.fleet_of_slices.nodes import ExecutionNodes
from tests.faults.fleet_of_slices.table import PHASES as TOLD
from tests.faults.fleet_of_slices.table import Story, printed, stories
from tests.faults.fleet_of_slices.telling import hold_slices

# The others are told in test_faults.py, on the same hosts as its own.
STORIES = [
    pytest.param(story, id=f"{story.fault} {story.phase}: {story.kind}") for story in stories() if not story.fast
]


@pytest.mark.integration
@pytest.mark.thorough
@pytest.mark.parametrize("story", STORIES)
def test_slices_end_the_same(fleet: Fleet, nodes: ExecutionNodes, story: Story) -> None:
    hold_slices(fleet, nodes, story)


def test_the_readme_shows_the_table() -> None:
    readme = Path(__file__).with_name("README.md").read_text(encoding="utf-8")
    folder = "tests.faults.fleet_of_slices"
    assert readme == printed(), f"run `python -m {folder}.table > {folder.replace('.', '/')}/README.md`"


def test_every_story_can_be_told() -> None:
    assert len(stories()) >= 40
    assert len(set(stories())) == len(stories())
    assert TOLD.keys() == PHASES.keys()
    for story in stories():
        assert story.phase in PHASES
        assert story.fault in FAULTS


def test_one_of_them_is_part_of_every_run() -> None:
    assert [story.fault for story in stories() if story.fast] == ["the coordinator is killed"]
