from __future__ import annotations

from collections.abc import Callable

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.changes import changes
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.plan import planned, request_of
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.suggest import requests_of
from ansible_collections.sluice.nginx.plugins.module_utils.config.derive import DerivedRequest
from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import Config
from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import parse_contract
from ansible_collections.sluice.nginx.plugins.module_utils.contract.protocols import HEALTH_CHECK

Conf = Callable[[str], Config]


def _words(
    conf: Conf, live: str, candidate: str, most: int = 10_000, others: int | None = None
) -> tuple[list[str], int]:
    first, second = conf(live), conf(candidate)
    requests, left_out = planned(first, second, changes(first, second), [], [], most, others=others)
    return [_whole(request) for request in requests], left_out


def _whole(request: DerivedRequest) -> str:
    """The request with the values of its headers, which people are not shown."""
    bare = request._replace(headers=()).words
    also = ", ".join(f"{name}: {value[:40]}" for name, value in request.headers)
    if not also:
        return bare
    return bare.replace(" (", f" ({also}, ", 1) if bare.endswith(")") else f"{bare} ({also})"


@pytest.mark.parametrize(
    ("inside", "asked"),
    [
        ("location /a/ { }", "GET http://s/a/"),
        ("location /a/ { }", "GET http://s/a"),
        ("location /a/ { }", "GET http://s/a/?sluice=1&b=2"),
        ("location /a/ { }", "HEAD http://s/a/"),
        ("location /a/ { }", "POST http://s/a/ (16 bytes)"),
        ("location /a/ { location ~ b$ { } }", "GET http://s/b"),
        (r"location ~ \.(css|js)$ { }", "GET http://s/x.js"),
        (r"location ~ \.php$ { }", "GET http://s/x.phpp"),
        ("location / { }", "GET http://unknown.invalid/"),
        ("client_max_body_size 10k;", "POST http://s/ (11264 bytes)"),
        ("client_max_body_size 10k;", "POST http://s/ (9216 bytes)"),
        ("location / { gzip on; }", "GET http://s/ (Accept-Encoding: gzip)"),
        ("location / { auth_basic x; }", "GET http://s/ (Authorization: Basic c2x1aWNlOnNsdWljZQ==)"),
        ("rewrite ^/old/(\\d+)$ /new/$1 permanent;", "GET http://s/old/1"),
        ("if ($http_user_agent ~* badbot) { return 403; }", "GET http://s/ (User-Agent: badbot)"),
        ("if ($request_method = PURGE) { return 405; }", "PURGE http://s/"),
        ("if ($arg_debug = 1) { return 403; }", "GET http://s/?debug=1"),
        ("location / { limit_except GET { deny all; } }", "DELETE http://s/"),
        ("location / { valid_referers none s; }", "GET http://s/ (Referer: https://evil.invalid/)"),
        ("location / { add_header X $http_x_tenant; }", "GET http://s/ (X-Tenant: sluice)"),
        ("return 301 $moved;", "GET http://s/old-page"),
        ("location / { proxy_pass http://$pool; }", "GET http://s/ (Cookie: canary=yes)"),
        ("location / { proxy_pass http://b; }", "GET http://s/?sluice=gzip (Accept-Encoding: gzip)"),
        ("error_page 418 /t; location / { proxy_pass http://b; }", 'GET http://s/ (X-Sluice-Answer: {"status": 418})'),
        (
            "location / { proxy_pass http://b; proxy_cookie_path /a /; }",
            'GET http://s/ (X-Sluice-Answer: {"headers": {"Set-Cookie": "sluice=1; Pa)',
        ),
        (
            "location / { proxy_pass http://10.0.0.1:8000/; proxy_redirect off; }",
            'GET http://s/ (X-Sluice-Answer: {"status": 302, "headers": {"Location": )',
        ),
        ("location / { proxy_pass http://b/; }", 'GET http://s/ (X-Sluice-Answer: {"close": true})'),
        ("location / { memcached_pass b; }", "GET http://s/sluice-miss"),
        ("location / { allow 10.1.0.0/16; deny all; }", "GET http://s/ (from 10.1.0.9)"),
        ("location / { allow 10.1.0.0/16; deny all; }", "GET http://s/ (from 192.0.2.77)"),
        ("deny 10.2.3.4; location /a { }", "GET http://s/a (from 10.2.3.4)"),
        ("listen [::]:80; allow 2001:db8::/32; location / { }", "GET http://s/ (from 2001:db8::9)"),
        (
            "set_real_ip_from 10.3.0.0/24; real_ip_header CF-IP; location / { }",
            "GET http://s/ (CF-IP: 198.51.100.77, from 10.3.0.9)",
        ),
        ("add_header X $near;", "GET http://s/ (from 203.0.113.9)"),
    ],
)
def test_what_a_configuration_is_about_is_asked(conf: Conf, inside: str, asked: str) -> None:
    maps = "map $uri $moved { /old-page /new; } map $cookie_canary $pool { yes b; default a; }"
    maps += " geo $near { 203.0.113.0/24 1; }"
    text = f"http {{ {maps} server {{ listen 80; server_name s; {inside} }} }}"
    assert asked in _words(conf, "http { }", text)[0]


