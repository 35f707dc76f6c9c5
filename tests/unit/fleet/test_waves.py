from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.sluice.nginx.plugins.filter import nginx as filters
from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.waves import rounds, waves


def _hosts(number: int) -> list[str]:
    return [f"web{n}" for n in range(1, number + 1)]


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
        (["1", " 50 % "], 4, [1, 2, 1]),
    ],
)
def test_hosts_are_divided_in_their_order(sizes: object, number: int, found: list[int]) -> None:
    hosts = _hosts(number)
    divided = waves(sizes, hosts)
    assert [len(wave) for wave in divided] == found
    assert [host for wave in divided for host in wave] == hosts


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ([], "rollout_waves: the list is empty; give the size of a wave at least, such as 1 or 25%"),
        ([1, 0], "rollout_waves[1]: 0 is no size of a wave; give a number of hosts from 1 on, or a share such as 25%"),
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
            waves(sizes, _hosts(number))
        assert str(raised.value).startswith(words)


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


def test_the_filter_refuses_in_the_same_words() -> None:
    with pytest.raises(AnsibleFilterError, match="'x' is no size of a wave"):
        filters.waves(["x"], ["web1"])


def test_the_filter_divides() -> None:
    assert filters.waves([1], ["a", "b"]) == [["a"], ["b"]]
