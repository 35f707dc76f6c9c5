from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError, SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.record.lived import (
    Demand,
    Soaking,
    Stay,
    lived,
    promoted,
    read_demand,
    stays,
    summed,
)
from ansible_collections.sluice.nginx.plugins.module_utils.reports.history import history
from tests.unit.record.samples import confirmed, written

A, B, C = "a" * 64, "b" * 64, "c" * 64
NOON = "2026-01-02T12:00:00.000Z"


def _head(hour: float, hosts: dict[str, dict[str, Any]], inventory: str = "staging", signed: Any = False) -> Any:
    ended = f"2026-01-02T{int(hour):02}:{int(hour % 1 * 60):02}:00.000Z"
    return {"run": {"ended": ended}, "inventory": inventory, "signed": signed, "hosts": hosts}


def _went(release: str, before: str = "") -> dict[str, Any]:
    row = {"release": release, "before": before, "serves": release[:12]}
    return {**row, "changing": True, "touched": True, "confirmed": True}


def _back(release: str, before: str) -> dict[str, Any]:
    row = {"release": release, "before": before, "serves": before[:12]}
    return {**row, "changing": True, "touched": True, "confirmed": False}


def _same(release: str) -> dict[str, Any]:
    return {"release": release, "before": release, "serves": release[:12], "changing": False}


def _lost(release: str, before: str) -> dict[str, Any]:
    return {**_back(release, before), "serves": "?"}


@pytest.mark.parametrize(
    ("heads", "expected"),
    [
        ([_head(9, {"web1": _went(A)})], [(A, "09:00", "", False)]),
        # Another release, by a deployment and by hand.
        ([_head(9, {"web1": _went(A)}), _head(10, {"web1": _went(B, A)})], [(A, "09:00", "10:00", False)]),
        ([_head(9, {"web1": _went(A)}), _head(10, {"web1": _went(B, A)}, signed=None)], [(A, "09:00", "10:00", True)]),
        # A release that was rolled back has not lived, and the one before it lives on.
        ([_head(9, {"web1": _went(A)}), _head(10, {"web1": _back(B, A)})], [(A, "09:00", "", False)]),
        # Nobody knows what a lost host serves; what serves already when it is next seen begins then.
        ([_head(9, {"web1": _went(A)}), _head(10, {"web1": _lost(B, A)})], [(A, "09:00", "10:00", False)]),
        ([_head(11, {"web1": _same(A)})], [(A, "11:00", "", False)]),
        # A host that was not asked to switch, and one that nobody could reach.
        ([_head(9, {"web1": _went(A)}), _head(10, {"web1": {**_back(B, A), "touched": False}})], [(A, "09:00", "", 0)]),
        ([_head(9, {"web1": _went(A)}), _head(10, {"web1": {"serves": "?"}})], [(A, "09:00", "", False)]),
        # Records that do not say of which inventory they are say nothing.
        ([_head(9, {"web1": _went(A)}, inventory="")], []),
    ],
)
def test_when_a_release_lived_on_a_host(heads: list[Any], expected: list[tuple[str, str, str, bool]]) -> None:
    found = [stay for stay in stays(heads) if stay.release == A]
    assert [(each.release, each.since[11:16], each.until[11:16], each.rolled_back) for each in found] == expected


def test_records_are_read_in_the_order_of_their_ends_whatever_the_order_they_come_in() -> None:
    heads = [_head(10, {"web1": _went(B, A)}), _head(9, {"web1": _went(A)})]
    assert [(each.release[0], each.until[11:16]) for each in stays(heads)] == [("a", "10:00"), ("b", "")]


def test_hosts_of_an_inventory_are_summed_up() -> None:
    heads = [_head(9, {"web1": _went(A)}), _head(10.5, {"web2": _went(A)}), _head(11, {"web1": _went(B, A)})]
    first, second = summed(stays(heads), NOON)
    assert (first.release, first.hosts, first.now, first.hours) == (B, 1, 1, 1.0)
    assert (second.release, second.hosts, second.now, second.hours, second.since[11:16]) == (A, 2, 1, 2.0, "10:30")
    assert second.words == "2 h on 2 hosts of staging, since 2026-01-02 10:30:00 UTC"


DAY = [_head(9, {"web1": _went(A), "web2": _went(A)})]