def test_each_name_and_listener_is_asked_and_tls_by_each_version(conf: Conf) -> None:
    found, _ = _words(conf, "http { server { listen 80; listen 8443 ssl; server_name a *.b ~^c\\d$; } }", "http { }")
    for host in ("a", "any.b", "c1"):
        assert f"GET http://{host}/" in found
        assert f"GET https://{host}:8443/" in found
    assert sum(words.startswith("TLS https://a:8443") for words in found) == 4


def test_what_changed_is_asked_first_and_the_rest_is_counted(conf: Conf) -> None:
    servers = [f"server {{ server_name s{number}; location /a {{ }} location /b {{ }} }}" for number in range(50)]
    live = f"http {{ {' '.join(servers)} }}"
    found, left_out = _words(conf, live, live.replace("s33; location /a { }", "s33; location /a { expires 1d; }"), 120)
    assert len(found) == 120
    assert left_out > 300
    few, more_left_out = _words(
        conf, live, live.replace("s33; location /a { }", "s33; location /a { expires 1d; }"), 120, 40
    )
    assert [word for word in few if "//s33/" in word] == [word for word in found if "//s33/" in word]
    assert len(few) == len(found) - (more_left_out - left_out)
    assert len([word for word in few if "//s33/" not in word]) <= 40
    assert "GET http://s33/a" in found
    assert "HEAD http://s33/a" in found
    assert "HEAD http://s32/a" not in found


def test_what_a_change_reaches_is_asked_in_full_and_what_stands_beside_it_is_not(conf: Conf) -> None:
    places = "\n".join(f"location /p{number} {{ return 200; }}" for number in range(100))
    server = f"server {{ server_name s;\nlocation /new {{ }}\n{places}\n}}"
    live, candidate = conf(f"http {{ {server.replace('location /new { }', '')} }}"), conf(f"http {{ {server} }}")

    def reached(request: DerivedRequest) -> bool:
        return request.path.startswith(("/new", "/p7"))

    requests, left_out = planned(live, candidate, changes(live, candidate), [], [], 10_000, reached=reached, others=50)
    every, _ = planned(live, candidate, changes(live, candidate), [], [], 10_000)
    asked = [request for request in requests if reached(request)]
    assert len(asked) == len([request for request in every if reached(request)]) > 20
    # What the new block itself is about is asked in full as well, and of the rest what is plainest.
    beside = [request for request in requests if not reached(request) and request.place != "nginx.conf:2"]
    assert len(beside) == 50
    assert {request.method for request in beside} == {"GET"}
    assert left_out == len(every) - len(requests)


def test_what_there_is_no_room_for_is_not_thought_of(conf: Conf) -> None:
    rows = " ".join(f"h{number} {number};" for number in range(60))
    servers = " ".join(f"server {{ server_name s{number}; add_header X $tenant; }}" for number in range(60))
    config = conf(f"http {{ map $host $tenant {{ {rows} }} {servers} }}")
    every, first = list(requests_of(config, set())), list(requests_of(config, set(), lambda weight: weight < 2))
    assert len(every) > 60 * 60
    assert len(first) < 60 * 10
    assert {request.words for request in every if request.weight < 1} <= {request.words for request in first}


def test_a_changed_row_of_a_map_is_asked_although_there_is_little_room(conf: Conf) -> None:
    rows = " ".join(f"/old/{number} /new/{number};" for number in range(300))
    servers = " ".join(f"server {{ server_name s{number}; return 301 $target; }}" for number in range(20))
    live = f"http {{ map $uri $target {{ {rows} }} {servers} }}"
    found, left_out = _words(conf, live, live.replace("/new/297", "/newer"), 100)
    assert "GET http://s7/old/297" in found
    assert "GET http://s7/old/298" not in found
    assert len(found) == 100
    assert left_out > 0


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ({"protocol": "h2", "get": "https://a.example/x"}, ("GET", "https", "http", "/x", "")),
        ({"protocol": "h2", "get": "http://a.example/x"}, ("GET", "http", "h2", "/x", "")),
        ({"protocol": "grpc", "url": "http://a.example:50051"}, ("POST", "http", "h2", HEALTH_CHECK, "\0" * 5)),
        ({"protocol": "websocket", "url": "wss://a.example/feed"}, ("GET", "https", "http", "/feed", "")),
        ({"protocol": "tcp", "url": "tls://a.example:993", "send": "a"}, ("TLS", "tls", "tls", "", "a")),
        ({"protocol": "udp", "url": "udp://a.example:53", "send_hex": "41"}, ("UDP", "udp", "udp", "", "A")),
    ],
)
def test_a_check_of_another_protocol_is_asked_as_near_to_it_as_can_be(
    row: dict[str, object], wanted: tuple[str, ...]
) -> None:
    (check,) = parse_contract([row], "nginx_checks")
    request = request_of(check)
    assert (request.method, request.scheme, request.speaks, request.target, request.said) == wanted
    assert request.host == "a.example"
