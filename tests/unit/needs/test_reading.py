"""What a configuration's lines require: each need with its kind, value and purpose, and who asks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.needs.model import Need
from ansible_collections.sluice.nginx.plugins.module_utils.needs.reading import needs_of

Read = Callable[..., tuple[Need, ...]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read the needs of a text, by default of directives in an http block."""

    def needs(text: str, *provided: str, block: str = "http") -> tuple[Need, ...]:
        body = f"{block} {{\n{text}\n}}\n" if block else text
        (tmp_path / "nginx.conf").write_text(body)
        return needs_of(parse_tree(tmp_path), provided)

    return needs


def _rows(needs: tuple[Need, ...], *kinds: str) -> list[tuple[str, str, str]]:
    return [(need.kind, need.value, need.purpose) for need in needs if need.kind in kinds]


def test_a_variable_that_another_location_sets_goes_with_its_request(read: Read) -> None:
    found = read(
        "upstream apps { server app.example:443; } server { location /a { set $up apps; try_files $uri @app; } "
        "location @app { proxy_pass https://$up; } } server { location / { proxy_pass http://$up; } }"
    )
    assert [(value, purpose) for _, value, purpose in _rows(found, "endpoint")] == [
        ("*:80", "http"),
        ("app.example:443", "https"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("proxy_pass http://app:8001/path;", [("app:8001", "http")]),
        ("proxy_pass https://app;", [("app:443", "https")]),
        ("proxy_pass http://[fd00::1];", [("[fd00::1]:80", "http")]),
        ("grpc_pass grpcs://app;", [("app:443", "grpcs")]),
        ("grpc_pass app:50051;", [("app:50051", "grpc")]),
        ("fastcgi_pass app;", [("app:9000", "fastcgi")]),
        ("uwsgi_pass suwsgi://app:3;", [("app:3", "uwsgis")]),
        ("scgi_pass app;", [("app:4000", "scgi")]),
        ("memcached_pass app;", [("app:11211", "memcached")]),
        ("proxy_pass http://$host:81;", [("*:81", "http")]),
        ("set $up https://app:8; proxy_pass $up;", [("app:8", "https")]),
        ("set $name app; set $port 8989; proxy_pass http://$name:$port;", [("app:8989", "http")]),
        ("proxy_pass http://unix:/run/app.sock:/;", []),
        ("proxy_pass;", []),
        ("resolver 10.0.0.2 [fd00::2]:5353 valid=10s ipv6=off;", [("10.0.0.2:53", "dns"), ("[fd00::2]:5353", "dns")]),
        ("access_log syslog:server=logs.internal:5514,tag=a;", [("logs.internal:5514", "syslog")]),
        ("access_log syslog:server=10.0.0.3;", [("10.0.0.3:514", "syslog")]),
    ],
)
def test_where_a_location_sends_requests_to(read: Read, text: str, expected: list[tuple[str, str]]) -> None:
    found = read(f"server {{ location / {{ {text} }} }}")
    assert [(value, purpose) for _, value, purpose in _rows(found, "endpoint")] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "upstream u { server a:1; server b; } server { location / { grpc_pass u; } }",
            [("a:1", "grpc"), ("b:80", "grpc")],
        ),
        ("upstream u { server a:1 backup; } server { location / { proxy_pass https://u/x; } }", [("a:1", "https")]),
        ("upstream unused { server a:1; }", [("a:1", "")]),
        (
            "map $uri $way { default http://a:1; /b http://b:2; } server { location / { proxy_pass $way; } }",
            [("a:1", "http"), ("b:2", "http")],
        ),
        (
            "upstream u { server a:1; } map $uri $way { default http://u; } server { location / { proxy_pass $way; } }",
            [("a:1", "http")],
        ),
    ],
)
def test_a_group_has_the_protocol_of_who_uses_it(read: Read, text: str, expected: list[tuple[str, str]]) -> None:
    assert [(value, purpose) for _, value, purpose in _rows(read(text), "endpoint")] == expected


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("proxy_pass https://app;", ("app",)),
        ("proxy_pass https://app; proxy_ssl_name other;", ("other",)),
        ("proxy_pass https://app; proxy_ssl_name $host;", ("shop.example",)),
        ("proxy_pass https://group;", ("group",)),
        ("grpc_pass grpcs://group; grpc_ssl_name other;", ("other",)),
        ("proxy_pass http://app;", ()),
    ],
)
def test_an_upstream_over_tls_has_the_names_that_its_certificate_is_asked_for(
    read: Read, text: str, names: tuple[str, ...]
) -> None:
    found = read(f"upstream group {{ server app; }} server {{ server_name shop.example; location / {{ {text} }} }}")
    assert names == next(need.names for need in found if need.kind == "endpoint" and bool(need.names) == bool(names))


