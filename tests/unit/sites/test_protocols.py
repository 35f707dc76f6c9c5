"""HTTP/3 and gRPC of typed sites: what is printed, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError
from ansible_collections.sluice.nginx.plugins.module_utils.sites.plan import plan

TLS = {"certificate": "/c.pem", "certificate_key": "/k.pem"}
NEW = "1.26.3"


def site(**keys: Any) -> dict[str, Any]:
    return {"name": "shop", "server_names": ["shop.example"], "tls": TLS, "http3": True, **keys}


def servers(*sites: dict[str, Any], version: str = NEW) -> list[list[tuple[str, ...]]]:
    """The directives of each server of each site, in their order."""
    found = []
    for file in plan({"nginx_version": version, "nginx_sites": list(sites)})[1:]:
        view: Any = file.variables["site"]
        found += [[row for group in server["groups"] for row in group] for server in view["servers"]]
    return found


def quic(rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    return [row[1:] for row in rows if row[0] == "listen" and "quic" in row]


def test_http3_listens_beside_tls_and_says_so() -> None:
    _, main = servers(site(default_server=True))
    assert quic(main) == [("443", "quic", "reuseport", "default_server")]
    assert ("listen", "443", "ssl", "default_server") in main
    assert ("ssl_early_data", "off") in main
    assert ("quic_retry", "on") in main
    assert ("add_header", "Alt-Svc", 'h3=":$server_port"; ma=86400', "always") in main


def test_reuseport_is_said_once_for_each_socket() -> None:
    """nginx refuses it twice, and takes it for all servers of the socket."""
    names = ["shop.example", "www.shop.example"]
    ports = {**TLS, "listen": [443, "[::]:443", 8443]}
    other = site(name="b", server_names=["b.example"], tls={**TLS, "listen": ["*:443", 9443]})
    found = [quic(rows) for rows in servers(site(server_names=names, canonical_host=True, tls=ports), other)]
    everywhere = [row for rows in found for row in rows]
    assert sorted(row[0] for row in everywhere if "reuseport" in row) == ["443", "8443", "9443", "[::]:443"]
    assert ("*:443", "quic") in everywhere


def test_without_it_nothing_changes() -> None:
    rows = servers(site(http3=False))[-1]
    assert quic(rows) == []
    assert not [row for row in rows if row[0] in ("quic_retry", "ssl_early_data") or "Alt-Svc" in row]


@pytest.mark.parametrize(
    ("given", "version", "words"),
    [
        (site(), "1.22.1", "nginx_sites[0].http3: nginx 1.22.1 speaks no HTTP/3; 1.25.0 or newer is needed"),
        (site(tls=None), NEW, "nginx_sites[0].http3: HTTP/3 is always encrypted, and the site has no tls"),
        (
            site(tls={**TLS, "protocols": ["TLSv1.2"]}),
            NEW,
            "nginx_sites[0].http3: HTTP/3 is TLS 1.3 only, and tls.protocols has no TLSv1.3",
        ),
        (
            site(tls={**TLS, "listen": ["unix:/run/shop.sock"]}),
            NEW,
            "nginx_sites[0].http3: HTTP/3 comes over UDP, and the TLS ports are Unix sockets",
        ),
        (
            site(http3=False, tls=None, routes=[{"path": "/", "proxy": "grpc://app:1"}]),
            NEW,
            "nginx_sites[0].routes[0].proxy: gRPC comes over HTTP/2, and the site has no tls",
        ),
        (
            site(http2=False, routes=[{"path": "/", "proxy": "grpc://app:1"}]),
            NEW,
            "nginx_sites[0].routes[0].proxy: gRPC comes over HTTP/2, and http2 is false",
        ),
        (
            site(routes=[{"path": "/", "proxy": "grpc://app:1", "websocket": True}]),
            NEW,
            "nginx_sites[0].routes[0].websocket: gRPC has streams of its own; drop it, or proxy by http://",
        ),
    ],
)
def test_what_cannot_be_is_refused(given: dict[str, Any], version: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        plan({"nginx_version": version, "nginx_sites": [given]})
    assert words in str(caught.value)


def test_a_route_passes_on_grpc() -> None:
    upstream = {"name": "orders", "servers": ["a:50051"]}
    route = {"path": "/shop.Orders/", "proxy": "grpcs://orders", "timeouts": {"read": "9s"}, "retries": False}
    given = site(upstreams=[upstream], routes=[{**route, "proxy_headers": {"X-Real-IP": None, "X-A": "b"}}])
    view: Any = plan({"nginx_version": NEW, "nginx_sites": [given]})[1].variables["site"]
    (location,) = [each for each in view["servers"][-1]["locations"] if each["path"] == ("/shop.Orders/",)]
    rows = location["rows"]
    assert rows[0] == ("grpc_pass", "grpcs://shop_orders")
    for row in (
        ("grpc_set_header", "X-Real-IP", ""),
        ("grpc_set_header", "X-A", "b"),
        ("grpc_ssl_server_name", "on"),
        ("grpc_ssl_name", "$host"),
        ("grpc_read_timeout", "9s"),
        ("grpc_next_upstream", "off"),
    ):
        assert row in rows
    assert not [row for row in rows if row[0].startswith("proxy_")]


def test_the_least_time_of_kept_connections_needs_a_new_nginx() -> None:
    settings = {"nginx_sites": [site(http3=False)], "nginx_keepalive_min_timeout": "10s"}
    main: Any = plan({**settings, "nginx_version": "1.27.4"})[0].variables["nginx"]
    assert main["keepalive_min_timeout"] == "10s"
    with pytest.raises(InputError, match=r"nginx_keepalive_min_timeout: nginx 1\.26\.3 does not know it; 1\.27\.4 or"):
        plan({**settings, "nginx_version": NEW})
