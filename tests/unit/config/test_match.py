from __future__ import annotations

from collections.abc import Callable

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.config.match import (
    choose_location,
    choose_server,
    default_server,
    is_named,
    normalised,
    trace,
)
from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import Config

Conf = Callable[[str], Config]

SERVERS = r"""http {
server { listen 80; server_name a.example; }
server { listen 80 default_server; server_name default.example; }
server { listen 80; server_name *.a.example; }
server { listen 80; server_name www.*; }
server { listen 80; server_name ~^(?<shop>\w+)\.shop\.example$; }
server { listen 80; server_name .b.example; }
server { listen 81; server_name a.example; }
server { listen 81; server_name c.example; }
server { listen 80; server_name ~[; }
}"""


@pytest.mark.parametrize(
    ("host", "port", "line"),
    [
        ("a.example", 80, 2),
        ("A.Example", 80, 2),
        ("default.example", 80, 3),
        ("unknown.example", 80, 3),
        ("x.a.example", 80, 4),
        ("www.anything", 80, 5),
        ("tea.shop.example", 80, 6),
        ("tea.pot.shop.example", 80, 3),
        ("b.example", 80, 7),
        ("x.b.example", 80, 7),
        ("a.example", 81, 8),
        ("c.example", 81, 9),
        ("unknown.example", 81, 8),
        ("a.example", 82, None),
    ],
)
def test_the_server_that_answers(conf: Conf, host: str, port: int, line: int | None) -> None:
    server = choose_server(conf(SERVERS), host, port)
    assert (server.line if server else None) == line


@pytest.mark.parametrize(
    ("names", "host", "chosen"),
    [
        (["*.b.example", "*.a.b.example"], "x.a.b.example", 1),
        (["*.a.b.example", "*.b.example"], "x.a.b.example", 0),
        (["*.b.example", ".a.b.example"], "a.b.example", 1),
        (["x.*", "x.a.*"], "x.a.b", 1),
        (["*.example", "X.B.Example"], "x.b.example", 1),
        (["*.example", "*.B.Example"], "x.b.example", 1),
        (["a.invalid", r"~^X\.b\.EXAMPLE$"], "x.b.example", 1),
        (["x.*", "*.b.example"], "x.b.example", 1),
        (["~^x", "x.*"], "x.b.example", 1),
        (["~example$", "~^x"], "x.b.example", 0),
        (["*.x.b.example", ".x.b.example"], "x.b.example", 1),
        ([".b.example", "x.b.example"], "x.b.example", 1),
        (["*.b.example", ".b.example"], "b.example", 1),
        (["a.example", "*.b.example x.a.example"], "x.a.example", 1),
    ],
)
def test_an_exact_name_comes_before_a_wildcard_and_that_before_a_regex(
    conf: Conf, names: list[str], host: str, chosen: int
) -> None:
    servers = "".join(f"server {{ server_name {each}; }}\n" for each in names)
    config = conf(f"http {{ server {{ server_name other.example; }}\n{servers} }}")
    assert choose_server(config, host, 80) is config.servers()[1 + chosen]
    assert is_named(config, host, 80)
    assert not is_named(config, host, 81)
    assert not is_named(config, "unknown.invalid", 80)


