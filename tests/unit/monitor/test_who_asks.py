"""By whom a check is asked, and that both sides name it alike."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import Check, parse_contract, to_json
from ansible_collections.sluice.nginx.plugins.module_utils.monitor.host.check_source import (
    check_id,
    here_only,
    is_safe,
    on_host,
)


def _check(**row: Any) -> Check:
    return parse_contract([{"get": "http://shop.example/", **row}], "nginx_checks")[0]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({}, ""),
        ({"expect": {"status": "4xx", "body": "(a|b)*"}}, ""),
        ({"expect": {"body": "/^Order [0-9]{2}\\b/"}}, ""),
        ({"expect": {"headers": {"X-A": "/^x$/"}}}, ""),
        ({"expect": {"location": "/new/"}}, ""),
        ({"follow": True}, "it follows redirects on one host"),
        ({"expect": {"max_ms": 100}}, "it has a bound on the time"),
        ({"connect": "10.0.0.1:8080"}, "its address is the host's own"),
        ({"get": "http://127.0.0.1:8090/status"}, "its address is the host's own"),
        ({"get": "http://localhost/status"}, "its address is the host's own"),
        ({"expect": {"body": "/foo(?!bar)/"}}, "Go has no such pattern"),
        ({"expect": {"body": "/(?<=a)b/"}}, "Go has no such pattern"),
        ({"expect": {"body": r"/(a)\1/"}}, "Go has no such pattern"),
        ({"expect": {"body": r"/(?P<x>a)(?P=x)/"}}, "Go has no such pattern"),
        ({"expect": {"body": r"/end\Z/"}}, "Go has no such pattern"),
        ({"expect": {"body": "/end$/"}}, "Go has no such pattern"),
        ({"expect": {"body": "/(?x) a b/"}}, "Go has no such pattern"),
        ({"expect": {"headers": {"X-A": r"/\d(?=x)/"}}}, "Go has no such pattern"),
        ({"expect": {"location": r"/^\/(\w)\1/"}}, "Go has no such pattern"),
    ],
)
def test_the_host_asks_what_others_cannot(row: dict[str, Any], why: str) -> None:
    assert on_host(_check(**row)) == why


def test_visitors_follow_and_wait() -> None:
    assert here_only(_check(follow=True, expect={"max_ms": 100})) == ""
    assert here_only(_check(connect="127.0.0.1")) == "its address is the host's own"


def test_a_check_keeps_its_name_wherever_it_stands() -> None:
    row = to_json(_check())
    assert check_id({**row, "source": "nginx_sites[3].checks[7]"}) == check_id(row)
    assert len(check_id(row)) == 12


@pytest.mark.parametrize(
    "changed", [{"get": "http://shop.example/x"}, {"expect": {"status": 404}}, {"name": "x"}, {"follow": True}]
)
def test_a_check_that_asks_or_expects_something_else_is_another(changed: dict[str, Any]) -> None:
    assert check_id(to_json(_check(**changed))) != check_id(to_json(_check()))


@pytest.mark.parametrize(
    ("row", "safe", "why"),
    [
        ({"protocol": "h2", "get": "https://a.example/"}, True, "it speaks HTTP/2"),
        ({"protocol": "h3", "post": "https://a.example/"}, False, "it speaks HTTP/3"),
        ({"protocol": "grpc", "url": "https://a.example"}, True, "it speaks gRPC"),
        ({"protocol": "grpc", "url": "https://a.example/a.B/C"}, False, "it speaks gRPC"),
        ({"protocol": "tcp", "url": "tcp://a.example:25"}, True, "it speaks TCP"),
        ({"protocol": "tcp", "url": "tcp://a.example:25", "send": "RSET"}, False, "it speaks TCP"),
        ({"protocol": "udp", "url": "udp://a.example:53", "send_hex": "00"}, False, "it speaks UDP"),
        ({"protocol": "websocket", "url": "wss://a.example/"}, True, "it speaks WebSocket"),
        ({"protocol": "websocket", "url": "wss://a.example/", "send": "x"}, False, "it speaks WebSocket"),
    ],
)
def test_a_check_of_another_protocol_is_the_hosts_own(row: dict[str, Any], safe: bool, why: str) -> None:
    (check,) = parse_contract([row], "nginx_checks")
    assert (is_safe(check), here_only(check)) == (safe, why)
