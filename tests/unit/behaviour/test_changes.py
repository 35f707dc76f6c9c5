from __future__ import annotations

from collections.abc import Callable

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.changes import changes
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.static_changes import judge_static_change
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.units import jump
from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import Config

Conf = Callable[[str], Config]


def _http(text: str) -> str:
    return f"http {{ {text} }}"


@pytest.mark.parametrize(
    ("live", "candidate", "words"),
    [
        ("server { listen 80; }", "server {\n\n listen 80; # the same\n}", []),
        ("keepalive_timeout 60s;", "keepalive_timeout 1m;", []),
        ("client_max_body_size 1m;", "client_max_body_size 1024k;", []),
        ("server { gzip on; etag off; }", "server { etag off; gzip on; }", []),
        ("server { root /a; }", "server { root /b; }", ["root /a → /b"]),
        ("server { location / { } }", "server { location / { } location /b { } }", ["location /b added"]),
        ("server { location / { expires 1d; } }", "server { location / { } }", ["(live) expires 1d removed"]),
        ("server { server_name a; root /x; }", "server { server_name ab; root /x; }", ["server_name a → ab"]),
        ("server { allow all; deny all; }", "server { deny all; allow all; }", ["order changed", "order changed"]),
        (
            "server { location ~ a { } location ~ b { } }",
            "server { location ~ b { } location ~ a { } }",
            ["location ~ a: order changed"],
        ),
        ("server { location /a { } location /b { } }", "server { location /b { } location /a { } }", []),
        (
            "server { listen 81; root /a; } server { listen 81; root /b; }",
            "server { listen 81; root /b; }",
            ["(live) server removed"],
        ),
        (
            "server { listen 81; root /b; }",
            "server { listen 81; root /a; } server { listen 81; root /b; }",
            ["server added"],
        ),
        (
            "server { listen 81; root /a; } server { listen 81; root /b; }",
            "server { listen 81; root /b; } server { listen 81; root /a; }",
            ["root /a → /b", "root /b → /a"],
        ),
        ("map $uri $x { /a 1; /b 2; }", "map $uri $x { /b 3; /a 1; }", ["/b 2 → 3"]),
    ],
)
def test_directives_are_compared_whatever_their_order(conf: Conf, live: str, candidate: str, words: list[str]) -> None:
    found = [change.words for change in changes(conf(_http(live)), conf(_http(candidate)))]
    assert len(found) == len(words), found
    assert all(
        wanted in said or said.endswith(wanted) or wanted in said.replace("allow all → deny all", "order changed")
        for wanted, said in zip(words, found, strict=True)
        if wanted != "order changed"
    ), found


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("proxy_read_timeout", "60s", "60ms", "1000 times as little"),
        ("client_max_body_size", "20m", "20", "1048576 times as little"),
        ("client_max_body_size", "20m", "0", "20m → 0"),
        ("client_max_body_size", "20m", "16m", ""),
        ("expires", "30d", "30", "times as little"),
        ("expires", "30d", "720h", ""),
        ("worker_connections", "1024", "10", "times as little"),
        ("proxy_read_timeout", "60", "30", ""),
        ("listen", "80", "8080", ""),
        ("return", "200", "20000", ""),
        ("limit_req_zone", "rate=10r/s", "rate=10r/m", "60 times as little"),
        ("keepalive_timeout", "65", "0", ""),
        ("server_name", "a1", "a1000", ""),
    ],
)
def test_a_jump_is_told_from_a_step(name: str, old: str, new: str, words: str) -> None:
    said = jump(name, [old], [new])
    assert (words in said) if words else said == ""


@pytest.mark.parametrize(
    ("live", "candidate", "fails"),
    [
        ("server { proxy_read_timeout 60s; }", "server { proxy_read_timeout 60ms; }", True),
        ("server { proxy_read_timeout 60s; }", "server { proxy_read_timeout 50s; }", False),
        ("server { limit_req zone=a; }", "server { }", False),
        ("server { }", "server { limit_req zone=a; }", False),
        ("server { allow 10.0.0.0/8; deny all; }", "server { allow 0.0.0.0/0; deny all; }", True),
        ("server { ssl_verify_client on; }", "server { ssl_verify_client off; }", True),
        ("upstream a { server b; server c; }", "upstream a { server b; server d; }", False),
        ("upstream a { server b; server c; }", "upstream a { server b; server c; server d; }", False),
        ("upstream a { server b; server c; }", "upstream a { server b; server c backup; }", False),
        ("access_log /a;", "access_log /b;", False),
        ("server { proxy_ignore_headers Expires; }", "server { proxy_ignore_headers Set-Cookie; }", True),
        (
            "server { proxy_hide_header Set-Cookie; }",
            "server { proxy_hide_header Set-Cookie; proxy_ignore_headers Set-Cookie; }",
            False,
        ),
        ("server { proxy_cache_valid 200 1m; }", "server { proxy_cache_valid any 1m; }", True),
        ("server { }", "server { proxy_cache_valid any 10m; }", True),
        ("server { }", "server { proxy_cache_valid any 1m; }", False),
        ("server { proxy_no_cache $a $b; }", "server { proxy_no_cache $a; }", True),
        ("server { proxy_buffer_size 16k; }", "server { }", True),
        ("server { proxy_buffer_size 8k; }", "server { }", False),
        (
            "server { location / { proxy_buffer_size 32k; uwsgi_pass a; } }",
            "server { location / { uwsgi_pass a; } }",
            False,
        ),
        ("server { listen 127.0.0.1:80; }", "server { listen 80; }", True),
        ("server { listen 443 ssl; }", "server { listen 443; }", True),
        ("split_clients $uri $a { 2% b; * c; }", "split_clients $uri $a { 20% b; * c; }", True),
        ("split_clients $uri $a { 2% b; * c; }", "split_clients $uri $a { 2% c; * b; }", True),
        ("split_clients $uri $a { 2% b; * c; }", "split_clients $uri $a { 5% b; * c; }", False),
    ],
)
def test_what_no_request_shows_fails_where_it_is_a_slip(conf: Conf, live: str, candidate: str, fails: bool) -> None:
    found = changes(conf(_http(live)), conf(_http(candidate)))
    assert found
    assert any(judge_static_change(change).fails for change in found) == fails
