"""Releases whose contract speaks HTTP/2, HTTP/3, gRPC, WebSocket, TCP and UDP, on a host that asks it all by itself.

Upstreams and visitors are real ones: of grpcio, websockets, and aioquic.
"""

from __future__ import annotations

import contextlib
import shlex
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import grpc
import pytest
import yaml
from websockets.sync.client import connect

from ansible_collections.sluice.nginx.plugins.module_utils.staging.extended import extended_image
from ansible_collections.sluice.nginx.plugins.module_utils.staging.platform import ensure_platform
from tests.containers import containers
from tests.integration.hosts import Host
from tests.integration.speaking import Upstreams, upstreams
from tests.pushed import PushedRelease

pytestmark = pytest.mark.integration

Make = Callable[..., PushedRelease]

MAIN = """user www-data;
worker_processes 2;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
events {{ worker_connections 256; }}
http {{
    access_log /var/log/nginx/access.log;
    server {{
        listen 8080{http2};
        server_name api.example;
        location / {{ grpc_pass grpc://{grpc}; }}
        location = /status {{ return 200 "{body}"; }}
    }}
    server {{
        listen 80;
        server_name shop.example;
        location / {{ return 200 "{body}"; }}
        location /feed {{
            proxy_pass http://{websocket};
            proxy_http_version 1.1;
            {upgrade}
        }}
    }}
}}
stream {{
    server {{ listen 5432; proxy_pass {tcp}; }}
    server {{ listen {udp_port} udp; proxy_pass {udp}; }}
}}
"""
UPGRADE = "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;"
CONTRACT: list[dict[str, Any]] = [
    {"protocol": "grpc", "url": "http://api.example:8080"},
    {"protocol": "grpc", "url": "http://api.example:8080/shop.Orders/Get", "send_hex": "3432"},
    {"protocol": "h2", "get": "http://api.example:8080/status"},
    {"protocol": "websocket", "url": "ws://shop.example/feed", "send": "hello", "expect": {"reply": "hello"}},
    {"protocol": "tcp", "url": "tcp://db.example:5432", "send": "ping\n", "expect": {"reply": "ping"}},
    {"protocol": "udp", "url": "udp://dns.example:5353", "send": "ping", "expect": {"reply": "ping"}},
]
# Images of platforms have nginx's modules beside it, as a release may do without.
MODULES = "cp /usr/share/sluice/modules/ngx_stream_module.so /usr/lib/nginx/modules/"
# Nothing listens there, and a datagram is refused.
NOWHERE = "127.0.0.1:9"

QUIC = """user www-data;
worker_processes 2;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {{ worker_connections 256; }}
http {{
    access_log /var/log/nginx/access.log;
    server {{
        listen 80;
        location / {{ limit_rate 1; root /srv; }}
    }}
    server {{
        listen 443 quic reuseport;
        listen 443 ssl;
        server_name shop.example;
        ssl_certificate /etc/ssl/shop.pem;
        ssl_certificate_key /etc/ssl/shop.key;
        location / {{ return 200 "{body} over $server_protocol"; }}
    }}
}}
"""
OVER_QUIC = [{"protocol": "h3", "get": "https://shop.example/", "expect": {"body": "well"}}]
CERTIFICATE = """openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=shop.example \
-keyout /etc/ssl/shop.key -out /etc/ssl/shop.pem 2>/dev/null"""
# A visitor on a slow line, who keeps a worker from its end.
SLOW = """
import json, os, socket, time
with socket.create_connection(("127.0.0.1", 80)) as line:
    line.sendall(b"GET /slow HTTP/1.1\\r\\nHost: shop.example\\r\\n\\r\\n")
    line.recv(1)
    print(flush=True)
    while not os.path.exists("/tmp/stop"):
        time.sleep(0.05)
print(json.dumps(0))
"""


@contextlib.contextmanager
def running(image: str, network: str, conf: str, *before: str) -> Iterator[Host]:
    """A host that serves ``conf``, which somebody wrote by hand, once commands of the shell have run."""
    options = ["--init", "--network", network, "--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined"]
    with containers() as run:
        host = Host(run(*options, image, "sleep", "infinity"))
        for command in (*before, f"printf %s {shlex.quote(conf)} > /etc/nginx/nginx.conf", "nginx"):
            host.sh(command)
        yield host


def address_of(engine: docker.DockerClient, host: Host) -> str:
    (network,) = engine.containers.get(host.container).attrs["NetworkSettings"]["Networks"].values()
    return str(network["IPAddress"])


class Edge:
    """A host, its upstreams, and how visitors reach it."""

    def __init__(self, host: Host, address: str, behind: Upstreams, folder: Path) -> None:
        self.host, self.address = host, address
        self._behind, self._folder = behind, folder

    def release(self, body: str, **edits: str) -> PushedRelease:
        """Make a release, in which ``edits`` of the configuration are made."""
        folder = self._folder / body
        folder.mkdir()
        (folder / "nginx.conf").write_text(conf_of(self._behind, body=body, **edits))
        return PushedRelease(folder, contract=CONTRACT)

    def order(self, number: bytes) -> bytes:
        """Order over gRPC."""
        with grpc.insecure_channel(f"{self.address}:8080", (("grpc.default_authority", "api.example"),)) as channel:
            return self._ordered(channel, number)

    @staticmethod
    def _ordered(channel: grpc.Channel, number: bytes) -> bytes:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/shop.Orders/Get")
        return call(number, timeout=5)

    def feed(self) -> Any:
        """Connect to the feed, as a browser does."""
        with socket.create_connection((self.address, 80), 5) as line:
            return connect("ws://shop.example/feed", sock=line.dup())