@pytest.mark.parametrize(
    ("demand", "heads", "words"),
    [
        (Demand("staging", 3), DAY, ""),
        (Demand("staging", 3, 2), DAY, ""),
        (
            Demand("staging", 24),
            DAY,
            "release aaaaaaaaaaaa has not soaked on staging; expected 24 h confirmed on 1 host; actual: 3 h on 2 hosts "
            "of staging, since 2026-01-02 09:00:00 UTC; wait, deploy it there first",
        ),
        (Demand("staging", 3, 3), DAY, "expected 3 h confirmed on 3 hosts"),
        (Demand("dev", 1), DAY, "actual: no run of these records has confirmed it on dev"),
        # It lived long enough, and somebody rolled it back.
        (
            Demand("staging", 2),
            [*DAY, _head(12, {"web1": _went(B, A), "web2": _went(B, A)}, signed=None)],
            "was rolled back there at 2026-01-02 12:00:00 UTC; deploy it to staging again",
        ),
        (Demand("staging", 2), [*DAY, _head(12, {"web1": _went(B, A), "web2": _went(B, A)})], ""),
    ],
)
def test_whether_a_release_has_soaked(demand: Demand, heads: list[Any], words: str) -> None:
    fault = demand.fault(A, stays(heads), NOON)
    assert (words in fault) if words else not fault


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"inventory": "staging", "days": 1}, "'days' is no key of it; its keys: inventory, hours, hosts"),
        ({"hours": 24}, "it names no inventory"),
        ({"inventory": "staging", "hours": "long"}, "hours and hosts must be numbers"),
        ({"inventory": "staging", "hours": -1}, "give hours from 0 to"),
        ({"inventory": "staging", "hosts": 0}, "one host or more"),
    ],
)
def test_a_demand_that_cannot_be_is_refused(value: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match="gates_soaked") as caught:
        read_demand("gates_soaked", value)
    assert words in str(caught.value)


def test_a_demand_has_a_day_and_one_host_where_it_says_no_more() -> None:
    assert read_demand("gates_soaked", {}) is None
    assert read_demand("gates_soaked", {"inventory": "staging"}) == Demand("staging", 24, 1)


@pytest.mark.parametrize(
    ("wanted", "found", "words"),
    [
        ("", A, ""),
        ("aa", A, ""),
        ("cc", C, ""),
        ("dd", "", "no release whose id begins with dd has lived on staging; it serves aaaaaaaaaaaa"),
    ],
)
def test_what_goes_on_from_an_inventory(wanted: str, found: str, words: str) -> None:
    known = [Stay(C, "staging", "web1", NOON, until=NOON), Stay(A, "staging", "web1", NOON), Stay(B, "dev", "d", NOON)]
    if not words:
        assert promoted(known, "staging", wanted) == found
        return
    with pytest.raises(SluiceError) as caught:
        promoted(known, "staging", wanted)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ([], "no release has lived on an inventory called staging, by the records of this controller; they know none"),
        ([Stay(A, "dev", "d", NOON)], "those that they know: dev; see gates_inventory"),
        (
            [Stay(A, "staging", "w", NOON), Stay(B, "staging", "v", NOON)],
            "staging serves 2 releases: aaaaaaa",
        ),
        ([Stay(A, "staging", "w", NOON, until=NOON)], "staging serves no confirmed release"),
    ],
)
def test_without_a_name_the_only_one_that_serves_goes_on(known: list[Stay], words: str) -> None:
    with pytest.raises(SluiceError) as caught:
        promoted(known, "staging", "")
    assert words in str(caught.value)


def _recorded(runs: Path) -> str:
    # As records are written: what the page reads stands before the releases.
    made = {"inventory": "staging", **confirmed()}
    written(made, runs / "20260102T030400-aaaa")
    (release,) = {row["release"] for row in made["hosts"].values()}
    return str(release)


def test_an_emergency_overrides_a_demand_loudly_and_the_receipt_says_where_a_release_lived(tmp_path: Path) -> None:
    release = _recorded(tmp_path)
    with pytest.raises(SluiceError, match="has not soaked on dev"):
        Soaking.of(tmp_path, [release], Demand("dev"), "")
    soaking = Soaking.of(tmp_path, [release], Demand("dev"), "it burns")
    assert soaking.overridden[0].startswith("EMERGENCY: release")
    assert soaking.overridden[0].endswith("because: it burns")
    (row,) = soaking.told(release)
    assert (row["inventory"], row["hosts"], row["now"]) == ("staging", 3, 3)
    assert Soaking.of(tmp_path, [release], None, "").told(release) == []


def test_the_page_of_all_runs_says_where_releases_live(tmp_path: Path) -> None:
    release = _recorded(tmp_path)
    assert [each.inventory for each in lived(tmp_path, NOON)] == ["staging"]
    page = history(tmp_path)
    assert "Where releases live" in page
    assert f"<code>{release[:12]}</code></th><td>staging</td><td>on 3 hosts now, since 2026-01-02" in page
