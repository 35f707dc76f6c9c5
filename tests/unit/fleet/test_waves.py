from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.waves import (
    PERSON,
    Inventory,
    Wave,
    budget_of,
    only,
    read_waves,
    rounds,
    waves,
)

# eu1 eu2 us1 eu3 us2 eu4: in the order of the inventory.
ZONES = {"eu1": "a", "eu2": "b", "us1": "c", "eu3": "a", "us2": "c", "eu4": "b"}
REGIONS = {
    "all": list(ZONES),
    "eu": [host for host in ZONES if host.startswith("eu")],
    "us": [host for host in ZONES if host.startswith("us")],
    "spare": ["eu4"],
}


def _hosts(number: int) -> list[str]:
    return [f"web{n}" for n in range(1, number + 1)]


def _label(host: str, name: str) -> object:
    return {"zone": ZONES.get(host), "tier": 1 if host == "eu1" else None}.get(name)


def _divided(order: Any, hosts: list[str], groups: dict[str, list[str]] | None = None) -> list[Wave]:
    known = {"all": hosts} if groups is None else groups
    return waves(read_waves(order, known), hosts, Inventory(known, _label))


@pytest.mark.parametrize(
    ("sizes", "number", "found"),
    [
        ([1, "25%", "100%"], 0, []),
        ([1, "25%", "100%"], 1, [1]),
        ([1, "25%", "100%"], 3, [1, 1, 1]),
        ([1, "25%", "100%"], 10, [1, 2, 7]),
        ([1, "25%", "100%"], 1000, [1, 250, 749]),
        ([1], 3, [1, 1, 1]),
        ([5], 3, [3]),
        ([2], 5, [2, 2, 1]),
        (["1%"], 3, [1, 1, 1]),
        (["50%"], 5, [2, 2, 1]),
        (["100%"], 5, [5]),
        ([1, 2, "10%"], 20, [1, 2, *[2] * 8, 1]),
        # As -e and other texts give them.
        ("2", 3, [2, 1]),
        (2, 3, [2, 1]),
        ("1, 50%", 4, [1, 2, 1]),
        ("canary,100%", 4, [1, 3]),
        (["1", " 50 % "], 4, [1, 2, 1]),
    ],
)
def test_hosts_are_divided_in_their_order(sizes: object, number: int, found: list[int]) -> None:
    hosts = _hosts(number)
    divided = _divided(sizes, hosts)
    assert [len(wave.hosts) for wave in divided] == found
    assert [host for wave in divided for host in wave.hosts] == hosts


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ([], "rollout_waves: the list is empty; give the size of a wave at least, such as 1 or 25%"),
        (
            [1, 0],
            "rollout_waves[1]: 0 is no size of a wave, and no group of the inventory; give a number of hosts from 1",
        ),
        (["0%"], "rollout_waves[0]: '0%' is no size of a wave"),
        (["many"], "rollout_waves[0]: 'many' is no size of a wave"),
        ([-1], "rollout_waves[0]: -1 is no size of a wave"),
        ([1.5], "rollout_waves[0]: 1.5 is no size of a wave"),
        ([True], "rollout_waves[0]: True is no size of a wave"),
        ([None], "rollout_waves[0]: None is no size of a wave"),
        (["%"], "rollout_waves[0]: '%' is no size of a wave"),
        (["²"], "rollout_waves[0]: '²' is no size of a wave"),
        (["101%"], "rollout_waves[0]: '101%' is more than all hosts; give a share from 1% to 100%"),
        ("[1, 2]", "rollout_waves[0]: '[1' is no size of a wave"),
    ],
)
def test_what_is_no_size_of_a_wave_is_refused_however_few_hosts_there_are(sizes: object, words: str) -> None:
    for number in (0, 5):
        with pytest.raises(InputError) as raised:
            _divided(sizes, _hosts(number))
        assert str(raised.value).startswith(words)


@pytest.mark.parametrize(
    ("order", "found"),
    [
        (["eu", "us"], ["eu: eu1 eu2 eu3 eu4", "us: us1 us2"]),
        (["canary", {"group": "eu", "size": "50%"}, "100%"], ["canary: eu1", "eu: eu2 eu3", "wave 3: us1 us2 eu4"]),
        # A share is of the hosts that the row is about, also where some of them are done.
        ([{"group": "us", "size": "50%"}, {"group": "us"}, "100%"], ["us: us1", "us: us2", "wave 3: eu1 eu2 eu3 eu4"]),
        # Groups side by side: each gives its share.
        ([{"group": ["eu", "us"], "size": "50%"}], ["eu+us: eu1 eu2 us1", "eu+us: eu3 eu4 us2"]),
        ([{"where": {"zone": "a"}, "name": "first"}, "100%"], ["first: eu1 eu3", "wave 2: eu2 us1 us2 eu4"]),
        ([{"where": {"zone": ["a", "c"]}}, "100%"], ["wave 1: eu1 us1 eu3 us2", "wave 2: eu2 eu4"]),
        # Numbers of the inventory are as good as texts.
        ([{"where": {"tier": 1}}, "100%"], ["wave 1: eu1", "wave 2: eu2 us1 eu3 us2 eu4"]),
        ([{"each": "zone"}], ["a: eu1 eu3", "b: eu2 eu4", "c: us1 us2"]),
        ([{"group": "eu", "each": "zone", "name": "EU"}, "us"], ["EU a: eu1 eu3", "EU b: eu2 eu4", "us: us1 us2"]),
        ([{"group": "spare"}, {"group": "eu"}, "us"], ["spare: eu4", "eu: eu1 eu2 eu3", "us: us1 us2"]),
    ],
)
def test_waves_go_by_group_and_by_variables_of_hosts(order: list[Any], found: list[str]) -> None:
    divided = _divided(order, list(ZONES), REGIONS)
    assert [f"{wave.name}: {' '.join(wave.hosts)}" for wave in divided] == found
    assert sorted(host for wave in divided for host in wave.hosts) == sorted(ZONES)


