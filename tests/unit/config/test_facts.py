from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.config.facts import Listen, facts, listeners, server_names
from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import Config

Conf = Callable[[str], Config]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "",
            {
                "error_logs": ["/var/log/nginx/error.log"],
                "access_logs": ["/var/log/nginx/access.log"],
                "own_logs": {"error_logs": ["/var/log/nginx/error.log"], "access_logs": ["/var/log/nginx/access.log"]},
                "worker_processes": "1",
                "main_directives": [],
                "modules": [],
                "outside": [],
            },
        ),
        ("error_log /a.log warn; http { server { error_log /b.log; } }", {"error_logs": ["/a.log", "/b.log"]}),
        ("error_log stderr; http { access_log off; }", {"error_logs": [], "own_logs": {}}),
        (
            "error_log logs/a.log; http { log_format x escape=none $uri; access_log logs/x.log x; access_log off; "
            "access_log $host.log; server { access_log logs/b.log; access_log syslog:server=::; access_log /c.log; } }",
            {"access_logs": ["/c.log"], "own_logs": {"error_logs": ["logs/a.log"], "access_logs": ["logs/b.log"]}},
        ),
        ("error_log syslog:server=unix:/dev/log; error_log /a.log;", {"error_logs": ["/a.log"]}),
        ("http { access_log off; }", {"access_logs": []}),
        ("http { server { access_log off; } }", {"access_logs": ["/var/log/nginx/access.log"]}),
        (
            "http { log_format x escape=none $uri; log_format y escape=json $uri; access_log /a.log y;"
            " server { access_log /b.log x; } }",
            {"access_logs": ["/a.log"]},
        ),
        ("http { access_log /$host.log; access_log /a.log combined; access_log /a.log; }", {"access_logs": ["/a.log"]}),
        (
            "http { ssl_certificate /a.pem; ssl_certificate conf/b.pem; auth_basic_user_file /users; "
            "server { ssl_certificate /a.pem; ssl_certificate_key /$ssl_server_name.key; } }",
            {"outside": ["/a.pem", "/users"]},
        ),
        ("worker_processes auto;", {"worker_processes": "auto"}),
        ("user a; pid /x; events {} http { gzip on; } user a;", {"main_directives": ["pid", "user"]}),
        (
            "load_module modules/ngx_b.so; load_module /usr/lib/nginx/modules/ngx_a.so;",
            {"modules": ["ngx_a.so", "ngx_b.so"]},
        ),
    ],
)
def test_facts(conf: Conf, text: str, expected: dict[str, Any]) -> None:
    found = facts(conf(text))
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("", [Listen("*", 80, False, False)]),
        ("listen 81;", [Listen("*", 81, False, False)]),
        ("listen 80; listen 443 ssl;", [Listen("*", 80, False, False), Listen("*", 443, True, False)]),
        ("listen 127.0.0.1:8080;", [Listen("127.0.0.1", 8080, False, False)]),
        ("listen 127.0.0.1;", [Listen("127.0.0.1", 80, False, False)]),
        ("listen *:8000;", [Listen("*", 8000, False, False)]),
        ("listen localhost:8000;", [Listen("localhost", 8000, False, False)]),
        ("listen localhost;", [Listen("localhost", 80, False, False)]),
        ("listen [::]:80 ipv6only=on;", [Listen("[::]", 80, False, False)]),
        ("listen [::1];", [Listen("[::1]", 80, False, False)]),
        ("listen 80 default_server;", [Listen("*", 80, False, True)]),
        ("listen 80 default;", [Listen("*", 80, False, True)]),
        ("listen unix:/run/x.sock;", [Listen("unix:/run/x.sock", 0, False, False)]),
        ("listen 443; ssl on;", [Listen("*", 443, True, False)]),
        ("listen 443 quic reuseport;", [Listen("*", 443, True, False)]),
    ],
)
def test_listeners(conf: Conf, block: str, expected: list[Listen]) -> None:
    (server,) = conf(f"http {{ server {{ {block} }} }}").servers()
    assert listeners(server) == expected


@pytest.mark.parametrize(
    ("block", "names"),
    [
        ("", [""]),
        ("server_name a b;", ["a", "b"]),
        ("server_name a; server_name *.b;", ["a", "*.b"]),
        ('server_name "";', [""]),
    ],
)
def test_server_names(conf: Conf, block: str, names: list[str]) -> None:
    (server,) = conf(f"http {{ server {{ {block} }} }}").servers()
    assert server_names(server) == names
