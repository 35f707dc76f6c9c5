"""Each printed line leads back to the variable that it came from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.release.render import render
from ansible_collections.sluice.nginx.plugins.module_utils.release.tree import Node

TEMPLATES = Path(__file__).resolve().parents[3] / "roles/nginx/templates"
SITES: list[dict[str, Any]] = [
    {"name": "plain", "server_names": ["plain.example"], "root": "/srv/plain"},
    {
        "name": "shop",
        "server_names": ["shop.example", "www.shop.example"],
        "root": "/srv/shop",
        "php": {"server": "unix:/run/php/php-fpm.sock", "front_controller": "/index.php"},
        "tls": {"certificate": "/etc/ssl/shop.pem", "certificate_key": "/etc/ssl/shop.key"},
        "upstreams": [{"name": "api", "servers": ["app:8001"]}],
        "redirects": [{"from": "/old", "to": "/new"}],
        "rewrites": [{"from": "^/a$", "to": "/b"}, {"from": "^/c$", "to": "/d"}],
        "routes": [
            {"path": "/api/", "proxy": "api"},
            {"path": r"~ /\.", "return": 404, "lines": ["# hidden\nexpires 1d;"]},
        ],
        "error_pages": [{"codes": [502], "page": "/sorry.html"}],
        "lines": ["client_header_timeout 7s;"],
        "http_lines": ["map $a $b {\n    default 0;\n}"],
    },
]


@pytest.fixture(scope="module")
def files() -> dict[str, Node]:
    settings = {
        "nginx_version": "1.22.1",
        "nginx_sites": SITES,
        "nginx_user": "www-data",
        "nginx_http_lines": ["client_body_timeout 9s;"],
    }
    return render(settings, {}, TEMPLATES, lambda text, _: text, {}, Path()).tree


def variable(node: Node, line: str) -> str:
    """The variable of the only line that is so, apart from what it is indented by."""
    (number,) = [n for n, each in enumerate(node.data.decode().split("\n"), 1) if each.strip() == line]
    rows = [row for row in node.variables if row[0] <= number <= row[1]]
    return min(rows, key=lambda row: row[1] - row[0])[2] if rows else ""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("server app:8001;", ".upstreams[0]"),
        ("return 301 /new$is_args$args;", ".redirects[0]"),
        ("rewrite ^/a$ /b last;", ".rewrites[0]"),
        ("rewrite ^/c$ /d last;", ".rewrites[1]"),
        ("proxy_pass http://shop_api;", ".routes[0]"),
        ("return 404;", ".routes[1]"),
        ("expires 1d;", ".routes[1]"),
        ("fastcgi_pass unix:/run/php/php-fpm.sock;", ".php"),
        ("try_files $uri $uri/ /index.php$is_args$args;", ".php"),
        ("ssl_certificate /etc/ssl/shop.pem;", ".tls"),
        ("listen 443 ssl http2;", ".tls"),
        ("root /srv/shop;", ".root"),
        ("internal;", ".error_pages[0]"),
        ("error_page 502 /sorry.html;", ".error_pages"),
        ("client_header_timeout 7s;", ".lines[0]"),
        ("default 0;", ".http_lines[0]"),
        ("absolute_redirect off;", ""),
    ],
)
def test_a_line_of_a_site(files: dict[str, Node], line: str, expected: str) -> None:
    assert variable(files["sites-enabled/shop.conf"], line) == f"nginx_sites[1]{expected}"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("user www-data;", "nginx_user"),
        ("worker_connections 1024;", "nginx_worker_connections"),
        ("gzip_vary on;", "nginx_gzip"),
        ("client_body_timeout 9s;", "nginx_http_lines[0]"),
        ("sendfile on;", ""),
    ],
)
def test_a_line_of_the_main_file(files: dict[str, Node], line: str, expected: str) -> None:
    assert variable(files["nginx.conf"], line) == expected


def test_a_raw_file_has_no_variables_of_sites(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/a.conf").write_text("gzip on;\n", encoding="utf-8")
    made = render({"nginx_tree": "raw"}, {}, TEMPLATES, lambda text, _: text, {}, tmp_path)
    assert made.tree["a.conf"].variables == ()