def test_a_group_canary_of_the_inventory_is_meant_by_its_name() -> None:
    groups = {**REGIONS, "canary": ["us1", "us2"]}
    assert _divided(["canary", "100%"], list(ZONES), groups)[0].hosts == ("us1", "us2")


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (["eu"], "rollout_waves: us1, us2 would be in no wave; end the list with 100%"),
        ([{"where": {"zone": "z"}}], "rollout_waves: eu1, eu2, us1 and 3 more would be in no wave"),
        ([{"group": "sparr"}], "rollout_waves[0].group: the inventory has no group 'sparr'; did you mean 'spare'?"),
        ([{"grop": "eu"}], "rollout_waves[0]: unknown key 'grop'; did you mean 'group'?"),
        ([{"each": "tier"}], "rollout_waves[0].each: eu2 has no variable 'tier'; set it for each host"),
        ([{"size": "0"}], "rollout_waves[0].size: '0' is no size of a wave; give a number of hosts from 1 on"),
        ([{"pause": "soon"}], "rollout_waves[0].pause: 'soon' is no number of seconds from 0 on, or 'person'"),
        ([{"pause": True}], "rollout_waves[0].pause: True is no number of seconds"),
        ([{"group": []}], "rollout_waves[0].group: the list is empty"),
        ([{"where": "zone"}], "rollout_waves[0].where: this is no mapping of host variables"),
    ],
)
def test_an_order_that_cannot_be_is_refused_with_its_place(order: list[Any], words: str) -> None:
    with pytest.raises(InputError) as raised:
        _divided(order, list(ZONES), REGIONS)
    assert str(raised.value).startswith(words)


def test_hosts_that_need_nothing_are_in_no_wave_and_nothing_is_waited_for_after_the_last_one() -> None:
    order = _divided([{"size": 2, "pause": 60}, {"size": 2, "pause": PERSON}], list(ZONES), REGIONS)
    assert [wave.pause for wave in order] == [60, PERSON, PERSON]
    found = only(order, ["eu2", "eu3"])
    assert [(wave.hosts, wave.pause) for wave in found] == [(("eu2",), 60), (("eu3",), 0)]
    assert only(order, []) == []


@pytest.mark.parametrize(("value", "found"), [("0", 0), (2, 2), ("5%", 2), ("1%", 0), ("100%", 40), (" 10 % ", 4)])
def test_a_budget_is_a_number_or_a_share_rounded_down(value: object, found: int) -> None:
    assert budget_of(value, 40) == found


@pytest.mark.parametrize("value", ["some", -1, "101%", True, "", "1.5"])
def test_what_is_no_budget_is_refused(value: object) -> None:
    with pytest.raises(InputError, match=r"rollout_unreachable_budget: .* is no budget; give a number of hosts"):
        budget_of(value, 40)


def test_rounds_may_be_shorter_than_the_watchdog_allows() -> None:
    assert rounds(30, 120, 10) == [10, 10, 10]


@pytest.mark.parametrize(
    ("bake", "deadline", "duration"),
    [
        (0, 120, [0]),
        (3, 120, [3]),
        (40, 120, [40]),
        (41, 120, [20.5, 20.5]),
        (100, 120, [33.333, 33.333, 33.333]),
        (3, 5, [1.5, 1.5]),
        ("6", "9", [3, 3]),
    ],
)
def test_no_round_is_longer_than_a_third_of_what_the_watchdog_waits(
    bake: float, deadline: float, duration: list[float]
) -> None:
    assert rounds(bake, deadline) == duration
    assert max(duration) <= float(deadline) / 3


@pytest.mark.parametrize(
    ("bake", "deadline", "words"),
    [
        (-1, 120, "rollout_bake: -1 is no number of seconds from 0 on"),
        ("long", 120, "rollout_bake: 'long' is no number of seconds from 0 on"),
        ("inf", 120, "rollout_bake: 'inf' is no number of seconds from 0 on"),
        (3, 0, "rollout_confirm_timeout: 0 is no number of seconds from 1 on"),
        (3, "nan", "rollout_confirm_timeout: 'nan' is no number of seconds from 1 on"),
    ],
)
def test_what_is_no_time_is_refused(bake: float, deadline: float, words: str) -> None:
    with pytest.raises(InputError) as raised:
        rounds(bake, deadline)
    assert str(raised.value) == words
