from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.world.model import Certificate, Endpoint, Service, World
from ansible_collections.sluice.nginx.plugins.module_utils.world.synthesis import STAND_IN_NETWORK, synthesise

Made = Callable[..., World]
APP = Service("app", ("app",), endpoint=Endpoint("app", 8001))


@pytest.fixture
def world(tmp_path: Path) -> Made:
    """Make the world of the directives of an http block."""

    def made(text: str, *services: Service, provided: tuple[str, ...] = (), **docroots: str) -> World:
        (tmp_path / "nginx.conf").write_text("http {\n" + text + "\n}\n")
        config = parse_tree(tmp_path)
        assert config.problems == []
        return synthesise(config, provided, {f"/{path}": folder for path, folder in docroots.items()}, services)

    return made


@pytest.mark.parametrize(
    ("text", "stand_ins"),
    [
        ("", ()),
        ("upstream u { server app:8001; server app2; }", (Endpoint("app", 8001), Endpoint("app2", 80))),
        ("upstream u { server unix:/run/x.sock; server 10.0.0.1:81 backup; }", (Endpoint("10.0.0.1", 81),)),
        ("server { location / { proxy_pass http://app:8001/path; } }", (Endpoint("app", 8001),)),
        ("server { location / { proxy_pass https://app; } }", (Endpoint("app", 443),)),
        ("server { location / { grpc_pass grpcs://app; } }", (Endpoint("app", 443),)),
        ("server { location / { fastcgi_pass app; } }", (Endpoint("app", 9000),)),
        ("server { location / { uwsgi_pass app:3; } }", (Endpoint("app", 3),)),
        ("server { location / { memcached_pass app; } }", (Endpoint("app", 11211),)),
        ("server { location / { proxy_pass http://unix:/run/x.sock:/; } }", ()),
        ("server { location / { proxy_pass http://$host; } }", ()),
        ("server { location / { proxy_pass; } }", ()),
        (
            "upstream u { server app:1; } server { location / { proxy_pass http://u/x; } }",
            (Endpoint("app", 1),),
        ),
        (
            "server { location /a { proxy_pass http://app; } location /b { proxy_pass http://app; } }",
            (Endpoint("app", 80),),
        ),
    ],
)
def test_each_upstream_has_a_stand_in(world: Made, text: str, stand_ins: tuple[Endpoint, ...]) -> None:
    assert world(text).stand_ins == stand_ins


def test_names_get_addresses_of_their_own_and_literal_addresses_lead_to_the_stand_ins(world: Made) -> None:
    made = world("upstream u { server b:1; server a:1; server a:2; server 10.0.0.1; server 127.0.0.1:81; }")
    assert made.names == {"a": "198.19.0.1", "b": "198.19.0.2"}
    assert made.routed == ("10.0.0.1",)
    assert STAND_IN_NETWORK.num_addresses > 60_000


def test_localhost_stays_this_machine(world: Made) -> None:
    assert world("upstream u { server localhost:81; }").names == {}


def test_a_real_service_takes_the_place_of_a_stand_in(world: Made) -> None:
    made = world("upstream u { server app:8001; server app:8002; }", APP)
    assert (made.stand_ins, made.services) == ((Endpoint("app", 8002),), (APP,))


def test_a_service_that_the_release_does_not_name_has_an_address_all_the_same(world: Made) -> None:
    literal = Service("db", ("db",), endpoint=Endpoint("10.0.0.2", 5432))
    made = world("", APP, literal)
    assert (made.names, made.routed, made.stand_ins) == ({"app": "198.19.0.1"}, ("10.0.0.2",), ())


@pytest.mark.parametrize(
    ("text", "certificates"),
    [
        ("server { listen 80; }", ()),
        (
            "server { server_name a ~b c; ssl_certificate /c.pem; ssl_certificate_key /k.pem; }",
            (Certificate("/c.pem", "/k.pem", ("a", "c")),),
        ),
        (
            "ssl_certificate c.pem; ssl_certificate_key k.pem; server { server_name a; }",
            (Certificate("/etc/nginx/c.pem", "/etc/nginx/k.pem", ("a",)),),
        ),
        (
            "server { ssl_certificate /r.pem; ssl_certificate_key /r.key; ssl_certificate /e.pem; "
            "ssl_certificate_key /e.key; }",
            (Certificate("/r.pem", "/r.key", ()), Certificate("/e.pem", "/e.key", ())),
        ),
        ("server { ssl_certificate /$host.pem; ssl_certificate_key /k.pem; }", ()),
        ("server { ssl_certificate /provided.pem; ssl_certificate_key /k.pem; }", ()),
        ("server { ssl_certificate; ssl_certificate_key; }", ()),
    ],
)
def test_certificates_are_made_for_the_names_of_their_server(
    world: Made, text: str, certificates: tuple[Certificate, ...]
) -> None:
    assert world(text, provided=("/provided.pem",)).certificates == certificates


def test_a_certificate_that_two_servers_share_is_made_once(world: Made) -> None:
    server = "server { ssl_certificate /c.pem; ssl_certificate_key /k.pem; }"
    assert len(world(server * 2).certificates) == 1


@pytest.mark.parametrize(
    ("text", "field", "expected"),
    [
        ("auth_basic_user_file /run/htpasswd;", "files", ("/run/htpasswd",)),
        ("ssl_dhparam dh.pem;", "files", ("/etc/nginx/dh.pem",)),
        ("auth_basic_user_file /provided;", "files", ()),
        ("auth_basic_user_file /mapped/x;", "files", ("/mapped/x",)),
        ("server { root /srv/a; location / { alias /srv/b/; } }", "directories", {"/srv/a": "root", "/srv/b": "root"}),
        ("server { root /mapped/public; }", "directories", {}),
        ("server { root /srv/$host; }", "directories", {}),
        ("access_log /var/log/shop/access.log; error_log stderr;", "directories", {"/var/log/shop": "root"}),
        (
            "proxy_cache_path /var/cache/shop keys_zone=shop:1m;",
            "directories",
            {"/var/cache/shop": "www-data"},
        ),
        ("server { listen 10.0.0.1:80; listen 127.0.0.2:80; listen 80; }", "local", ("10.0.0.1", "127.0.0.2")),
        ("server { listen 127.0.0.1:80; listen 0.0.0.0:81; listen [::]:80; listen unix:/x; }", "local", ()),
    ],
)
def test_what_the_configuration_names_is_there(world: Made, text: str, field: str, expected: Any) -> None:
    assert getattr(world(text, provided=("/provided",), mapped="here"), field) == expected


def test_what_was_invented_is_told_in_words(world: Made) -> None:
    made = world(
        "upstream u { server app:8001; server other; } auth_basic_user_file /run/htpasswd;"
        "server { root /srv/shop; ssl_certificate /c.pem; ssl_certificate_key /k.pem; }",
        APP,
    )
    assert made.invented == (
        "the name other leads to a stand-in",
        "a certificate of staging's own at /c.pem",
        "an empty document root /srv/shop",
        "a file /run/htpasswd",
    )
