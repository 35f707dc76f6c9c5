"""What a user can get wrong in ``nginx_sites``, and the words that say so."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError
from ansible_collections.sluice.nginx.plugins.module_utils.sites.model import parse_sites

TLS = {"certificate": "/c.pem", "certificate_key": "/k.pem"}


def site(**keys: Any) -> dict[str, Any]:
    return {"name": "shop", "server_names": ["shop.example"], **keys}


def route(**keys: Any) -> dict[str, Any]:
    return site(routes=[{"path": "/x", **keys}])


def upstream(**keys: Any) -> dict[str, Any]:
    return site(upstreams=[{"name": "api", "servers": ["app:8001"], **keys}])


def message(*sites: Any) -> str:
    with pytest.raises(InputError) as caught:
        parse_sites(list(sites))
    return str(caught.value)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("shop", "nginx_sites[0]: 'shop' is not a mapping"),
        ({"server_names": ["a.example"]}, "nginx_sites[0]: 'name' is missing"),
        ({"name": "shop"}, "nginx_sites[0]: 'server_names' is missing"),
        (site(server_names=[]), "nginx_sites[0].server_names: the list is empty"),
        (site(server_names="shop.example"), "nginx_sites[0].server_names: 'shop.example' is not a list"),
        (site(server_name=["a"]), "nginx_sites[0]: unknown key 'server_name'; did you mean 'server_names'?"),
        (site(zzz=1), "nginx_sites[0]: unknown key 'zzz'; known are access_log, acme, add_headers"),
        (site(name="Shop"), "nginx_sites[0].name: 'Shop' is not a name; use a-z and 0-9"),
        (site(name="a_b"), "'a_b' is not a name"),
        (site(server_names=["http://a.example"]), "server_names[0]: 'http://a.example' is not a server name"),
        (site(server_names=["a b"]), "server_names[0]: 'a b' is not a server name"),
        (site(server_names=["a.example", "A.example"]), "'a.example' is a server name at nginx_sites[0].server_names"),
        (site(listen=["eighty"]), "nginx_sites[0].listen[0]: 'eighty' is not an address"),
        (site(listen=[70000]), "nginx_sites[0].listen[0]: 70000 is not a port; use 1 to 65535"),
        (site(listen=[80, "*:80"]), "nginx_sites[0].listen[1]: '80' is listened on at nginx_sites[0].listen[0]"),
        (site(listen=[]), "nginx_sites[0].listen: the list is empty and there is no tls"),
        (site(listen=[443], tls=TLS), "nginx_sites[0].tls.listen: '443' is listened on at nginx_sites[0].listen[0]"),
        (site(canonical_host=True), "nginx_sites[0].canonical_host: there is one server name only"),
        (
            site(canonical_host=True, server_names=["*.shop.example", "a.example"]),
            "nginx_sites[0].canonical_host: '*.shop.example' is not one host",
        ),
        (site(default_server="yes"), "nginx_sites[0].default_server: 'yes' is neither true nor false"),
        (site(root="public"), "nginx_sites[0].root: 'public' is not an absolute path; begin it with '/'"),
        (site(root="/srv\n/x"), "holds a line break or a control character"),
        (site(client_max_body_size="10 MB"), "client_max_body_size: '10 MB' is not a size; use 512k, 10m or 1g"),
        (site(spa="/index.html"), "nginx_sites[0].spa: there is no directory of files; add root to the site"),
        (site(php="unix:/run/php.sock"), "nginx_sites[0].php: there is no directory of files; add root to the site"),
        (site(root="/srv", php="php-fpm"), "nginx_sites[0].php: 'php-fpm' is not an address"),
        (
            site(root="/srv", php={"socket": "x"}),
            "nginx_sites[0].php: unknown key 'socket'; known are front_controller",
        ),
        (site(allow=["10.0.0.1/8"]), "nginx_sites[0].allow[0]: 10.0.0.1/8 has host bits set"),
        (site(deny=["example.org"]), "nginx_sites[0].deny[0]: 'example.org' does not appear to be"),
        (site(auth_basic="Orders"), "nginx_sites[0].auth_basic: there is no file of users; add auth_basic_user_file"),
        (site(auth_basic_user_file="/p"), "auth_basic_user_file: nobody is asked for a password; add auth_basic"),
        (
            site(limit_req={"zone": "login"}),
            "limit_req.zone: there is no zone 'login'; declare it under limit_req_zones",
        ),
        (
            site(limit_conn={"zone": "clint", "connections": 1}, limit_conn_zones=[{"name": "client"}]),
            "nginx_sites[0].limit_conn.zone: there is no zone 'clint'; did you mean 'client'?",
        ),
        (
            site(limit_req_zones=[{"name": "a", "rate": "5/s"}]),
            "limit_req_zones[0].rate: '5/s' is not a rate; use 10r/s",
        ),
        (site(limit_req_zones=[{"name": "a"}]), "nginx_sites[0].limit_req_zones[0]: 'rate' is missing"),
        (site(caches=[{"name": "a"}, {"name": "a"}]), "nginx_sites[0].caches[1].name: 'a' is a cache at"),
        (site(add_headers={"X Y": "1"}), "nginx_sites[0].add_headers: 'X Y' is not the name of a header"),
        (site(add_headers={"X-Y": "a\r\nSet-Cookie: b"}), "add_headers.X-Y: the value holds a line break"),
        (site(add_headers={"Authorization": ["Bearer S"]}), "add_headers.Authorization: a list is not text"),
        (site(tls={"certificate": "/c.pem"}), "nginx_sites[0].tls: 'certificate_key' is missing"),
        (
            site(tls={**TLS, "protocols": ["TLSv1.1"]}),
            "tls.protocols[0]: 'TLSv1.1' is not known; use TLSv1.2 or TLSv1.3",
        ),
        (site(tls={**TLS, "verify_client": "optional"}), "tls.verify_client: there is no CA to verify clients by"),
        (site(tls={**TLS, "hsts": "1y"}), "nginx_sites[0].tls.hsts: '1y' is not the header's value"),
        (
            site(lines=["client_body_timeout 5s"]),
            "lines[0]: 'client_body_timeout 5s' ends with neither ';' nor a brace",
        ),
        (site(lines="a;"), "nginx_sites[0].lines: 'a;' is not a list"),
        (site(error_pages=[{"codes": [200], "page": "/x"}]), "error_pages[0].codes[0]: 200 is not a whole number"),
        (site(error_pages=[{"codes": [404], "page": "/x"}]), "error_pages[0].page: '/x' has no directory"),
        (site(error_pages=[{"codes": [404], "page": "@x"}]), "error_pages[0].page: there is no route '@x'"),
        (site(maintenance={"page": "/m.html"}), "nginx_sites[0].maintenance.page: '/m.html' has no directory"),
        (site(redirects=[{"from": "/a", "to": "/a"}]), "redirects[0].to: '/a' is where the redirect starts"),
        (site(redirects=[{"from": "/a/*", "to": "/a/b/*"}]), "'/a/b/*' is below '/a/*' and would redirect for ever"),
        (site(redirects=[{"from": "/a/*/b", "to": "/c"}]), "'/a/*/b' has a * that is not its end"),
        (site(redirects=[{"from": "/a/*", "to": "/b/*", "code": 308}]), "redirects[0].code: nginx redirects a pattern"),
        (
            site(redirects=[{"from": "/a", "to": "/b", "code": 200}]),
            "redirects[0].code: 200 is not a redirect; use 301",
        ),
        (site(redirects=[{"from": "/a", "to": "b"}]), "redirects[0].to: 'b' is not a target; begin it with '/'"),
        (site(rewrites=[{"from": "^/a", "to": "https://b/"}]), "rewrites[0].to: 'https://b/' is not a path"),
        (site(rewrites=[{"from": "^/a", "to": "/b", "flag": "end"}]), "rewrites[0].flag: 'end' is not known; use last"),
        (
            site(acme=True, listen=[8080]),
            "nginx_sites[0].acme: challenges come to port 80, and the plain ports are 8080",
        ),
        (site(acme="acme"), "nginx_sites[0].acme.webroot: 'acme' is not an absolute path"),
        (
            site(acme=True, routes=[{"path": "^~ /.well-known/acme-challenge/", "return": 404}]),
            "'^~ /.well-known/acme-challenge/' is answered by nginx_sites[0].acme already",
        ),
        (
            site(redirects=[{"from": "/x", "to": "/y"}], routes=[{"path": "= /x"}]),
            "nginx_sites[0].routes[0]: '= /x' is answered by nginx_sites[0].redirects[0] already",
        ),
        (
            site(root="/srv", spa="/index.html", routes=[{"path": "^~ /"}]),
            "nginx_sites[0].spa: '/' is answered by nginx_sites[0].routes[0] already",
        ),
    ],
)
def test_a_fault_of_a_site_is_said(given: Any, expected: str) -> None:
    assert expected in message(given)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (route(prxy="api"), "nginx_sites[0].routes[0]: unknown key 'prxy'; did you mean 'proxy'?"),
        (route(path="x"), "nginx_sites[0].routes[0].path: 'x' is not a path; use /x, = /x"),
        (route(path="= x"), "'= x' is not a path"),
        (route(path="/a b"), "'/a b' is not a path"),
        (route(proxy="api"), "routes[0].proxy: there is no upstream 'api'; declare it under upstreams"),
        (
            {**upstream(), "routes": [{"path": "/", "proxy": "apo"}]},
            "nginx_sites[0].routes[0].proxy: there is no upstream 'apo'; did you mean 'api'?",
        ),
        (route(proxy="http://app:80/v2"), "proxy: 'http://app:80/v2' holds a path; write /v2 as proxy_path"),
        (route(proxy="http://app:99999"), "routes[0].proxy: 99999 is not a port"),
        (
            route(proxy="http://a", php="/x.php"),
            "routes[0]: proxy and php exclude each other; a route does one of them",
        ),
        (route(proxy="http://a", try_files=["$uri", "=404"]), "try_files: serves files, and the route has proxy"),
        (route(root="/a", alias="/b"), "nginx_sites[0].routes[0].alias: root and alias exclude each other"),
        (route(timeouts={"read": "1s"}), "timeouts: says how to proxy, and the route has no proxy"),
        (route(proxy="http://a", timeouts={"reed": "1s"}), "timeouts: unknown key 'reed'; did you mean 'read'?"),
        (route(proxy="http://a", timeouts={"read": "soon"}), "timeouts.read: 'soon' is not a time; use 500ms, 30s"),
        (
            route(proxy="http://a", retries={"when": ["http_5xx"]}),
            "retries.when[0]: 'http_5xx' is not known; use error",
        ),
        (
            route(proxy="http://a", cache={"zone": "pages"}),
            "cache.zone: there is no cache 'pages'; declare it under caches",
        ),
        (route(path="~ /x", proxy="http://a", proxy_path="/y"), "proxy_path: nginx cannot replace the path of '~ /x'"),
        (route(proxy="http://a", proxy_path="/$1"), "proxy_path: '/$1' holds a variable"),
        (
            route(proxy="http://a", proxy_path="/y", rewrites=[{"from": "^/a", "to": "/b"}]),
            "proxy_path: nginx ignores it after a rewrite",
        ),
        (route(php="/track.php"), "routes[0].php: the site has no php; add php: unix:/run/php/php-fpm.sock"),
        (route(try_files=["$uri", "=404"]), "routes[0].try_files: there is no directory of files; add root here"),
        (route(root="/srv", try_files=["$uri"]), "routes[0].try_files: '$uri' alone is no choice"),
        (route(expires="soon"), "nginx_sites[0].routes[0].expires: 'soon' is not an expiry; use 30d"),
        (route(**{"return": 301}), "nginx_sites[0].routes[0].return: 301 is a redirect; write it under redirects"),
        (
            route(allow=["10.0.0.0/8"], **{"return": 204}),
            "nginx_sites[0].routes[0].allow: nginx answers a return before it looks at this",
        ),
        (route(**{"return": {"body": "x"}}), "nginx_sites[0].routes[0].return: 'code' is missing"),
        (upstream(servers=[]), "nginx_sites[0].upstreams[0].servers: the list is empty"),
        (upstream(servers=["app:x"]), "upstreams[0].servers[0]: 'app:x' is not an address; use host:port"),
        (
            upstream(servers=[{"address": "a:1", "wieght": 2}]),
            "servers[0]: unknown key 'wieght'; did you mean 'weight'?",
        ),
        (upstream(balance="random"), "upstreams[0].balance: 'random' is not a way to balance; use round_robin"),
        (upstream(servers=[{"address": "a:1", "backup": True}]), "servers: all servers are backups"),
        (
            upstream(balance="ip_hash", servers=["a:1", {"address": "b:1", "backup": True}]),
            "upstreams[0].servers[1].backup: nginx has no backup servers with ip_hash",
        ),
        (
            {**route(limit_req={"zone": "a", "nodelay": True}), "limit_req_zones": [{"name": "a", "rate": "1r/s"}]},
            "routes[0].limit_req: nodelay and delay say how a burst is served, and there is no burst",
        ),
    ],
)
def test_a_fault_of_a_route_or_an_upstream_is_said(given: Any, expected: str) -> None:
    assert expected in message(given)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({"server_names": ["b.example"]}, "nginx_sites[1].name: 'shop' is the name of the site at nginx_sites[0].name"),
        ({"name": "b"}, "nginx_sites[1].server_names: 'shop.example' on 80 is answered by nginx_sites[0] already"),
        (
            {"name": "b", "server_names": ["b.example"], "default_server": True},
            "nginx_sites[1].default_server: nginx_sites[0] is the one of 80 already",
        ),
        (
            {"name": "b", "server_names": ["b.example"], "listen": [8080], "tls": {**TLS, "listen": [80]}},
            "nginx_sites[1].tls.listen[0]: 80 is TLS with HTTP/2 here and plain in nginx_sites[0]",
        ),
    ],
)
def test_two_sites_that_clash_are_refused(other: dict[str, Any], expected: str) -> None:
    assert expected in message(site(default_server=True), {**site(), **other})


def test_names_that_are_one_variable_in_nginx_are_refused() -> None:
    words = message(site(name="a-b"), site(name="a.b", server_names=["b.example"]))
    assert words == "nginx_sites[1].name: 'a.b' and 'a-b' differ by '-' or '.' only; rename one"


def test_sites_on_one_port_agree_about_http2() -> None:
    words = message(site(tls=TLS), {**site(name="b", server_names=["b.example"], tls=TLS), "http2": False})
    assert "443 is TLS without HTTP/2 here and TLS with HTTP/2 in nginx_sites[0]; make them equal" in words


@pytest.mark.parametrize("sites", ["shop", {"shop": {}}, 3])
def test_sites_are_a_list(sites: Any) -> None:
    with pytest.raises(InputError, match=r"^nginx_sites: .* is not a list"):
        parse_sites(sites)


def test_defaults_are_filled_in() -> None:
    (found,) = parse_sites([site()])
    assert [item.text for item in found.listen] == ["80"]
    assert (found.http2, found.gzip, found.default_server, found.tls, found.checks) == (True, True, False, None, [])


def test_null_is_the_same_as_absent() -> None:
    assert parse_sites([site(root=None, tls=None, routes=None)]) == parse_sites([site()])


def test_checks_pass_through_as_they_are_with_their_path() -> None:
    checks = [{"get": "http://shop.example/", "whatever": {1: 2}}]
    (found,) = parse_sites([site(checks=checks)], "elsewhere")
    assert found.checks is checks
    assert found.checks_source == "elsewhere[0].checks"


def test_a_realm_in_a_route_may_use_the_file_of_the_site() -> None:
    keys = {"auth_basic_user_file": "/p", "routes": [{"path": "/admin/", "auth_basic": "Staff"}]}
    assert parse_sites([site(**keys)])[0].scope.auth_basic_user_file == "/p"
