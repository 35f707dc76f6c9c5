"""Which servers of many are asked: what the change can reach, and a spread sample of the others."""

from __future__ import annotations

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.changes import changes
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.plan import planned
from ansible_collections.sluice.nginx.plugins.module_utils.config import selection as selecting
from ansible_collections.sluice.nginx.plugins.module_utils.config.derive import plain
from ansible_collections.sluice.nginx.plugins.module_utils.config.facts import server_names
from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import Config
from ansible_collections.sluice.nginx.plugins.module_utils.config.selection import EVERY_SERVER, Selection, spread
from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import parse_contract
from ansible_collections.sluice.nginx.plugins.module_utils.effects import reached
from ansible_collections.sluice.nginx.plugins.module_utils.effects.reached import select

from .conftest import Reads

_MANY = 30


def _text(own: str = "", others: str = "", http: str = "", first: int = 0) -> str:
    servers = "".join(
        f"upstream u{number} {{ server 10.0.0.1:80{own if number == 7 and own.startswith('8') else ''}; }}\n"
        f"server {{ listen 80; server_name s{number}; location /a {{ proxy_pass http://u{number}; }}\n"
        f"{own if number == 7 and not own.startswith('8') else ''} {others if number >= first else ''} }}\n"
        for number in range(_MANY)
    )
    return f"map $uri $m {{ default 0; }} {http}\n{servers}"


def _names(selection: Selection, config: Config, part: str) -> set[str]:
    ids = getattr(selection, part)
    return {name for server in config.servers() if id(server) in ids for name in server_names(server)}


@pytest.mark.parametrize(
    ("live", "candidate", "in_full"),
    [
        (_text(), _text(own="location /b { }"), {"s7"}),
        (_text(), _text(own="81"), {"s7"}),
        (_text(), _text().replace("server_name s7;", "server_name s7 www;"), {"s7", "www"}),
        (_text(), _text().replace("listen 80; server_name s7;", "listen 81; server_name s7;"), {"s7"}),
        (_text(own="add_header X $m;"), _text(own="add_header X $m;").replace("default 0", "default 1"), {"s7"}),
        (_text(), f"{_text()} # A comment.", set()),
    ],
    ids=["a location", "an upstream", "a name", "a listener", "a map", "a comment"],
)
def test_what_the_change_can_reach_is_asked_in_full(read: Reads, live: str, candidate: str, in_full: set[str]) -> None:
    before, after = read(live), read(candidate)
    selection = select(before, after, 5, 3)
    assert _names(selection, after, "in_full") == in_full
    sampled = _names(selection, after, "sampled")
    assert len(sampled) == 5
    assert sampled == _names(selection, before, "sampled")
    assert not sampled & in_full
    some = f"{'none' if not in_full else 1} asked in full"
    assert selection.words == (f"of 30 servers, {some} and 5 of {30 - bool(in_full)} others by sample (gates_sample)")


def test_a_change_of_http_reaches_every_server_and_a_bounded_part_is_asked(
    read: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reached, "MOST_IN_FULL", 10)
    selection = select(read(_text()), read(_text(http="gzip on;")), 5, 0)
    assert selection.words == "of 30 servers, 10 of 30 that the change can reach asked in full (gates_sample)"
    assert selecting.MOST_IN_FULL == 1_000


@pytest.mark.parametrize(("sample", "servers"), [(0, _MANY), (_MANY, _MANY), (200, _MANY)])
def test_small_configurations_and_who_wants_all_are_asked_everything(read: Reads, sample: int, servers: int) -> None:
    after = read(_text(own="location /b { }"))
    selection = select(read(_text()), after, sample, 0)
    assert selection is EVERY_SERVER
    assert len(selection.servers(after)) == servers
    assert selection.words == ""
    assert selection.to_json() == {}


def test_a_first_release_is_asked_everything(read: Reads) -> None:
    assert select(None, read(_text()), 5, 0) is EVERY_SERVER


def test_each_release_has_another_sample_that_is_spread(read: Reads) -> None:
    servers = read(_text()).servers()
    chosen = [[servers.index(each) for each in spread(servers, 5, seed)] for seed in range(6)]
    assert chosen[0] == [0, 6, 12, 18, 24]
    assert chosen[1] == [1, 7, 13, 19, 25]
    assert {number for each in chosen for number in each} == set(range(30))


def test_requests_are_for_the_servers_that_are_asked_and_strangers_come_by_every_listener(read: Reads) -> None:
    before, after = read(_text()), read(_text(own="location /b { }"))
    selection = select(before, after, 5, 3)
    asked = _names(selection, after, "in_full") | _names(selection, after, "sampled")
    assert {request.host for request in plain(after, selection)} == asked
    checks = parse_contract([{"get": f"http://s{number}/c"} for number in range(_MANY)], "nginx_checks")
    requests, _ = planned(before, after, changes(before, after), checks, [], 10_000, (), selection)
    assert {request.host for request in requests} == asked | {"unknown.invalid"}
    assert {request.host for request in requests if request.path == "/c"} == asked
    of = {name: sum(request.host == name for request in requests) for name in asked}
    assert of["s7"] > 3 * max(count for name, count in of.items() if name != "s7")
