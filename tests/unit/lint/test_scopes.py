from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import Config, parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.lint.scopes import altered, by_key

TREE = """
user www-data;
http {
    client_max_body_size 1m;
    upstream app { server app.internal; }
    server {
        server_name b.example a.example;
        client_max_body_size 2m;
        location / {
            location ~ \\.php$ { client_max_body_size 3m; }
        }
        location /a { }
    }
    server {
        listen 443;
        server_name a.example b.example;
    }
    server { listen 8080; }
    server { listen 127.0.0.1:8080; }
}
stream { server { listen 53 udp; } }
"""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "nginx.conf").write_text(TREE)
    return parse_tree(tmp_path)


def test_a_block_is_known_by_what_it_is_and_not_by_where_it_stands(config: Config) -> None:
    assert [" > ".join(key) for key in by_key(config)] == [
        "",
        "http",
        "http > upstream app",
        "http > server a.example b.example plain",
        "http > server a.example b.example plain > location /",
        "http > server a.example b.example plain > location / > location ~ \\.php$",
        "http > server a.example b.example plain > location /a",
        "http > server a.example b.example tls",
        "http > server 8080 plain",
        "http > server 8080 plain #2",
        "stream",
        "stream > server 53 plain",
    ]


@pytest.mark.parametrize(
    ("key", "value", "answers"),
    [
        (("http",), "1m", False),
        (("http", "server a.example b.example plain"), "2m", False),
        (("http", "server a.example b.example plain", "location /"), "2m", True),
        (("http", "server a.example b.example plain", "location /", "location ~ \\.php$"), "3m", True),
        (("http", "server a.example b.example tls"), "1m", True),
        (("stream", "server 53 plain"), "", True),
    ],
)
def test_what_is_in_force_in_a_block(config: Config, key: tuple[str, ...], value: str, answers: bool) -> None:
    scope = by_key(config)[key]
    assert scope.value("client_max_body_size") == value
    assert scope.value("user", "nobody") == "www-data"
    assert scope.answers is answers


def test_the_blocks_around_a_block(config: Config) -> None:
    scope = by_key(config)["http", "server a.example b.example plain", "location /", "location ~ \\.php$"]
    server = scope.around("server")
    assert server is not None
    assert server.text == "server"
    assert scope.text == "location ~ \\.php$"
    assert scope.around("stream") is None


@pytest.mark.parametrize(
    ("names", "was"),
    [
        ("a.example b.example c.example", ["server a.example b.example plain", "server a.example b.example tls"]),
        ("b.example", ["server a.example b.example plain", "server a.example b.example tls"]),
        ("a.example b.example", ["server a.example b.example plain", "server a.example b.example tls"]),
        ("d.example", ["server d.example plain", "server d.example tls"]),
    ],
)
def test_a_server_with_other_names_is_the_one_that_it_was(
    config: Config, tmp_path: Path, names: str, was: list[str]
) -> None:
    (tmp_path / "nginx.conf").write_text(
        TREE.replace("b.example a.example", names).replace("a.example b.example", names)
    )
    found = by_key(parse_tree(tmp_path), config)
    assert [key[1] for key in found if len(key) == 2 and "example" in key[1]] == was
    assert ("http", was[0], "location /", "location ~ \\.php$") in found


@pytest.mark.parametrize(
    ("was", "now", "found"),
    [
        ("location /a { }", "location /a { expires 1d; }", ["location /a"]),
        ("server { listen 8080; }", "server { listen 8080; } server { listen 9090; }", ["http"]),
        ("body_size 2m;", "body_size 4m;", ["server", "location /", "location ~ \\.php$", "location /a"]),
        ("server app.internal;", "server app.internal backup;", ["upstream app"]),
        ("listen 443;", "listen 443 ssl;", ["server"]),
        ("listen 443;", "listen 443;  # said", []),
    ],
)
def test_what_is_written_or_in_force_otherwise_is_altered(
    config: Config, tmp_path: Path, was: str, now: str, found: list[str]
) -> None:
    assert altered(config, config) == []
    (tmp_path / "nginx.conf").write_text(TREE.replace(was, now, 1))
    pairs = altered(parse_tree(tmp_path), config)
    assert [now.text for _, now in pairs] == found
    assert all(before.key == now.key for before, now in pairs)


def test_what_is_said_for_everything_alters_every_block(config: Config, tmp_path: Path) -> None:
    (tmp_path / "nginx.conf").write_text(TREE.replace("user www-data;", ""))
    without = parse_tree(tmp_path)
    assert len(altered(without, config)) == len(by_key(without))
