"""Every story of slices: a real NATS or etcd, three controllers, three hosts with SSH, systemd and nginx."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from tests.faults.fleet.fleet import Fleet
from tests.faults.fleet_of_slices.faults import FAULTS, PHASES, SKEWS
from tests.faults.fleet_of_slices.slices import SliceFleet
from tests.faults.fleet_of_slices.table import BEFORE, EITHER, NEW, Story, printed, stories
from tests.faults.fleet_of_slices.table import PHASES as TOLD

STORIES = [
    pytest.param(
        story,
        id=f"{story.fault} {story.phase}: {story.kind}",
        marks=[pytest.mark.integration] if story.fast else [pytest.mark.integration, pytest.mark.thorough],
    )
    for story in stories()
]


@pytest.mark.parametrize("story", STORIES)
def test_slices_end_the_same(fleet: Fleet, story: Story) -> None:
    with SliceFleet.begun(fleet, story.kind, f"story-{stories().index(story)}") as slices:
        skew = {"skew": SKEWS[story.fault]} if story.fault in SKEWS else {}
        with contextlib.ExitStack() as fault, PHASES[story.phase](slices, **skew):
            fault.enter_context(FAULTS[story.fault](slices))
        said = slices.output()
        ends = {name: host.end() for name, host in fleet.hosts.items()}
        found = {name: NEW if end.release == slices.release else BEFORE for name, end in ends.items()}
        assert len(set(found.values())) == 1, f"{found}\n{said}"
        assert story.outcome == EITHER or set(found.values()) == {story.outcome}, f"{found}\n{said}"
        assert {end.release for end in ends.values()} <= {slices.release, slices.before}, said


def test_the_readme_shows_the_table() -> None:
    readme = Path(__file__).with_name("README.md").read_text(encoding="utf-8")
    assert readme == printed(), (
        "run `python -m tests.faults.fleet_of_slices.table > tests/faults/fleet_of_slices/README.md`"
    )


def test_every_story_can_be_told() -> None:
    assert len(stories()) >= 40
    assert len(set(stories())) == len(stories())
    assert TOLD.keys() == PHASES.keys()
    for story in stories():
        assert story.phase in PHASES
        assert story.fault in FAULTS


def test_one_of_them_is_part_of_every_run() -> None:
    assert [story.fault for story in stories() if story.fast] == ["the coordinator is killed"]