@pytest.mark.parametrize(
    ("listen", "more", "protocol"),
    [("53 udp", "", "udp"), ("443", "", "tcp"), ("443", "proxy_ssl on;", "tcps")],
)
def test_a_stream_has_the_protocol_of_its_listener(read: Read, listen: str, more: str, protocol: str) -> None:
    text = f"upstream u {{ server a:1; }} server {{ listen {listen}; {more} proxy_pass u; }}"
    assert _rows(read(text, block="stream"), "endpoint") == [("endpoint", "a:1", protocol)]


def test_a_host_name_is_a_need_of_its_own_and_an_address_is_none(read: Read) -> None:
    found = read("upstream u { server app:1; server app:2; server 10.0.0.1:3; }")
    assert _rows(found, "name") == [("name", "app", "")]


@pytest.mark.parametrize("text", ["unix:/run/app.sock", "unix:///run/app.sock"])
def test_a_unix_socket(read: Read, text: str) -> None:
    found = read(f"upstream u {{ server {text}; }} server {{ location / {{ uwsgi_pass u; }} }}")
    assert _rows(found, "socket", "endpoint", "name") == [("socket", "/run/app.sock", "uwsgi")]


def test_a_socket_that_the_release_itself_listens_on_is_no_need(read: Read) -> None:
    found = read("server { listen unix:/run/own.sock; location / { proxy_pass http://unix:/run/own.sock; } }")
    assert _rows(found, "socket") == []


@pytest.mark.parametrize(
    ("listen", "expected"),
    [
        ("listen 80;", [("port", "80/tcp", "")]),
        ("", [("port", "80/tcp", "")]),
        # A host may have no IPv6.
        ("listen [::]:443 ssl;", [("address", "::", ""), ("port", "443/tcp", "")]),
        ("listen 443 quic;", [("port", "443/udp", "")]),
        ("listen *:8080;", [("port", "8080/tcp", "")]),
        ("listen 10.0.0.1:81;", [("address", "10.0.0.1", ""), ("port", "81/tcp", "")]),
        ("listen [2001:db8::1]:81;", [("address", "2001:db8::1", ""), ("port", "81/tcp", "")]),
        ("listen 127.0.0.1:81;", [("port", "81/tcp", "")]),
        ("listen 127.0.0.2;", [("address", "127.0.0.2", ""), ("port", "80/tcp", "")]),
        ("listen lb.internal:81;", [("name", "lb.internal", "listen"), ("port", "81/tcp", "")]),
        ("listen unix:/run/own.sock;", []),
    ],
)
def test_what_a_server_binds(read: Read, listen: str, expected: list[tuple[str, str, str]]) -> None:
    assert _rows(read(f"server {{ {listen} }}"), "address", "port", "name") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("user www;", [("user", "www", ""), ("group", "www", "")]),
        ("user www web;", [("user", "www", ""), ("group", "web", "")]),
        (
            "load_module modules/ngx_mail_module.so;",
            [("module", "ngx_mail_module.so", "modules/ngx_mail_module.so")],
        ),
    ],
)
def test_users_and_modules(read: Read, text: str, expected: list[tuple[str, str, str]]) -> None:
    assert _rows(read(text, block=""), "user", "group", "module") == expected


def test_a_certificate_has_the_names_of_all_its_servers_and_knows_its_key(read: Read) -> None:
    found = read(
        "ssl_certificate c.pem; ssl_certificate_key k.pem;"
        "server { server_name a .b ~c _; } server { server_name d *.e; }"
    )
    certificate, key = (need for need in found if need.kind == "file")
    assert (certificate.value, certificate.names, certificate.beside) == (
        "/etc/nginx/c.pem",
        ("a", "b", "d", "*.e"),
        "/etc/nginx/k.pem",
    )
    assert (key.value, key.purpose) == ("/etc/nginx/k.pem", "key")


