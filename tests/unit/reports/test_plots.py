"""The canary beside the rest: each host's share, on one scale."""

from __future__ import annotations

from ansible_collections.sluice.nginx.plugins.module_utils.reports.page.plots import Plot, traffic
from tests.unit.record.samples import confirmed, event, rolled_back
from tests.unit.record.samples import traffic as counted


def highest(plot: Plot) -> float:
    """How high a line reaches, from 0 at the lower edge to 1; the upper edge leaves some room."""
    ys = [float(point.split(",")[1]) for part in plot.path.split("M") if part for point in part.strip().split(" L")]
    return (62.0 - min(ys)) / 58.0


def test_the_canary_stands_beside_the_rest() -> None:
    told = traffic(confirmed()["events"])
    assert told is not None
    (canary, first), (rest, others) = told.compared
    assert (canary, rest) == ("Canary: web1", "Rest: web2, web3")
    assert [each.title for each in first] == [each.title for each in others] == ["Requests", "Answers 5xx", "Mean time"]
    assert first[0].unit == "a second and host"
    assert first[0].most == others[0].most, "one scale"


def test_errors_of_the_rest_alone_are_seen_there_alone() -> None:
    told = traffic(rolled_back()["events"])
    assert told is not None
    (canary, first), (_, others) = told.compared
    assert canary == "Canary: web1, web2"
    assert (round(highest(first[1]), 2), round(highest(others[1]), 2)) == (0.0, 1.0)
    assert first[1].words == "at first 0, at most 0, at last 0"


def test_hosts_that_were_switched_together_are_not_compared() -> None:
    events = [
        event(4, "activate", host, release="a" * 64, asked="2026-01-02T03:04:03.000Z", traffic=counted(2))
        for host in ("web1", "web2")
    ]
    told = traffic(events)
    assert told is not None
    assert told.compared == []
