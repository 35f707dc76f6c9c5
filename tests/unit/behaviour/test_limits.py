"""Which requests are asked where limit_req lets them wait."""

from __future__ import annotations

from collections.abc import Callable, Collection

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.limits import WithinLimits, within_limits
from ansible_collections.sluice.nginx.plugins.module_utils.config.derive import DerivedRequest
from ansible_collections.sluice.nginx.plugins.module_utils.config.match import trace
from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import Config

Conf = Callable[[str], Config]

BY_ADDRESS = "limit_req_zone $binary_remote_addr zone=a:1m rate={rate};"
LOGIN = "location /login {{ limit_req zone=a {burst}; }} location / {{ }}"


def chosen(config: Config, target: str = "/login", kept: Collection[str] = (), number: int = 40) -> WithinLimits:
    requests = [
        DerivedRequest("GET", "http", "s", 80, f"{target}?{each}", place=f"place {each}", weight=each)
        for each in range(number)
    ]
    return within_limits(
        requests, [config], lambda request, one: trace(one, request.host, request.port, request.path), kept
    )


def site(conf: Conf, inside: str, outside: str = "") -> Config:
    return conf(f"http {{ {outside} server {{ listen 80; server_name s; {inside} }} }}")


@pytest.mark.parametrize(
    ("outside", "inside", "target", "apart", "left_out"),
    [
        (BY_ADDRESS.format(rate="1r/s"), LOGIN.format(burst="burst=5"), "/login", 40, 0),
        (BY_ADDRESS.format(rate="1r/s"), LOGIN.format(burst="burst=5"), "/other", 0, 0),
        (BY_ADDRESS.format(rate="1r/s"), LOGIN.format(burst="burst=5 nodelay"), "/login", 0, 0),
        (BY_ADDRESS.format(rate="1r/s"), LOGIN.format(burst=""), "/login", 0, 0),
        (f"{BY_ADDRESS.format(rate='1r/s')} limit_req zone=a burst=9;", "", "/", 40, 0),
        ("limit_req_zone $server_name zone=a:1m rate=1r/s;", LOGIN.format(burst="burst=5"), "/login", 0, 33),
        ("limit_req_zone $server_name zone=a:1m rate=30r/m;", LOGIN.format(burst="burst=5"), "/login", 0, 36),
        ("limit_req_zone $server_name zone=a:1m rate=100r/s;", LOGIN.format(burst="burst=5"), "/login", 0, 0),
        (
            f"{BY_ADDRESS.format(rate='1r/s')} geo $staff {{ default 0; 127.0.0.1 1; }}",
            LOGIN.format(burst="burst=5"),
            "/login",
            0,
            33,
        ),
        (
            f"{BY_ADDRESS.format(rate='1r/s')} geo $staff {{ default 0; 10.0.0.0/8 1; 127.0.0.0/8 1; }}",
            LOGIN.format(burst="burst=5"),
            "/login",
            40,
            0,
        ),
        (
            BY_ADDRESS.format(rate="1r/s"),
            "location /login { allow 127.0.0.1; deny all; limit_req zone=a burst=5; }",
            "/login",
            0,
            33,
        ),
        (
            "map $host $key { default $binary_remote_addr; } limit_req_zone $key zone=a:1m rate=1r/s;",
            LOGIN.format(burst="burst=5"),
            "/login",
            40,
            0,
        ),
        ("", LOGIN.format(burst="burst=5"), "/login", 0, 0),
        (BY_ADDRESS.format(rate="xr/s"), LOGIN.format(burst="burst=5"), "/login", 0, 0),
    ],
)
def test_where_a_limit_counts_addresses_each_request_has_one_and_elsewhere_few_are_asked(
    conf: Conf, outside: str, inside: str, target: str, apart: int, left_out: int
) -> None:
    found = chosen(site(conf, inside.replace("{{", "{").replace("}}", "}"), outside), target)
    assert (len(found.apart), found.left_out) == (apart, left_out)
    assert len(found.requests) == 40 - left_out


def test_the_lightest_are_asked_and_checks_of_a_contract_in_any_case(conf: Conf) -> None:
    config = site(conf, LOGIN.format(burst="burst=5"), "limit_req_zone $server_name zone=a:1m rate=1r/s;")
    found = chosen(config, kept=[f"place {number}" for number in (20, 30)])
    assert [each.weight for each in found.requests] == [0, 1, 2, 3, 4, 20, 30]
    every = chosen(config, kept=[f"place {number}" for number in range(40)])
    assert every.left_out == 0


def test_what_waits_in_one_configuration_only_is_asked_alike_in_both(conf: Conf) -> None:
    free, held = (
        site(conf, LOGIN.format(burst="burst=5"), f"limit_req_zone {key} zone=a:1m rate=1r/s;")
        for key in ("$remote_addr", "$server_name")
    )
    request = DerivedRequest("GET", "http", "s", 80, "/login")
    found = within_limits([request], [free, held], lambda one, config: trace(config, one.host, one.port, one.path), ())
    assert (found.requests, found.apart) == ([request], frozenset())
