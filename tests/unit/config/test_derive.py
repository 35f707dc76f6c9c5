from __future__ import annotations

from collections.abc import Callable

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.config.derive import derive, doors, plain
from ansible_collections.sluice.nginx.plugins.module_utils.config.facts import routes, sockets
from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import Config
from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import from_json, to_json

Conf = Callable[[str], Config]


@pytest.mark.parametrize(
    ("servers", "requests"),
    [
        ("", []),
        ("server { }", ["GET http://localhost/"]),
        ("server { server_name a.example b.example; }", ["GET http://a.example/"]),
        ("server { server_name _ ~^x *.a.example; }", ["GET http://any.a.example/"]),
        ("server { server_name .a.example; }", ["GET http://a.example/"]),
        ("server { server_name www.*; }", ["GET http://www.any/"]),
        (
            "server { listen 80; listen 443 ssl; server_name a; }",
            ["GET http://a/", "GET https://a/"],
        ),
        ("server { listen 8443 ssl; server_name a; }", ["GET https://a:8443/"]),
        ("server { listen 443; server_name a; }", ["GET http://a:443/"]),
        ("server { listen unix:/run/x.sock; }", []),
        (
            "server { location /a/ { location /a/b { } } location = /c { } location ^~ /d { } }",
            [f"GET http://localhost/{path}" for path in ("", "a/", "a/b", "c", "d")],
        ),
        (
            r"server { location ~ \.php$ { } location @x { } location /hidden { internal; } location / { } }",
            ["GET http://localhost/", "GET http://localhost/x.php"],
        ),
        ("server { server_name a; } server { server_name a; }", ["GET http://a/"]),
    ],
)
def test_requests_are_derived(conf: Conf, servers: str, requests: list[str]) -> None:
    assert [check.name for check in derive(conf(f"http {{ {servers} }}"))] == requests


@pytest.mark.parametrize(
    ("listen", "connect"),
    [
        ("80", None),
        ("*:80", None),
        ("0.0.0.0:80", None),
        ("[::]:80", None),
        ("10.0.0.1:8080", "10.0.0.1:8080"),
        ("127.0.0.1", None),
        ("127.0.0.2", "127.0.0.2:80"),
    ],
)
def test_a_derived_request_goes_to_the_address_that_is_listened_on(
    conf: Conf, listen: str, connect: str | None
) -> None:
    (check,) = derive(conf(f"http {{\nserver {{ listen {listen}; }}\n}}"))
    assert check.connect == connect
    assert check.source == "nginx.conf:2"
    assert check.expect.status == ("2xx", "3xx", "4xx")
    assert from_json(to_json(check)) == check


ROUTER = """stream {
    map $ssl_preread_server_name $front { default 127.0.0.1:8443; files.example files; }
    upstream files { server unix:/run/files.sock; }
    server { listen 443; ssl_preread on; proxy_pass $front; }
}
http {
    server { listen 127.0.0.1:8443 ssl proxy_protocol; server_name www.example; }
    server { listen unix:/run/files.sock ssl; server_name files.example; }
    server { listen 8080; server_name other.example; }
}"""


def test_what_stands_behind_a_router_is_asked_through_it(conf: Conf) -> None:
    config = conf(ROUTER)
    found = [door for server in config.servers() for door in doors(server, sockets(config), routed=routes(config))]
    asked = [(door.scheme, door.host, door.port, door.connect, door.proxied) for door in found]
    assert asked == [
        ("https", "www.example", 443, "127.0.0.1", False),
        ("https", "files.example", 443, "127.0.0.1", False),
        ("http", "other.example", 8080, "127.0.0.1", False),
    ]


def test_what_one_server_says_of_a_socket_holds_for_all(conf: Conf) -> None:
    first = "server { listen 443 ssl; server_name a.example; }"
    config = conf(f"http {{ {first} server {{ listen 443; server_name b.example; }} }}")
    assert [door.scheme for server in config.servers() for door in doors(server, sockets(config))] == ["https"] * 2


@pytest.mark.parametrize(
    ("servers", "asked"),
    [
        ("server { listen 443 ssl http2; server_name a.example; }", ["https://a.example/"]),
        ("server { listen 443 ssl; http2 on; server_name a.example; }", ["https://a.example/"]),
        ("server { listen 443 ssl; server_name a.example; }", []),
        ("server { listen 80 http2; server_name a.example; }", []),
        (
            "server { listen 127.0.0.1:443 ssl http2; server_name a.example; }"
            " server { listen 127.0.0.2:443 ssl; server_name b.example; }",
            ["https://a.example/"],
        ),
        (
            "server { listen 443 ssl http2; server_name a.example; } server { listen 443 ssl; server_name b.example; }",
            ["https://a.example/"],
        ),
    ],
)
def test_a_listener_that_speaks_http2_is_asked_by_it_once(conf: Conf, servers: str, asked: list[str]) -> None:
    """ALPN decides: who asks by HTTP/1.1 alone never sees that a listener has lost it."""
    found = [
        request
        for request in plain(conf(f"http {{ {servers} }}"))
        if request.speaks == "h2" and request.scheme == "https"
    ]
    assert [request.url for request in found] == asked
    assert all("(HTTP/2)" in request.words for request in found)
