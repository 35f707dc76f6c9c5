"""Whether visitors are answered worse than before, or one of them only wants it to look so."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.engine.logs import Share, mark, share
from ansible_collections.sluice.nginx.plugins.module_utils.engine.visitors import Clients, kinds_before, risen


def lines(*seen: tuple[str, int, int]) -> list[str]:
    """Lines of an access log: who got which status how often."""
    form = '{} - - [02/Jan/2026:03:04:05 +0000] "GET / HTTP/1.1" {} 3 "-" "curl"'
    return [form.format(who, status) for who, status, count in seen for _ in range(count)]


def clients(*seen: tuple[str, int, int]) -> Clients:
    found = Clients()
    share(lines(*seen), clients=found)
    return found


@pytest.mark.parametrize(
    ("before", "after", "suspect"),
    [
        ([("10.0.0.1", 200, 50)], [("10.0.0.1", 200, 50), ("6.6.6.6", 500, 50)], "6.6.6.6"),
        ([("10.0.0.1", 200, 50)], [("10.0.0.1", 500, 50), ("6.6.6.6", 200, 50)], ""),
        ([("10.0.0.1", 200, 9), ("6.6.6.6", 500, 9)], [("6.6.6.6", 500, 50)], ""),
        ([("10.0.0.1", 200, 50), ("6.6.6.6", 200, 1)], [("10.0.0.1", 200, 50), ("6.6.6.6", 500, 50)], "6.6.6.6"),
        ([], [("6.6.6.6", 500, 50)], ""),
        ([("shop.example", 200, 9)], [("other.example", 500, 9)], ""),
        ([("fd00:1:2:3::9", 200, 9)], [("fd00:1:2:3::8", 500, 9)], ""),
        ([("fd00:1:2:3::9", 200, 9)], [("fd00:1:3:4::8", 500, 5), ("fd00:1:3:5::7", 500, 5)], "fd00:1:3::/48"),
        ([("fd00:1:2:3::9", 200, 9)], [("fd00::a:1:2:3:4", 500, 5), ("fd00::b:1:2:3:4", 500, 5)], "fd00:0:0::/48"),
        ([("::ffff:10.0.0.1", 200, 9)], [("::ffff:6.6.6.6", 500, 9), ("::ffff:10.0.0.1", 200, 9)], "6.6.6.6"),
        (
            [("10.0.0.1", 200, 50)],
            [("10.0.0.1", 200, 50), ("6.6.6.6", 500, 9), ("6.6.6.7", 500, 8), ("fd00::1", 500, 9)],
            "6.6.6.6 fd00:0:0::/48",
        ),
        ([("10.0.0.1", 200, 50)], [("10.0.0.1", 200, 50), ("fd00::1", 200, 50)], ""),
        ([], [], ""),
    ],
)
def test_who_asks_for_far_more_than_before(
    before: list[tuple[str, int, int]], after: list[tuple[str, int, int]], suspect: str
) -> None:
    assert " ".join(clients(*after).suspects(clients(*before))) == suspect


def test_shares_with_and_without_an_address() -> None:
    found = clients(("10.0.0.1", 200, 3), ("10.0.0.1", 502, 1), ("6.6.6.6", 403, 5), ("6.6.6.6", 500, 1))
    assert found.share() == Share(10, 2, 0)
    assert found.share(["6.6.6.6"]) == Share(4, 1, 0)
    assert found.refused() == Share(2, 2, 0)


def test_an_address_is_read_from_json_too() -> None:
    found = Clients()
    share(['{"remote_addr": "6.6.6.6", "status": 500}'] * 5, clients=found)
    assert found.suspects(clients(("10.0.0.1", 200, 1))) == ["6.6.6.6"]


def test_ever_new_addresses_take_no_memory() -> None:
    found = Clients()
    for number in range(60_000):
        found.add(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255} - -", "500")
    assert found.share() == Share(60_000, 60_000, 0)
    assert len(found._rows) <= 50_001


@pytest.mark.parametrize(
    ("before", "since", "found"),
    [
        ({}, {"a": 4, "b": 5}, ["b"]),
        ({"a": 50.0}, {"a": 54}, []),
        ({"a": 50.0}, {"a": 101}, ["a"]),
        ({"a": 50.0}, {"a": 100}, []),
    ],
)
def test_what_rose(before: dict[str, float], since: dict[str, int], found: list[str]) -> None:
    assert risen(before, since) == found


def test_lines_of_before_are_those_of_as_long_a_time(tmp_path: Path) -> None:
    log, began = tmp_path / "error.log", int(time.time())
    text = '{} [crit] 8#8: *{} stat() "/p/{}" failed (13: Permission denied), client: 192.0.2.7, server: x\n'
    with log.open("w") as file:
        for ago in (7200, 3600, 119, 90, 60, 30, 1):
            file.write(text.format(time.strftime("%Y/%m/%d %H:%M:%S", time.localtime(began - ago)), ago, ago))
    marks = mark([str(log)])[0]
    kind = "stat() failed (13: Permission denied)"
    assert kinds_before(marks, began, 120) == {kind: 5.0}
    assert kinds_before(marks, began, 6) == {kind: pytest.approx(0.3)}
    assert kinds_before({str(tmp_path / "none.log"): [0, 0]}, began, 60) == {}