@pytest.mark.parametrize(
    ("ciphers", "only_rsa"),
    [
        ("", False),
        ("ssl_ciphers HIGH:!aNULL:!MD5;", False),
        ("ssl_ciphers EECDH+AESGCM:EDH+AESGCM;", False),
        ("ssl_ciphers ECDHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384;", True),
        ("ssl_ciphers ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256;", False),
        ("ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256;", False),
        ("ssl_ciphers PROFILE=SYSTEM;", False),
    ],
)
def test_a_certificate_fits_the_ciphers_of_its_server(read: Read, ciphers: str, only_rsa: bool) -> None:
    site = f"ssl_certificate c.pem; ssl_certificate_key k.pem; {ciphers}"
    found = read(f"server {{ {site} }}")
    assert [need.only_rsa for need in found if need.purpose == "certificate"] == [only_rsa]
    # One file for two servers has to serve both.
    both = read(f"server {{ ssl_certificate c.pem; ssl_certificate_key k.pem; }} server {{ {site} }}")
    assert [need.only_rsa for need in both if need.purpose == "certificate"] == [only_rsa]


def test_a_certificate_by_variable_is_one_for_each_name(read: Read) -> None:
    found = read("server { server_name a b; ssl_certificate /c/$ssl_server_name.pem; ssl_certificate_key /c/k.pem; }")
    assert [(need.value, need.names) for need in found if need.purpose == "certificate"] == [
        ("/c/a.pem", ("a",)),
        ("/c/b.pem", ("b",)),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("auth_basic_user_file htpasswd;", ("file", "/etc/nginx/htpasswd", "htpasswd")),
        ("ssl_dhparam /d.pem;", ("file", "/d.pem", "dhparam")),
        ("ssl_client_certificate /ca.pem;", ("file", "/ca.pem", "ca")),
        ("ssl_session_ticket_key /t.key;", ("file", "/t.key", "ticket")),
        ("geoip2 /g.mmdb { $a default=b country; }", ("file", "/g.mmdb", "mmdb")),
        ("js_import main from main.js;", ("file", "/etc/nginx/main.js", "script")),
        ("include /etc/letsencrypt/options.conf;", ("file", "/etc/letsencrypt/options.conf", "include")),
        ("proxy_cache_path /var/cache/a keys_zone=a:1m;", ("directory", "/var/cache/a", "cache")),
        ("client_body_temp_path body;", ("directory", "/usr/share/nginx/body", "temp")),
        ("access_log /var/log/shop/a.log;", ("directory", "/var/log/shop", "log")),
        ("error_log logs/error.log;", ("directory", "/usr/share/nginx/logs", "log")),
        ("server { root /srv/$host; server_name a; }", ("directory", "/srv/a", "root")),
        ("set $public /srv/p; server { root $public; }", ("directory", "/srv/p", "root")),
        ("server { location /s/ { alias /srv/s/; } }", ("directory", "/srv/s", "root")),
        ("server { location = /f.ico { alias /srv/f.ico; } }", ("file", "/srv/f.ico", "page")),
        ("server { root /r; index a.html /b$uri; }", ("file", "/r/a.html", "index")),
        ("server { root /r; error_page 404 /e.html; }", ("file", "/r/e.html", "page")),
        ("error_page 404 /e.html; server { root /r; location = /e.html { root /x; } }", ("file", "/x/e.html", "page")),
        ("server { root /r; location / { try_files $uri /app.php?$args; } }", ("file", "/r/app.php", "page")),
        ("server { root /r; location / { try_files $uri /app.php$is_args$args; } }", ("file", "/r/app.php", "page")),
        ("server { root /r; error_page 404 /404.html${is_args}$args; }", ("file", "/r/404.html", "page")),
    ],
)
def test_files_and_directories(read: Read, text: str, expected: tuple[str, str, str]) -> None:
    assert expected in _rows(read(text), "file", "directory")


@pytest.mark.parametrize(
    "text",
    [
        "auth_basic_user_file off;",
        "access_log off; error_log stderr; ",
        "access_log /dev/stdout;",
        "include /etc/other/*.conf;",
        "ssl_dhparam /provided.pem;",
        "server { root /provided; index $geo.html; }",
        "server { root /provided; error_page 404 = @named; error_page 500 /e; location /e { return 500; } }",
        "server { root /provided; location / { try_files /maintenance.html $uri =404; } }",
        "server { root /provided; }",
    ],
)
def test_what_is_no_need(read: Read, text: str) -> None:
    assert _rows(read(text, "/provided.pem", "/provided"), "file", "directory") == []


def test_a_need_says_who_asks_and_is_told_once(read: Read) -> None:
    found = read("auth_basic_user_file /a;\nserver { auth_basic_user_file /a; }\n")
    (need,) = (need for need in found if need.kind == "file")
    assert (need.file, need.line, need.directive) == ("nginx.conf", 2, "auth_basic_user_file")
    assert need.words == "the file /a (htpasswd)"
