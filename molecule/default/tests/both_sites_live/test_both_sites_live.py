"""Every host serves both sites from one confirmed release, by its own word and by what it answers."""

from __future__ import annotations

import client
import pytest
from story import STATE, journal, live, ports, state
from testinfra.host import Host


@pytest.mark.parametrize(
    ("site", "port", "target", "status", "words"),
    [
        ("cedi-mart.example", "http", "/", 200, "/products/teapot"),
        ("cedi-mart.example", "http", "/orders/track?id=42", 200, "Order 42"),
        ("cedi-mart.example", "http", "/assets/style.css", 200, "text/css"),
        ("cedi-mart.example", "http", "/track.php?id=42", 301, "/orders/track?id=42"),
        ("shwitter.example", "http", "/v2/profile?id=1", 301, "https://shwitter.example/v2/profile?id=1"),
        ("shwitter.example", "https", "/v2/profile?id=1", 200, "Ada Lovelace"),
        ("shwitter.example", "https", "/v2/profile_list?ids=1,2", 200, "Grace Hopper"),
        ("shwitter.example", "https", "/1/profile_list?ids=1,2", 301, "/v2/profile_list?ids=1,2"),
    ],
)
def test_both_sites_answer(host: Host, site: str, port: str, target: str, status: int, words: str) -> None:
    seen, answer = client.ask(client.Question(site, port, target, words), ports(host))
    assert (seen, words in answer) == (status, True), answer


def test_both_instances_of_the_api_are_asked(host: Host) -> None:
    question = client.Question("shwitter.example", "https", "/v2/profile?id=1", "")
    answers = [client.ask(question, ports(host))[1] for _ in range(8)]
    assert {port for port in ("8001", "8002") if any(f"shwitter@{port}" in answer for answer in answers)} == {
        "8001",
        "8002",
    }


def test_one_confirmed_release_is_everywhere(host: Host) -> None:
    known = state(host)
    assert known["pending"] is None
    assert known["confirmed"]["release"] == known["live"] == live(host)
    first = Host.get_host("ssh://web1", ssh_config=host.backend.ssh_config)
    assert known["live"] == state(first)["live"]


def test_what_the_host_had_is_kept_to_roll_back_to(host: Host) -> None:
    known = state(host)
    origins = {release: each["origin"] for release, each in known["releases"].items()}
    assert origins == {known["live"]: "pushed", known["confirmed"]["before"]: "adopted"}
    assert host.file(f"{STATE}/releases/{known['confirmed']['before']}/sites-enabled/default").exists


def test_the_journal_tells_the_way_of_the_release(host: Host) -> None:
    ways = [(event["event"], event.get("mark")) for event in journal(host)]
    assert ways[0] == ("activate", "begin")
    assert ways[-1] == ("confirm", "end")
    # Each step is written before and after.
    assert {name for name, mark in ways if mark == "begin"} == {name for name, mark in ways if mark == "end"}
    # The second run had nothing to do, so only one run is there.
    assert len({event["run"] for event in journal(host)}) == 1
