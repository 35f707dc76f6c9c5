"""When a release may answer, by the host's journal; and how many lost requests are more than bare reloads lose."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest

from benchmarks.judge import Lost, Seen, Window, allowed_loss, each_lost, strays, windows

BEGAN = datetime(2026, 1, 1, tzinfo=UTC).timestamp()


def journal(*events: tuple[float, str, str, str]) -> list[dict[str, Any]]:
    """Events as a host writes them: seconds since the beginning, event, mark and release."""
    return [
        {
            "at": datetime.fromtimestamp(BEGAN + at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "event": event,
            **({"mark": mark} if mark else {}),
            **({"release": release} if release else {}),
        }
        for at, event, mark, release in events
    ]


ONE = (
    (1, "swap", "begin", "one"),
    (2, "prove", "end", ""),
    (3, "confirm", "begin", "one"),
)
STORIES: dict[str, tuple[tuple[tuple[float, str, str, str], ...], dict[str, list[tuple[float, float]]]]] = {
    "a release that is confirmed answers from its switch on": (ONE, {"one": [(1, math.inf)]}),
    "the one before it ends with the proof": (
        (*ONE, (5, "swap", "begin", "two"), (6, "prove", "end", ""), (7, "confirm", "begin", "two")),
        {"one": [(1, 6)], "two": [(5, math.inf)]},
    ),
    "one that is rolled back gives way to the one before it": (
        (
            *ONE,
            (5, "swap", "begin", "two"),
            (6, "prove", "end", ""),
            (8, "swap back", "begin", "one"),
            (9, "prove", "end", ""),
            (9.5, "rolled_back", "", "one"),
        ),
        {"one": [(1, 6), (8, math.inf)], "two": [(5, 9.5)]},
    ),
    "one that was never proved never ended the one before it": (
        (
            *ONE,
            (5, "swap", "begin", "two"),
            (6, "prove", "failed", ""),
            (7, "swap back", "begin", "one"),
            (8, "prove", "end", ""),
            (9, "rolled_back", "", "one"),
        ),
        {"one": [(1, math.inf)], "two": [(5, 9)]},
    ),
    "one that was never switched to never answers": (
        (*ONE, (5, "test apart", "failed", ""), (6, "not switched", "", "one")),
        {"one": [(1, math.inf)]},
    ),
}


@pytest.mark.parametrize("story", STORIES)
def test_windows(story: str) -> None:
    events, expected = STORIES[story]
    found = windows(journal(*events))
    del found[""]
    assert {
        release: [(begin - BEGAN, end - BEGAN) for begin, end in of_release] for release, of_release in found.items()
    } == expected


ALLOWED = {"one": [Window(10.0, 20.0), Window(30.0, 40.0)]}


@pytest.mark.parametrize(
    ("seen", "stray"),
    [
        (Seen("1", 5, 11.0, 19.0), False),
        (Seen("1", 5, 30.0, 40.0), False),
        (Seen("1", 5, 9.9, 11.0), True),
        (Seen("1", 5, 19.0, 20.1), True),
        # Some of these came when another release was proved.
        (Seen("1", 5, 19.0, 31.0), True),
        # The client that knows when it asked: the answer may be from any moment in between.
        (Seen("1", 1, 20.5, 20.5, 19.5), False),
        (Seen("1", 1, 20.7, 20.7, 20.5), True),
        (Seen("7", 1, 11.0, 12.0), True),
    ],
)
def test_strays(seen: Seen, stray: bool) -> None:
    assert strays([seen], {"1": "one"}, ALLOWED) == ([seen] if stray else [])


def test_losses_belong_to_what_began_last() -> None:
    assert each_lost([10.0, 20.0, 30.0], [9.0, 12.0, 20.0, 25.0, 99.0]) == [2, 2, 1]


@pytest.mark.parametrize(
    ("bare", "reloads", "allowed"),
    [
        # Three standard errors: three times the root of 100 + 100²/100.
        ([0] * 100, 100, 42),
        ([5] * 100, 100, 542),
        ([5] * 100, 200, 1073),
        # What varies among bare reloads may vary here.
        ([0, 10] * 50, 100, 653),
    ],
)
def test_as_much_may_be_lost_as_by_bare_reloads_and_some_for_chance(
    bare: list[int], reloads: int, allowed: int
) -> None:
    lost = [Lost(4, 1)] * reloads
    assert allowed_loss(lost, [Lost(each, 1) for each in bare]) == allowed


def test_twice_the_loss_of_bare_reloads_is_too_much() -> None:
    bare = [Lost(each, 1) for each in [3, 5] * 50]
    lost = [Lost(each, 2) for each in [14, 18] * 50]
    assert sum(each.requests for each in lost) > allowed_loss(lost, bare)
