"""The role's templates, rendered as Ansible does and read back as nginx configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import crossplane
import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from ansible_collections.sluice.nginx.plugins.module_utils.sites.plan import plan

TEMPLATES = Path(__file__).resolve().parents[3] / "roles/nginx/templates"
OVERRIDES = {"trim_blocks": True, "lstrip_blocks": True, "keep_trailing_newline": True}
TLS = {"certificate": "/c.pem", "certificate_key": "/k.pem"}
NOSNIFF = ["X-Content-Type-Options", "nosniff", "always"]

Block = list[dict[str, Any]]
Render = Callable[..., dict[str, str]]
Parse = Callable[..., Block]


def site(**keys: Any) -> dict[str, Any]:
    return {"name": "shop", "server_names": ["shop.example"], **keys}


@pytest.fixture(scope="module")
def render() -> Render:
    """Render sites, with settings of the role, into files by path."""
    loader = DataLoader()

    def run(*sites: dict[str, Any], **settings: Any) -> dict[str, str]:
        found = {}
        for file in plan({"nginx_version": "1.22.1", "nginx_sites": list(sites), **settings}):
            templar = Templar(loader=loader, variables=file.variables)
            text = trust_as_template((TEMPLATES / file.template).read_text(encoding="utf-8"))
            found[file.path] = str(templar.template(text, escape_backslashes=False, overrides=OVERRIDES))
        return found

    return run


@pytest.fixture
def parse(render: Render, tmp_path: Path) -> Parse:
    """Render one site, and parse its file without an error."""

    def run(given: dict[str, Any], **settings: Any) -> Block:
        return parsed(render(given, **settings)[f"sites-enabled/{given['name']}.conf"], tmp_path)

    return run


def parsed(text: str, folder: Path) -> Block:
    file = folder / "parsed.conf"
    file.write_text(text, encoding="utf-8")
    payload = crossplane.parse(str(file), single=True, check_ctx=False, check_args=False)
    assert payload["errors"] == []
    return list(payload["config"][0]["parsed"])


def every(block: Block, name: str) -> list[list[str]]:
    """The arguments of each directive of that name, directly in the block."""
    return [row["args"] for row in block if row["directive"] == name]


def inside(block: Block, name: str, *arguments: str) -> Block:
    """The block of the one directive with this name and these arguments."""
    found = [row["block"] for row in block if row["directive"] == name and row["args"] == list(arguments)]
    assert len(found) == 1, (
        f"{len(found)} of {name} {arguments} in {[(row['directive'], row['args']) for row in block]}"
    )
    return list(found[0])


def servers(block: Block) -> list[Block]:
    return [row["block"] for row in block if row["directive"] == "server"]


def walk(block: Block) -> Iterator[dict[str, Any]]:
    for row in block:
        yield row
        yield from walk(row.get("block", []))


def test_nginx_conf_includes_what_distributions_use(render: Render, tmp_path: Path) -> None:
    main = parsed(render(site())["nginx.conf"], tmp_path)
    http = inside(main, "http")
    assert every(main, "user") == [["www-data"]]
    assert every(main, "include") == [["/etc/nginx/modules-enabled/*.conf"]]
    assert every(main, "error_log") == [["/var/log/nginx/error.log"]]
    assert every(http, "access_log") == [["/var/log/nginx/access.log", "combined"]]
    assert every(http, "server_tokens") == [["off"]]
    assert every(http, "gzip") == [["on"]]
    assert every(http, "include")[1:] == [["/etc/nginx/conf.d/*.conf"], ["/etc/nginx/sites-enabled/*"]]


def test_raw_lines_of_the_role_stand_at_their_level(render: Render, tmp_path: Path) -> None:
    text = render(
        site(),
        nginx_gzip=False,
        nginx_worker_processes=4,
        nginx_main_lines=["worker_rlimit_nofile 8192;"],
        nginx_events_lines=["multi_accept on;"],
        nginx_http_lines=["map $a $b {\n    default 1;\n}"],
    )["nginx.conf"]
    main = parsed(text, tmp_path)
    assert every(main, "worker_processes") == [["4"]]
    assert every(main, "worker_rlimit_nofile") == [["8192"]]
    assert every(inside(main, "events"), "multi_accept") == [["on"]]
    assert every(inside(main, "http"), "gzip") == []
    assert "\n    map $a $b {\n        default 1;\n    }\n" in text


def test_a_file_says_where_it_comes_from(render: Render) -> None:
    first = render(site())["sites-enabled/shop.conf"].splitlines()[0]
    assert first == "# rendered by Sluice from nginx_sites[0] (shop)"


@pytest.mark.parametrize(
    ("version", "listen", "directive"),
    [
        ("1.22.1", ["443", "ssl", "http2"], []),
        ("1.24.0", ["443", "ssl", "http2"], []),
        ("1.25.0", ["443", "ssl", "http2"], []),
        ("1.25.1", ["443", "ssl"], [["on"]]),
        ("1.26.3", ["443", "ssl"], [["on"]]),
    ],
)
def test_http2_is_written_as_the_version_wants(
    parse: Parse, version: str, listen: list[str], directive: list[list[str]]
) -> None:
    _, secure = servers(parse(site(tls=TLS), nginx_version=version))
    assert every(secure, "listen") == [listen]
    assert every(secure, "http2") == directive


def test_tls_redirects_the_plain_port(parse: Parse) -> None:
    plain, secure = servers(parse(site(tls={**TLS, "hsts": True}, http2=False)))
    assert every(plain, "listen") == [["80"]]
    assert every(plain, "return") == [["301", "https://$host$request_uri"]]
    assert every(secure, "listen") == [["443", "ssl"]]
    assert every(secure, "ssl_protocols") == [["TLSv1.2", "TLSv1.3"]]
    assert every(secure, "add_header") == [["Strict-Transport-Security", "max-age=31536000", "always"]]


def test_tls_without_a_redirect_serves_both(parse: Parse) -> None:
    (server,) = servers(parse(site(tls={**TLS, "redirect": False, "client_certificate": "/ca.pem"})))
    assert every(server, "listen") == [["80"], ["443", "ssl", "http2"]]
    assert every(server, "ssl_verify_client") == [["on"]]


@pytest.mark.parametrize(
    ("keys", "target"),
    [
        ({}, "http://a.example$request_uri"),
        ({"listen": [8080]}, "http://a.example:8080$request_uri"),
        ({"tls": TLS}, "https://a.example$request_uri"),
        ({"tls": {**TLS, "listen": [8443]}}, "https://a.example:8443$request_uri"),
    ],
)
def test_other_names_redirect_to_the_canonical_one(parse: Parse, keys: dict[str, Any], target: str) -> None:
    given = {"name": "shop", "server_names": ["a.example", "b.example"], "canonical_host": True, "default_server": True}
    *_, others, main = servers(parse({**given, **keys}))
    assert every(others, "server_name") == [["b.example"]]
    assert every(others, "return") == [["301", target]]
    assert every(main, "server_name") == [["a.example"]]
    assert "default_server" in every(main, "listen")[0]
    assert "default_server" not in every(others, "listen")[0]


CHALLENGES = ["^~", "/.well-known/acme-challenge/"]


def test_challenges_are_answered_before_the_redirect(parse: Parse) -> None:
    plain, secure = servers(parse(site(tls=TLS, acme=True)))
    assert every(plain, "return") == []
    for server in (plain, secure):
        (found,) = [each for each in server if each.get("args") == CHALLENGES]
        assert every(found["block"], "root") == [["/var/www/acme"]]
        assert every(found["block"], "auth_basic") == [["off"]]
    (other,) = [each for each in plain if each.get("args") == ["/"]]
    assert every(other["block"], "return") == [["301", "https://$host$request_uri"]]


def test_challenges_have_the_webroot_of_the_client(parse: Parse) -> None:
    given = {"name": "shop", "server_names": ["a.example", "b.example"], "canonical_host": True, "acme": "/srv/acme"}
    for server in servers(parse(given)):
        (found,) = [each for each in server if each.get("args") == CHALLENGES]
        assert every(found["block"], "root") == [["/srv/acme"]]


def test_maintenance_lets_challenges_through(parse: Parse) -> None:
    (server,) = servers(parse(site(acme=True, maintenance=True)))
    conditions = [each["args"] for each in server if each["directive"] == "if"]
    assert conditions == [["$uri", "~", "^/\\.well-known/acme-challenge/"], ["$maintenance_shop_here"]]


def test_php_runs_scripts_that_exist_only(parse: Parse) -> None:
    php = {"server": "unix:/run/php.sock", "front_controller": "/index.php", "params": {"APP_DEBUG": False}}
    given = site(root="/srv", php=php, routes=[{"path": "= /track", "php": "/track.php"}])
    (server,) = servers(parse(given))
    assert every(server, "index") == [["index.php", "index.html"]]
    assert every(inside(server, "location", "/"), "try_files") == [["$uri", "$uri/", "/index.php$is_args$args"]]
    scripts = inside(server, "location", "~", r"\.php$")
    assert every(scripts, "try_files") == [["$uri", "=404"]]
    assert every(scripts, "fastcgi_pass") == [["unix:/run/php.sock"]]
    assert ["APP_DEBUG", "false"] in every(scripts, "fastcgi_param")
    assert every(inside(server, "location", "=", "/track"), "try_files") == [["/track.php", "=404"]]


def test_static_files(parse: Parse) -> None:
    routes = [
        {"path": "/a/", "alias": "/srv/a b/", "autoindex": True, "expires": "30d"},
        {"path": "/spa/", "spa": "/spa/index.html"},
        {"path": "~* \\.(css|js)$", "try_files": ["$uri", "=404"], "cache_control": "public, immutable"},
        {"path": "= /ok", "return": {"code": 200, "body": '{"ok": true}', "type": "application/json"}},
        {"path": "/no", "return": 404},
    ]
    (server,) = servers(parse(site(root="/srv", gzip=False, routes=routes)))
    assert every(server, "gzip") == [["off"]]
    assert every(inside(server, "location", "/a/"), "alias") == [["/srv/a b/"]]
    assert every(inside(server, "location", "/spa/"), "try_files") == [["$uri", "/spa/index.html", "=404"]]
    styles = inside(server, "location", "~*", r"\.(css|js)$")
    assert every(styles, "add_header") == [["Cache-Control", "public, immutable"]]
    assert every(inside(server, "location", "=", "/ok"), "return") == [["200", '{"ok": true}']]
    assert every(inside(server, "location", "/no"), "return") == [["404"]]


@pytest.mark.parametrize(
    ("keys", "answered"),
    [
        ({}, True),
        ({"root": "/srv"}, False),
        ({"routes": [{"path": "/", "return": 204}]}, False),
        ({"lines": ["client_body_timeout 5s;"]}, True),
        ({"lines": ["location / {\n    return 204;\n}"]}, False),
        ({"lines": ["root /srv;"]}, False),
    ],
)
def test_what_no_route_answers_is_404_not_the_welcome_page(parse: Parse, keys: dict[str, Any], answered: bool) -> None:
    (server,) = servers(parse(site(**keys)))
    found = [row for row in server if row["directive"] == "location" and every(row["block"], "return") == [["404"]]]
    assert bool(found) == answered


def test_an_upstream_is_declared_under_the_name_of_its_site(parse: Parse) -> None:
    servers_of_api = [
        "app:8001",
        {"address": "app:8002", "weight": 2, "max_conns": 9, "max_fails": 3, "fail_timeout": "5s"},
        {"address": "unix:/run/spare.sock", "backup": True},
    ]
    api = {
        "name": "api",
        "balance": "least_conn",
        "keepalive": 8,
        "servers": servers_of_api,
        "lines": ["keepalive_time 1h;"],
    }
    block = parse(site(upstreams=[api], routes=[{"path": "/v1/", "proxy": "api", "proxy_path": "/v2/"}]))
    group = inside(block, "upstream", "shop_api")
    assert every(group, "least_conn") == [[]]
    assert every(group, "server") == [
        ["app:8001"],
        ["app:8002", "weight=2", "max_conns=9", "max_fails=3", "fail_timeout=5s"],
        ["unix:/run/spare.sock", "backup"],
    ]
    assert every(group, "keepalive_time") == [["1h"]]
    location = inside(servers(block)[0], "location", "/v1/")
    assert every(location, "proxy_pass") == [["http://shop_api/v2/"]]
    assert ["Connection", ""] in every(location, "proxy_set_header")
    assert ["Host", "$host"] in every(location, "proxy_set_header")


@pytest.mark.parametrize(
    ("balance", "expected"),
    [("hash $request_uri", ["$request_uri"]), ("hash $request_uri consistent", ["$request_uri", "consistent"])],
)
def test_balance_by_a_key(parse: Parse, balance: str, expected: list[str]) -> None:
    block = parse(site(upstreams=[{"name": "api", "servers": ["a:1"], "balance": balance}]))
    assert every(inside(block, "upstream", "shop_api"), "hash") == [expected]


@pytest.mark.parametrize(
    ("proxy", "path", "expected"),
    [
        ("api", None, "http://shop_api"),
        ("https://api", None, "https://shop_api"),
        ("http://10.0.0.1:8080", "/x/", "http://10.0.0.1:8080/x/"),
        ("http://[2001:db8::1]:80", None, "http://[2001:db8::1]:80"),
        ("http://unix:/run/app.sock", None, "http://unix:/run/app.sock"),
        ("http://unix:/run/app.sock", "/x/", "http://unix:/run/app.sock:/x/"),
    ],
)
def test_targets_of_a_proxy(parse: Parse, proxy: str, path: str | None, expected: str) -> None:
    route = {"path": "/", "proxy": proxy, "proxy_path": path}
    block = parse(site(upstreams=[{"name": "api", "servers": ["a:1"]}], routes=[route]))
    assert every(inside(servers(block)[0], "location", "/"), "proxy_pass") == [[expected]]


def test_a_proxy_says_all_it_was_told(parse: Parse) -> None:
    route = {
        "path": "/",
        "proxy": "http://app:80",
        "websocket": True,
        "timeouts": {"connect": "2s", "read": "30s"},
        "retries": {"when": ["error", "http_502"], "tries": 2, "timeout": "5s"},
        "proxy_headers": {"x-real-ip": None, "Host": None, "X-Tenant": "acme"},
        "buffering": False,
        "intercept_errors": True,
    }
    block = parse(site(routes=[route]))
    assert every(inside(block, "map", "$http_upgrade", "$connection_upgrade_shop"), "default") == [["upgrade"]]
    location = inside(servers(block)[0], "location", "/")
    headers = every(location, "proxy_set_header")
    assert ["Upgrade", "$http_upgrade"] in headers
    assert ["Connection", "$connection_upgrade_shop"] in headers
    assert ["x-real-ip", ""] in headers
    assert ["X-Tenant", "acme"] in headers
    assert not [row for row in headers if row[0] in ("Host", "X-Real-IP")]
    assert every(location, "proxy_send_timeout") == [["1h"]]
    assert every(location, "proxy_read_timeout") == [["30s"]]
    assert every(location, "proxy_next_upstream") == [["error", "http_502"]]
    assert every(location, "proxy_next_upstream_tries") == [["2"]]
    assert every(location, "proxy_buffering") == [["off"]]


def test_retries_can_be_turned_off(parse: Parse) -> None:
    block = parse(site(routes=[{"path": "/", "proxy": "http://app:80", "retries": False}]))
    assert every(inside(servers(block)[0], "location", "/"), "proxy_next_upstream") == [["off"]]


@pytest.mark.parametrize(
    ("redirect", "location", "directive"),
    [
        (("/old", "/new", 301), ["=", "/old"], ["return", "301", "/new$is_args$args"]),
        (("/old", "/new?a=1", 308), ["=", "/old"], ["return", "308", "/new?a=1"]),
        (("/a.b/*", "/c/*", 302), ["^~", "/a.b/"], ["rewrite", r"^/a\.b/(.*)$", "/c/$1", "redirect"]),
        (
            ("/a/*", "https://b.example/", 301),
            ["^~", "/a/"],
            ["rewrite", "^/a/(.*)$", "https://b.example/", "permanent"],
        ),
        (
            (r"~ ^/p/(\d{1,9})$", "/v2/p?id=$1", 301),
            ["~", r"^/p/(\d{1,9})$"],
            ["rewrite", r"^/p/(\d{1,9})$", "/v2/p?id=$1?", "permanent"],
        ),
        (("~* ^/A$", "/b", 301), ["~*", "^/A$"], ["rewrite", "(?i)^/A$", "/b", "permanent"]),
    ],
)
def test_redirects(parse: Parse, redirect: tuple[str, str, int], location: list[str], directive: list[str]) -> None:
    start, to, code = redirect
    (server,) = servers(parse(site(redirects=[{"from": start, "to": to, "code": code}])))
    (row,) = inside(server, "location", *location)
    assert [row["directive"], *row["args"]] == directive


def test_rewrites_stay_inside(parse: Parse) -> None:
    rewrites = [{"from": r"^/item/(\d+)$", "to": "/item.php?id=$1"}]
    route = {"path": "/v1/", "proxy": "http://app:80", "rewrites": [{"from": "^/v1/(.*)$", "to": "/$1"}]}
    (server,) = servers(parse(site(rewrites=rewrites, routes=[route])))
    assert every(server, "rewrite") == [[r"^/item/(\d+)$", "/item.php?id=$1", "last"]]
    assert every(inside(server, "location", "/v1/"), "rewrite") == [["^/v1/(.*)$", "/$1", "break"]]


def test_a_route_that_adds_a_header_keeps_those_of_the_site(parse: Parse) -> None:
    routes = [
        {"path": "/own", "add_headers": {"X-Own": "1", "x-frame-options": None}},
        {"path": "/cached", "cache_control": "no-store"},
        {"path": "/plain", "expires": "1h"},
    ]
    (server,) = servers(parse(site(root="/srv", security_headers={"X-Frame-Options": "DENY"}, routes=routes)))
    assert NOSNIFF in every(server, "add_header")
    assert ["X-Frame-Options", "DENY", "always"] in every(server, "add_header")
    own = every(inside(server, "location", "/own"), "add_header")
    assert NOSNIFF in own
    assert ["X-Own", "1", "always"] in own
    assert not [row for row in own if row[0].lower() == "x-frame-options"]
    cached = every(inside(server, "location", "/cached"), "add_header")
    assert NOSNIFF in cached
    assert cached[-1] == ["Cache-Control", "no-store"]
    assert every(inside(server, "location", "/plain"), "add_header") == []


def test_taking_the_last_header_away_ends_the_inheritance(parse: Parse) -> None:
    given = site(root="/srv", add_headers={"X-A": "1"}, routes=[{"path": "/x", "add_headers": {"X-A": None}}])
    (server,) = servers(parse(given))
    assert every(inside(server, "location", "/x"), "add_header") == [["X-A", ""]]


def test_cache(parse: Parse) -> None:
    cache = {"zone": "pages", "valid": {200: "10m", "any": "1m"}, "key": "$uri", "bypass": ["$cookie_a"], "stale": True}
    block = parse(site(caches=[{"name": "pages"}], routes=[{"path": "/", "proxy": "http://app:80", "cache": cache}]))
    (path,) = every(block, "proxy_cache_path")
    assert path[0] == "/var/lib/nginx/shop_pages_cache"
    assert "keys_zone=shop_pages_cache:10m" in path
    location = inside(servers(block)[0], "location", "/")
    assert every(location, "proxy_cache") == [["shop_pages_cache"]]
    assert every(location, "proxy_cache_valid") == [["200", "10m"], ["any", "1m"]]
    assert every(location, "proxy_no_cache") == [["$cookie_a"]]
    assert every(location, "proxy_cache_background_update") == [["on"]]


def test_limits(parse: Parse) -> None:
    given = site(
        limit_req_zones=[{"name": "a", "rate": "5r/m"}],
        limit_conn_zones=[{"name": "a", "key": "$server_name", "size": "1m"}],
        limit_conn={"zone": "a", "connections": 20, "status": 503},
        routes=[{"path": "/x", "limit_req": {"zone": "a", "burst": 5, "nodelay": True}}],
    )
    block = parse(given)
    (server,) = servers(block)
    assert every(block, "limit_req_zone") == [["$binary_remote_addr", "zone=shop_a_requests:10m", "rate=5r/m"]]
    assert every(block, "limit_conn_zone") == [["$server_name", "zone=shop_a_connections:1m"]]
    assert every(server, "limit_conn") == [["shop_a_connections", "20"]]
    assert every(server, "limit_conn_status") == [["503"]]
    assert every(inside(server, "location", "/x"), "limit_req") == [["zone=shop_a_requests", "burst=5", "nodelay"]]


@pytest.mark.parametrize(
    ("allow", "deny", "expected"),
    [
        (["10.0.0.0/8"], [], [("allow", "10.0.0.0/8"), ("deny", "all")]),
        ([], ["10.0.0.1"], [("deny", "10.0.0.1")]),
        (["10.0.0.0/8"], ["10.0.0.1"], [("deny", "10.0.0.1"), ("allow", "10.0.0.0/8"), ("deny", "all")]),
        (["all"], ["10.0.0.1"], [("deny", "10.0.0.1"), ("allow", "all")]),
        (["10.0.0.1"], ["all"], [("allow", "10.0.0.1"), ("deny", "all")]),
    ],
)
def test_access_by_address(parse: Parse, allow: list[str], deny: list[str], expected: list[tuple[str, str]]) -> None:
    (server,) = servers(parse(site(allow=allow, deny=deny)))
    found = [(row["directive"], *row["args"]) for row in server if row["directive"] in ("allow", "deny")]
    assert found == expected


def test_error_pages_can_be_seen_by_those_who_may_not_see_the_site(parse: Parse) -> None:
    given = site(
        root="/srv",
        auth_basic="Orders",
        auth_basic_user_file="/p",
        allow=["10.0.0.0/8"],
        access_log=False,
        routes=[{"path": "/open/", "auth_basic": False}, {"path": "= /own.html", "return": 404}],
        error_pages=[
            {"codes": [403, 401], "page": "/no.html", "root": "/srv/errors"},
            {"codes": [404], "page": "/own.html"},
        ],
    )
    (server,) = servers(parse(given))
    assert every(server, "error_page") == [["403", "401", "/no.html"], ["404", "/own.html"]]
    assert every(server, "access_log") == [["off"]]
    page = inside(server, "location", "=", "/no.html")
    assert [row["directive"] for row in page] == ["internal", "root", "auth_basic", "allow"]
    assert every(inside(server, "location", "=", "/own.html"), "return") == [["404"]]
    assert every(inside(server, "location", "/open/"), "auth_basic") == [["off"]]


@pytest.mark.parametrize(
    ("maintenance", "allowed", "answer"),
    [
        (True, [], ["return", "503", "Down for maintenance, back soon."]),
        ({"allow": ["10.0.0.0/8"], "page": "/m.html"}, ["10.0.0.0/8"], ["rewrite", "^", "/m.html", "break"]),
    ],
)
def test_maintenance(parse: Parse, maintenance: Any, allowed: list[str], answer: list[str]) -> None:
    block = parse(site(root="/srv", maintenance=maintenance, error_pages=[{"codes": [502, 503], "page": "/e.html"}]))
    networks = [row["directive"] for row in inside(block, "geo", "$maintenance_shop")]
    assert networks == ["default", *allowed]
    (server,) = servers(block)
    assert every(inside(server, "if", "$maintenance_shop"), "return") == [["503"]]
    assert every(server, "error_page") == [["502", "/e.html"], ["503", "@maintenance"]]
    page = inside(server, "location", "@maintenance")
    assert ["Retry-After", "3600", "always"] in every(page, "add_header")
    assert [page[-1]["directive"], *page[-1]["args"]] == answer


def test_maintenance_that_is_not_enabled_leaves_no_trace(render: Render) -> None:
    text = render(site(maintenance={"enabled": False, "retry_after": 60}))["sites-enabled/shop.conf"]
    assert "maintenance" not in text


def test_raw_lines_are_copied_at_every_level(parse: Parse) -> None:
    given = site(
        http_lines=["map $uri $x {\n    default 1;\n}"],
        lines=["client_body_timeout 5s;", "location /raw {\n    return 204;\n}"],
        routes=[{"path": "/x", "return": 204, "lines": ["# why", "etag off;"]}],
    )
    block = parse(given)
    (server,) = servers(block)
    assert every(inside(block, "map", "$uri", "$x"), "default") == [["1"]]
    assert every(server, "client_body_timeout") == [["5s"]]
    assert every(inside(server, "location", "/raw"), "return") == [["204"]]
    assert every(inside(server, "location", "/x"), "etag") == [["off"]]


NASTY = [
    "x; return 418;",
    "x} server { listen 666; }",
    '"; return 418; #',
    "'; return 418; #",
    '\\"; return 418; #',
    "x\\",
    "# return 418;",
    "{{ 1 + 1 }}; return 418;",
    "{% raw %}; return 418;",
]


@pytest.mark.parametrize("value", NASTY)
def test_no_value_leaves_its_place(parse: Parse, value: str) -> None:
    given = site(
        root=f"/srv/{value}",
        index=[value],
        add_headers={"X-A": value},
        auth_basic=value,
        auth_basic_user_file=f"/{value}",
        php={"server": "unix:/run/p.sock", "params": {"A": value}},
        rewrites=[{"from": value, "to": "/x"}],
        limit_req_zones=[{"name": "a", "rate": "1r/s", "key": value}],
        tls={**TLS, "certificate": f"/{value}", "ciphers": value},
        routes=[
            {"path": f"~ {value}", "try_files": [value, value], "cache_control": value},
            {"path": "/b", "return": {"code": 200, "body": value}},
            {"path": "/c", "proxy": "http://app:80", "proxy_headers": {"X-B": value}},
        ],
    )
    harmless = "harmless"
    shape = [row["directive"] for row in walk(parse(_replaced(given, value, harmless)))]
    rows = list(walk(parse(given)))
    assert [row["directive"] for row in rows] == shape
    assert all(harmless not in argument for row in rows for argument in row["args"])


def _replaced(value: Any, old: str, new: str) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(item, old, new) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, old, new) for item in value]
    return value.replace(old, new) if isinstance(value, str) else value


def test_the_same_input_gives_the_same_files(render: Render) -> None:
    given = site(root="/srv", security_headers=True, tls=TLS, routes=[{"path": "/x", "proxy": "http://app:80"}])
    assert render(given) == render(given)


def test_layout_is_tidy(render: Render) -> None:
    given = site(root="/srv", lines=["etag off;"], routes=[{"path": "/x", "lines": ["etag on;"]}, {"path": "/y"}])
    for text in render(given, site(name="b", server_names=["b.example"], tls=TLS, maintenance=True)).values():
        lines = text.splitlines()
        assert text.endswith("}\n")
        assert not [line for line in lines if line != line.rstrip()]
        assert "\n\n\n" not in text
        assert not [line for line, after in pairwise(lines) if line.endswith("{") and not after]
        depth, goes_on = 0, False
        for line in lines:
            depth -= line.endswith("}")
            assert not line or len(line) - len(line.lstrip()) == 4 * (depth + goes_on), line
            depth += line.endswith("{")
            goes_on = bool(line) and not line.endswith(("{", "}", ";")) and not line.lstrip().startswith("#")