LOCATIONS = r"""http { server {
location / { }
location = /exact { }
location /images/ { }
location ^~ /held/ { }
location ~ \.php$ { }
location ~* \.PNG$ { }
location /deep/ {
  location /deep/er/ { }
  location ~ \.txt$ { }
}
location @named { }
location ~ \.php5?$ { }
} }"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("/", 2),
        ("/other", 2),
        ("/exact", 3),
        ("/exact/", 2),
        ("/images/a.gif", 4),
        ("/images/a.png", 7),
        ("/held/a.php", 5),
        ("/a.php", 6),
        ("/a.PHP", 2),
        ("/a.php5", 13),
        ("/deep/x", 8),
        ("/deep/er/x", 9),
        ("/deep/x.txt", 10),
        ("/deep/x.php", 6),
        ("@named", None),
    ],
)
def test_the_location_that_answers(conf: Conf, path: str, line: int | None) -> None:
    (server,) = conf(LOCATIONS).servers()
    location = choose_location(server, path)
    assert (location.line if location else None) == line


def test_without_locations_none_answers(conf: Conf) -> None:
    (server,) = conf("http { server { } }").servers()
    assert choose_location(server, "/") is None


REWRITES = r"""http { server {
rewrite ^/old/(.*)$ /new/$1;
rewrite ^/gone$ /there permanent;
location /new/ { return 200; }
location /a/ {
  rewrite ^/a/(\d+)$ /b/$1 last;
}
location /b/ { proxy_pass http://b; }
location /c/ {
  rewrite ^/c/(.*)$ /b/$1 break;
}
location /d/ {
  rewrite ^/d/(.*)$ /b/$1;
}
location /e/ {
  rewrite ^/e/(.*)$ /e/x last;
}
location /f/ { rewrite ^/f/ https://f.example/; return 500; }
location /g/ { rewrite ^/g/(.)(.)?$ /b/$2 last; }
location /h/ { rewrite ( /x last; return 200; }
location /i/ { proxy_pass http://i; }
location ~ ^/[ijk] { return 204; }
location /j/ { root /srv; }
location = /k { return 200; }
location /k/ { proxy_pass http://k; }
} }"""


@pytest.mark.parametrize(
    ("path", "way"),
    [
        ("/", ["server"]),
        ("/gone", ["server", "rewrite:3"]),
        ("/old/x", ["server", "rewrite:2", "location:4", "return:4"]),
        ("/new/x", ["server", "location:4", "return:4"]),
        ("/a/1", ["server", "location:5", "rewrite:6", "location:8"]),
        ("/a/x", ["server", "location:5"]),
        ("/c/1", ["server", "location:9", "rewrite:10"]),
        ("/d/1", ["server", "location:12", "rewrite:13", "location:8"]),
        ("/e/1", ["server", "location:15", "rewrite:16"]),
        ("/f/1", ["server", "location:18", "rewrite:18", "return:18"]),
        ("/g/1", ["server", "location:19", "rewrite:19", "location:8"]),
        ("/h/1", ["server", "location:20", "return:20"]),
        # nginx leads to a place that passes on by itself, before any regex.
        ("/i", ["server", "location:21"]),
        ("/i/1", ["server", "location:22", "return:22"]),
        ("/j", ["server", "location:22", "return:22"]),
        ("/k", ["server", "location:24", "return:24"]),
    ],
)
def test_the_way_of_a_request(conf: Conf, path: str, way: list[str]) -> None:
    met = trace(conf(REWRITES), "any", 80, path).met
    assert ["server" if found.name == "server" else f"{found.name}:{found.line}" for found in met] == way


def test_a_port_on_which_nothing_listens_has_no_way(conf: Conf) -> None:
    assert trace(conf(REWRITES), "any", 82, "/").last is None


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("/", "/"),
        ("/a/b", "/a/b"),
        ("/a/", "/a/"),
        ("/.", "/"),
        ("/./a", "/a"),
        ("/a/./b/..", "/a/"),
        ("/a/../../b", "/b"),
        ("//a//b", "/a/b"),
        ("/%61%2Fb", "/a/b"),
        ("/..", "/"),
    ],
)
def test_a_path_is_normalised_as_nginx_does(path: str, seen: str) -> None:
    assert normalised(path) == seen


@pytest.mark.parametrize(
    ("address", "line"),
    [("127.0.0.1", 1), ("", 1), ("192.0.2.1", 2), ("[2001:db8::1]", 3), ("[::1]", 4), ("192.0.2.9", 1)],
)
def test_only_servers_at_the_address_answer(conf: Conf, address: str, line: int) -> None:
    config = conf(
        "http { server { listen 80; }\nserver { listen 192.0.2.1:80; }\n"
        "server { listen [2001:db8::1]:80; }\nserver { listen [::]:80; } }"
    )
    server = choose_server(config, "unknown", 80, address)
    assert server is not None
    assert server.line == line
    assert default_server(config, 80, address) is server
