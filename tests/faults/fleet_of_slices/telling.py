"""Tells one story of slices, and holds its end to the table."""

from __future__ import annotations

import contextlib

from tests.faults.fleet.fleet import Fleet
from tests.faults.fleet_of_slices.faults import FAULTS, PHASES, SKEWS
from tests.faults.fleet_of_slices.nodes import ExecutionNodes
from tests.faults.fleet_of_slices.slices import SliceFleet
from tests.faults.fleet_of_slices.table import BEFORE, EITHER, NEW, Story, stories

__all__ = ["hold_slices"]


def hold_slices(fleet: Fleet, nodes: ExecutionNodes, story: Story) -> None:
    """After the story every host serves the same release, confirmed, and the one that the table says."""
    with SliceFleet.begun(fleet, nodes, story.kind, f"story-{stories().index(story)}") as slices:
        skew = {"skew": SKEWS[story.fault]} if story.fault in SKEWS else {}
        with contextlib.ExitStack() as fault, PHASES[story.phase](slices, **skew):
            fault.enter_context(FAULTS[story.fault](slices))
        said = slices.output()
        ends = {name: host.end() for name, host in fleet.hosts.items()}
        found = {name: NEW if end.release == slices.release else BEFORE for name, end in ends.items()}
        assert len(set(found.values())) == 1, f"{found}\n{said}"
        assert story.outcome == EITHER or set(found.values()) == {story.outcome}, f"{found}\n{said}"
        assert {end.release for end in ends.values()} <= {slices.release, slices.before}, said
