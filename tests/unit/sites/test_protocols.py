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
    (location,) = [each for each in view["servers"][-1]["locations"] if each["path"] == "/shop.Orders/"]
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


STREAM = {"name": "db", "listen": [5432], "servers": ["db1:5432"]}


def test_a_stream_is_a_file_of_its_own_and_nginx_includes_it() -> None:
    given = {**STREAM, "allow": ["10.0.0.0/8"], "timeout": "1h", "balance": "least_conn"}
    main, stream = plan({"nginx_version": NEW, "nginx_streams": [given]})
    assert (main.path, stream.path, stream.template) == ("nginx.conf", "streams-enabled/db.conf", "stream.conf.j2")
    assert main.variables["nginx"]["streams"]  # type: ignore[index]
    view: Any = stream.variables["stream"]
    assert view["rows"] == [
        ("listen", "5432"),
        ("allow", "10.0.0.0/8"),
        ("deny", "all"),
        ("proxy_timeout", "1h"),
        ("proxy_pass", "stream_db"),
    ]
    assert view["upstream_rows"] == [("zone", "stream_db", "64k"), ("least_conn",), ("server", "db1:5432")]


@pytest.mark.parametrize(
    ("streams", "words"),
    [
        ([{**STREAM, "servers": ["db1"]}], "nginx_streams[0].servers[0]: 'db1' has no port; a stream has no usual one"),
        ([{**STREAM, "protocol": "udp", "tls": TLS}], "nginx_streams[0].tls: nginx ends no TLS of datagrams"),
        ([{**STREAM, "balance": "ip_hash"}], "nginx_streams[0].balance: streams have no ip_hash"),
        ([STREAM, STREAM], "nginx_streams[1].name: 'db' is the name of nginx_streams[0] too"),
        (
            [STREAM, {**STREAM, "name": "b", "listen": ["*:5432"]}],
            "nginx_streams[1].listen[0]: *:5432 (tcp) is listened on by nginx_streams[0] already",
        ),
        (
            [{**STREAM, "listen": [443]}],
            "nginx_streams[0].listen[0]: 443 (tcp) is listened on by nginx_sites[0] already",
        ),
        (
            [{**STREAM, "listen": [443], "protocol": "udp"}],
            "nginx_streams[0].listen[0]: 443 (udp) is listened on by nginx_sites[0] already",
        ),
    ],
)
def test_streams_that_cannot_be_are_refused(streams: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(InputError) as caught:
        plan({"nginx_version": NEW, "nginx_sites": [site()], "nginx_streams": streams})
    assert words in str(caught.value)