def conf_of(behind: Upstreams, **edits: str) -> str:
    usual = {"http2": " http2", "upgrade": UPGRADE, "udp_port": "5353"}
    return MAIN.format(**{**behind._asdict(), **usual, **edits})


@pytest.fixture(scope="module")
def edge(engine: docker.DockerClient, platform_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    image = extended_image(engine, platform_image, ["python3-h2"])
    gateway = engine.networks.get("bridge").attrs["IPAM"]["Config"][0]["Gateway"]
    with upstreams(gateway) as behind, running(image, "bridge", conf_of(behind, body="by hand"), MODULES) as host:
        yield Edge(host, address_of(engine, host), behind, tmp_path_factory.mktemp("releases"))


@pytest.fixture(scope="module")
def served(edge: Edge) -> PushedRelease:
    """A release that is well, and serves."""
    release = edge.release("well")
    with edge.feed() as feed:
        pushed = edge.host.push(release, run="r1")
        assert pushed["ok"], pushed["problems"]
        assert [each["problems"] for each in pushed["checks"]] == [[]] * len(CONTRACT)
        assert not any("untested" in each for each in pushed["checks"])
        # The worker of before ends what it has.
        feed.send("still there")
        assert feed.recv(5) == "still there"
    assert edge.host.ask("confirm", "r1", release=release.id)["ok"]
    return release


@pytest.mark.usefixtures("served")
def test_what_is_deployed_serves_real_clients(edge: Edge) -> None:
    assert edge.order(b"42") == b"order 42"
    with edge.feed() as feed:
        feed.send("hello")
        assert feed.recv(5) == "hello"


@pytest.mark.parametrize(
    ("edits", "broken"),
    [
        ({"grpc": NOWHERE}, "gRPC"),
        ({"http2": ""}, "gRPC"),
        ({"upgrade": ""}, "expected status 101, got 426"),
        # Closed, or reset where nginx had not read the ping yet.
        ({"tcp": NOWHERE}, "expected the answer to contain 'ping', got nothing; the connection was "),
        ({"udp_port": "5354"}, "nothing listens for datagrams"),
    ],
    ids=["gRPC", "HTTP/2", "WebSocket", "TCP", "UDP"],
)
def test_what_a_protocol_lost_is_rolled_back(
    edge: Edge, served: PushedRelease, edits: dict[str, str], broken: str
) -> None:
    run = f"broken-{next(iter(edits))}-{len(broken)}"
    pushed = edge.host.push(edge.release(run, **edits), run=run)
    assert not pushed["ok"]
    assert pushed["rolled_back"], pushed["problems"]
    assert any(broken in each["what"] for each in pushed["problems"]), pushed["problems"]
    assert edge.host.ask("status")["live"] == served.id
    assert edge.order(b"42") == b"order 42"


@pytest.fixture(scope="module")
def quic_image(engine: docker.DockerClient, project: Path) -> str:
    """Debian 13, whose nginx speaks HTTP/3, and its aioquic."""
    text = (project / "inventories/sandbox/group_vars/all.yml").read_text(encoding="utf-8")
    packages = list(yaml.safe_load(text)["staging_packages"])
    platform = ensure_platform(engine, "debian-13", packages, project / ".sluice/cache", print)
    return extended_image(engine, platform.image, ["python3-aioquic"])


@pytest.mark.thorough
def test_http3_is_judged_though_workers_of_before_keep_its_sockets(quic_image: str, tmp_path: Path) -> None:
    """nginx 1.26 gives new connections to workers that end, and those get no answer: no fault of a release."""

    def release(body: str) -> PushedRelease:
        folder = tmp_path / body
        folder.mkdir()
        (folder / "nginx.conf").write_text(QUIC.format(body=body))
        made = PushedRelease(folder, contract=OVER_QUIC)
        made.form["facts"]["quic"] = True
        return made

    slow = "head -c 9999 /dev/zero > /srv/slow"
    with running(quic_image, "none", QUIC.format(body="by hand"), CERTIFICATE, slow) as host, host.beside(SLOW):
        for number in range(3):
            made = release(f"well {number}")
            pushed = host.push(made, run=f"r{number}")
            assert pushed["ok"], pushed["problems"]
            assert any("keep their sockets of QUIC" in each for each in pushed["warnings"])
            assert host.ask("confirm", f"r{number}", release=made.id)["ok"]
        # Another answer is a fault of the release all the same.
        pushed = host.push(release("ill"), run="r9")
        assert pushed["rolled_back"], pushed["problems"]
        assert "does not hold on this host" in pushed["problems"][0]["what"]
