from __future__ import annotations

from collections.abc import Callable

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.config.derive import derive
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
