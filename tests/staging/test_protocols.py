"""What checks speak beside HTTP/1.1, asked of a real nginx by real clients: what is well, and what is broken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import parse_contract, to_json
from ansible_collections.sluice.nginx.plugins.module_utils.gating.discovery import find_gates
from ansible_collections.sluice.nginx.plugins.module_utils.gating.examine import Candidate, Examiner
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.render import render
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release, ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.staging.platform import PlatformImage, ensure_platform
from ansible_collections.sluice.nginx.plugins.module_utils.staging.stage import StageSettings
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import GateOptions, Verdict

pytestmark = pytest.mark.integration

MAIN = (Path(__file__).resolve().parents[1] / "gates/packaged.conf").read_text()
GATES = {gate.name: gate for gate in find_gates()}
SECURE = "ssl_certificate /etc/ssl/shop.pem; ssl_certificate_key /etc/ssl/shop.key;"
HTTP = f"""
server {{
    listen 443 ssl http2;
    server_name api.example;
    {SECURE}
    location / {{ grpc_pass grpc://orders.example:50051; }}
}}
server {{
    listen 8080 http2;
    server_name api.example;
    location / {{ grpc_pass grpc://orders.example:50051; }}
}}
server {{
    listen 8443 ssl;
    server_name api.example;
    {SECURE}
    location / {{ return 200 "no HTTP/2 here"; }}
}}
server {{
    listen 80;
    server_name shop.example;
    location / {{ return 200 hello; }}
    location /feed {{
        proxy_pass http://feed.example:9000;
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection upgrade;
    }}
    location /forgotten {{ proxy_pass http://feed.example:9000; }}
}}
"""
STREAM = f"""
stream {{
    server {{ listen 5432; proxy_pass db.example:5432; }}
    server {{ listen 5433; return ""; }}
    server {{ listen 8993 ssl; {SECURE} proxy_pass db.example:5432; }}
    server {{ listen 5353 udp; proxy_pass dns.example:53; }}
}}
"""
GOOD: list[dict[str, Any]] = [
    {"protocol": "h2", "get": "https://api.example/", "expect": {"headers": {"Server": "nginx"}}},
    {"protocol": "grpc", "url": "https://api.example", "service": "shop.Orders"},
    {
        "protocol": "grpc",
        "url": "http://api.example:8080/shop.Orders/Get",
        "send_hex": "082a",
        "expect": {"upstream": {"method": "post", "path": "/shop.Orders/Get", "headers": {"TE": "trailers"}}},
    },
    {
        "protocol": "websocket",
        "url": "ws://shop.example/feed",
        "subprotocol": "feed",
        "send": "hello",
        "expect": {"reply": "hello", "subprotocol": "feed", "upstream": {"path": "/feed"}},
    },
    {"protocol": "tcp", "url": "tcp://db.example:5432"},
    {"protocol": "tcp", "url": "tls://db.example:8993", "send": "ping\n", "expect": {"reply": "ping"}},
    {"protocol": "udp", "url": "udp://dns.example:5353", "send": "ping", "expect": {"reply": "ping"}},
]
BROKEN: list[tuple[dict[str, Any], str, str]] = [
    (
        {"protocol": "h2", "get": "https://api.example:8443/"},
        "speaks no HTTP/2 for api.example: it agrees on",
        "conf.d/site.conf",
    ),
    ({"protocol": "grpc", "url": "https://api.example:8443"}, "speaks no HTTP/2 for api.example", "conf.d/site.conf"),
    (
        {"protocol": "websocket", "url": "ws://shop.example/forgotten"},
        "expected status 101, got 200; see `proxy_set_header Upgrade`",
        "conf.d/site.conf",
    ),
    (
        {"protocol": "tcp", "url": "tcp://db.example:5433"},
        "accepts the connection and closes it at once, as nginx does whose upstream refuses it",
        "nginx.conf",
    ),
    ({"protocol": "udp", "url": "udp://dns.example:5354", "send": "x"}, "nothing listens for datagrams at", ""),
]
# Debian 12's nginx, 1.22, speaks none.
UNSPOKEN = {"protocol": "h3", "get": "https://api.example/"}


def _release(store: Path, http: str, stream: str = "", contract: Sequence[dict[str, Any]] = ()) -> Release:
    files = {
        "nginx.conf": trees.file((MAIN + stream).encode(), "raw"),
        "conf.d/site.conf": trees.file(http.encode(), "raw"),
    }
    rows = [dict(to_json(check)) for check in parse_contract(list(contract), "nginx_checks")]
    return ReleaseStore(store).add(trees.overlay(files), rows, [], {})


def _examined(
    engine: docker.DockerClient, settings: StageSettings, candidate: Release, live: Release | None, *names: str
) -> dict[str, Verdict]:
    gates = [GATES[name] for name in ("spec", "parse", "syntax", "start", *names)]
    examiner = Examiner(engine, gates, GateOptions(), settings, (), "test-protocols")
    (examined,) = examiner.examine([Candidate(("web1",), candidate, (), live)])
    return {verdict.gate: verdict for verdict in examined.verdicts}


def test_each_protocol_is_asked_of_nginx_and_a_broken_one_is_told_where_it_is(
    engine: docker.DockerClient, stage_settings: StageSettings, tmp_path: Path
) -> None:
    contract = [*GOOD, *(row for row, *_ in BROKEN), UNSPOKEN]
    verdicts = _examined(engine, stage_settings, _release(tmp_path, HTTP, STREAM, contract), None, "smoke")
    smoke = verdicts["smoke"]
    assert smoke.result == "fail", (verdicts["syntax"], verdicts["start"], smoke)
    outcomes = smoke.evidence["outcomes"]
    assert [outcome["problems"] for outcome in outcomes[: len(GOOD)]] == [[]] * len(GOOD)
    *broken, unspoken = smoke.findings
    assert len(broken) == len(BROKEN), [finding.what for finding in broken]
    for finding, (_, words, file) in zip(broken, BROKEN, strict=True):
        assert words in finding.what
        assert finding.file == file
    assert "built --with-http_v3_module" in unspoken.expected
    assert unspoken.actual.startswith("staging has nginx/1.22")
    assert "staging_platform" in unspoken.fix


QUIC = f"""
server {{
    listen 443 quic reuseport;
    listen 443 ssl;
    http2 on;
    server_name shop.example;
    {SECURE}
    location / {{ return 200 "hello from $server_protocol"; }}
}}
server {{
    listen 8443 ssl;
    server_name shop.example;
    {SECURE}
    location / {{ return 200 hello; }}
}}
"""
OVER_QUIC = {"protocol": "h3", "get": "https://shop.example/", "expect": {"body": "hello from HTTP/3.0"}}
NOT_OVER_QUIC = {"protocol": "h3", "get": "https://shop.example:8443/"}


@pytest.fixture(scope="module")
def quic_platform(engine: docker.DockerClient, packages: list[str], project: Path) -> PlatformImage:
    """Debian 13, whose nginx speaks HTTP/3."""
    return ensure_platform(engine, "debian-13", packages, project / ".sluice/cache", print)


@pytest.fixture(scope="module")
def quic_settings(stage_settings: StageSettings, quic_platform: PlatformImage) -> StageSettings:
    """Its stages."""
    platform = quic_platform
    return replace(stage_settings, image=platform.image, nginx_version=platform.nginx_version)


@pytest.mark.thorough
def test_http3_is_asked_by_a_real_client(
    engine: docker.DockerClient, quic_settings: StageSettings, tmp_path: Path
) -> None:
    """The first time it takes a minute or two: the image of Debian 13 is made, and a judge with aioquic."""
    release = _release(tmp_path, QUIC, contract=[OVER_QUIC, NOT_OVER_QUIC])
    verdicts = _examined(engine, quic_settings, release, None, "smoke")
    assert verdicts["smoke"].result == "fail", [verdict.summary for verdict in verdicts.values()]
    good, bad = verdicts["smoke"].evidence["outcomes"]
    assert (good["problems"], good["status"]) == ([], 200)
    assert "nothing listens for QUIC at 127.0.0.1:8443; see `listen … quic`" in bad["problems"][0]
    (finding,) = verdicts["smoke"].findings
    assert (finding.file, finding.check) == ("conf.d/site.conf", "nginx_checks[1]")


@pytest.mark.thorough
def test_what_is_well_after_a_start_and_breaks_for_some_while_nginx_reloads_is_told(
    engine: docker.DockerClient, quic_settings: StageSettings, tmp_path: Path
) -> None:
    """nginx 1.26 gives new QUIC connections to workers that end: each check holds, and some visitors are lost."""
    live = _release(tmp_path, QUIC.replace("hello from", "welcome from"))
    candidate = _release(tmp_path, QUIC, contract=[OVER_QUIC])
    verdicts = _examined(engine, quic_settings, candidate, live, "smoke", "reload")
    assert verdicts["smoke"].result == "pass", verdicts["smoke"]
    found = verdicts["reload"]
    assert found.result == "pass", found
    assert found.evidence["quic"] > 0
    finding = next(each for each in found.findings if "over QUIC got no answer during" in each.what)
    assert finding.warning
    assert "nginx 1.31" in finding.fix


TLS = {"certificate": "/etc/ssl/shop.pem", "certificate_key": "/etc/ssl/shop.key"}
TYPED: dict[str, Any] = {
    "nginx_sites": [
        {
            "name": "shop",
            "server_names": ["shop.example", "www.shop.example"],
            "canonical_host": True,
            "tls": TLS,
            "http3": True,
            "upstreams": [{"name": "health", "servers": ["health.example:50052"]}],
            "routes": [
                {"path": "/", "return": {"code": 200, "body": "hello"}},
                {"path": "/shop.Orders/", "proxy": "grpc://orders.example:50051"},
                {"path": "/grpc.health.v1.Health/", "proxy": "grpcs://health"},
            ],
        },
        {
            "name": "b",
            "server_names": ["b.example"],
            "tls": TLS,
            "http3": True,
            "routes": [{"path": "/", "return": 200}],
        },
    ],
    "nginx_streams": [
        {"name": "db", "listen": [5432], "servers": ["db.example:5432"], "allow": ["127.0.0.0/8"], "timeout": "1h"},
        {"name": "mail", "listen": [993], "tls": TLS, "servers": ["mail.example:143"]},
        {"name": "dns", "listen": [53], "protocol": "udp", "servers": ["dns.example:53"]},
    ],
}
OF_TYPED: list[dict[str, Any]] = [
    {
        "protocol": "h3",
        "get": "https://shop.example/",
        "expect": {"body": "hello", "headers": {"Alt-Svc": 'h3=":443"; ma=86400'}},
    },
    {"protocol": "h3", "get": "https://www.shop.example/", "expect": {"status": 301}},
    {"protocol": "h3", "get": "https://b.example/"},
    {"protocol": "h2", "get": "https://b.example/"},
    {"protocol": "grpc", "url": "https://shop.example"},
    {
        "protocol": "grpc",
        "url": "https://shop.example/shop.Orders/Get",
        "expect": {"upstream": {"path": "/shop.Orders/Get", "headers": {"X-Forwarded-Proto": "https"}}},
    },
    {"protocol": "tcp", "url": "tcp://db.example:5432"},
    {"protocol": "tcp", "url": "tls://mail.example:993", "send": "hello", "expect": {"reply": "hello"}},
    {"protocol": "udp", "url": "udp://dns.example:53", "send": "hello", "expect": {"reply": "hello"}},
]


@pytest.mark.thorough
def test_typed_sites_and_streams_answer_over_each_protocol(
    engine: docker.DockerClient,
    quic_settings: StageSettings,
    quic_platform: PlatformImage,
    project: Path,
    tmp_path: Path,
) -> None:
    platform = quic_platform
    variables = {**TYPED, "nginx_checks": OF_TYPED, "nginx_version": platform.nginx_version}
    packaged, templates = trees.read_layer(platform.tree, "packaged"), project / "roles/nginx/templates"
    made = render(variables, packaged, templates, lambda text, _: text, {}, project)
    release = ReleaseStore(tmp_path).add(made.tree, made.contract_json(), [], {})
    verdicts = _examined(engine, quic_settings, release, None, "smoke")
    assert verdicts["syntax"].result == "pass", verdicts["syntax"]
    assert verdicts["smoke"].summary == f"{len(OF_TYPED)} checks hold", verdicts["smoke"].findings
