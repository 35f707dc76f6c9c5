"""The fault table: every pair of a fault and a phase that makes sense is a test, and its story is the test's name.

After each story nobody does anything any more, and every host gets to where principle 3 wants it: on one release, which
is confirmed, whole, served, and holds its contract.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from concurrent.futures import Future

import pytest

from tests.faults.fleet.fleet import Fleet
from tests.faults.fleet.runs import FAULTS, PHASES, Story
from tests.faults.fleet_of_slices.nodes import ExecutionNodes
from tests.faults.fleet_of_slices.table import Story as StoryOfSlices
from tests.faults.fleet_of_slices.table import stories as stories_of_slices
from tests.faults.fleet_of_slices.telling import hold_slices
from tests.faults.host.host import Host
from tests.faults.host.scene import Told
from tests.faults.host.strikes import tell
from tests.faults.table.table import FLEET, HOST, PAIRS, PLAIN, Pair
from tests.faults.table.words import BEFORE, EITHER, NEW, OLDER, RUN, WATCHDOG

pytestmark = pytest.mark.integration


def of(level: str) -> pytest.MarkDecorator:
    """The pairs of a level; those that are not fast are told by `make faults` alone."""
    rows = [
        pytest.param(
            pair,
            id=f"{pair.fault} {pair.phase}: {pair.story}",
            marks=[] if pair.fast else [pytest.mark.thorough],
        )
        for pair in PAIRS
        if pair.level == level
    ]
    return pytest.mark.parametrize("pair", rows)


def allowed_by(pair: Pair) -> tuple[str, ...]:
    """Who may have ended the trial."""
    return (RUN, WATCHDOG) if pair.outcome == EITHER else (pair.by,)


def hold(pair: Pair, told: Told) -> None:
    """Hold what came of a story to the table."""
    outcome = {told.new: NEW, told.before: BEFORE}.get(told.end.release, OLDER)
    allowed = {EITHER: {NEW, BEFORE}}.get(pair.outcome, {pair.outcome})
    assert outcome in allowed, told.words
    assert told.by in ("", *allowed_by(pair)), told.words
    assert pair.says in told.words


@of(HOST)
def test_on_a_host(stories: Mapping[Pair, Future[Told]], pair: Pair) -> None:
    hold(pair, stories[pair].result())


@of(PLAIN)
def test_on_a_host_without_systemd(plain_host: Host, pair: Pair) -> None:
    hold(pair, tell(plain_host, pair))


@of(FLEET)
def test_in_a_fleet(fleet: Fleet, pair: Pair) -> None:
    story = Story(fleet, deadline=8 if pair.by == WATCHDOG else 120)
    try:
        # The fault outlasts the hold on the run, and the run.
        with contextlib.ExitStack() as fault:
            with PHASES[pair.phase](story):
                fault.enter_context(FAULTS[pair.fault](story))
            said = [story.run.output(), *story.others]
    finally:
        fleet.free()
    # Whoever reads the exit code only must not be wrong about it; a run that was killed has none.
    if pair.fault != "controller killed":
        assert (story.run.process.returncode == 0) == (pair.outcome == NEW), said
    for name, host in fleet.hosts.items():
        hold(pair, Told(host.end(), story.release, story.before[name], "", "\n".join(said)))


@pytest.mark.parametrize("story", [pytest.param(each, id=each.fault) for each in stories_of_slices() if each.fast])
def test_in_slices(fleet: Fleet, nodes: ExecutionNodes, story: StoryOfSlices) -> None:
    hold_slices(fleet, nodes, story)
