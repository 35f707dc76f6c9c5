"""Real nginx in a stage passes requests on by each of its directives; stubs answer, and say what they saw."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import docker
import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.config.facts import facts
from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import parse_contract, to_json
from ansible_collections.sluice.nginx.plugins.module_utils.environment.synthesis import synthesise
from ansible_collections.sluice.nginx.plugins.module_utils.needs.reading import needs_of
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.staging.stage import Stage, StageSettings

pytestmark = pytest.mark.integration

MAIN = """
load_module modules/ngx_stream_module.so;
user www-data;
error_log /var/log/nginx/error.log;
events {}
http { include conf.d/*.conf; }
stream {
    server { listen 7000; proxy_pass line.example:25; }
    server { listen 7001; proxy_pass tls.example:443; }
    server { listen 7002 udp; proxy_pass datagrams.example:514; proxy_responses 1; }
}
"""
PARAMS = """
    fastcgi_param REQUEST_METHOD $request_method;
    fastcgi_param REQUEST_URI $request_uri;
    fastcgi_param REMOTE_PORT $remote_port;
    fastcgi_param CONTENT_LENGTH $content_length;
"""
SITE = (
    r"""
upstream app { server app.example:8001; keepalive 4; }
server {
    listen 80 default_server;
    server_name shop.example;
    root /srv/shop;
    resolver 10.9.9.9;
    access_log syslog:server=logs.example;
    location /http/ { proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; }
    location /old/ { proxy_pass http://app/new/; proxy_redirect http://app/ /; }
    location /slow/ { proxy_pass http://app; proxy_read_timeout 200ms; }
    location /streamed/ { proxy_pass http://app; proxy_http_version 1.1; proxy_request_buffering off; }
    location /https/ {
        proxy_pass https://secure.example;
        proxy_ssl_server_name on;
        proxy_ssl_verify on;
        proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;
    }
    location /grpc/ { grpc_pass grpc://rpc.example:50051; }
    location /grpcs/ { grpc_pass grpcs://rpcs.example:50052; }
    location ~ \.php { fastcgi_param SCRIPT_FILENAME $document_root$uri; PARAMS fastcgi_pass php.example:9000; }
    location ~ \.css$ {
        fastcgi_param SCRIPT_FILENAME $document_root$uri;
        PARAMS
        fastcgi_pass unix:/run/php/fpm.sock;
        fastcgi_keep_conn on;
    }
    location /python/ { PARAMS fastcgi_pass unix:/run/python/app.sock; }
    location /uwsgi/ {
        uwsgi_param REQUEST_METHOD $request_method;
        uwsgi_param REQUEST_URI $request_uri;
        uwsgi_param CONTENT_LENGTH $content_length;
        uwsgi_pass 127.0.0.1:3031;
    }
    location /scgi/ {
        scgi_param SCGI 1;
        scgi_param REQUEST_METHOD $request_method;
        scgi_param REQUEST_URI $request_uri;
        scgi_param CONTENT_LENGTH $content_length;
        scgi_pass localhost:4000;
    }
    location /memcached/ { set $memcached_key $uri; memcached_pass cache.example:11211; }
    location /socket/ { proxy_pass http://unix:/run/shop/app.sock; }
    location /variable/ { set $where nowhere-else.example; proxy_pass http://$where; }
    location /literal/ { proxy_pass http://[2001:db8::5]:8080; }
}
"""
).replace("PARAMS", PARAMS)

ASK = """
import socket, ssl, sys
port, kind, said = int(sys.argv[1]), sys.argv[2], sys.argv[3].encode().decode("unicode_escape").encode()
secured = ssl.create_default_context(cafile="/sluice/ca.pem")
line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
line.settimeout(20)
line.connect(("127.0.0.1", port))
if kind == "tls":
    line = secured.wrap_socket(line, server_hostname="tls.example")
if said:
    line.send(said)
heard = b""
while heard.count(b"\\n") < int(sys.argv[4]) and (part := line.recv(65536)):
    heard += part
print(heard.decode())
"""

WITNESS = """
import json, sys
sys.path[:0] = ["/sluice"]
from sluice.environment.inside.stub_log import StubLog
print(json.dumps(StubLog(json.load(open("/sluice/plan.json"))).records([0, 0])))
"""


@pytest.fixture(scope="module")
def stage(
    engine: docker.DockerClient, stage_settings: StageSettings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """One stage with an upstream for every directive."""
    pages = tmp_path_factory.mktemp("pages")
    for name in ("index.php", "style.css"):
        (pages / name).write_text(name)
    laid = {"nginx.conf": trees.file(MAIN.encode(), "raw"), "conf.d/site.conf": trees.file(SITE.encode(), "raw")}
    release = ReleaseStore(tmp_path_factory.mktemp("store")).add(trees.overlay(laid), [], [], {})
    config = parse_tree(release.tree)
    settings = StageSettings(stage_settings.image, stage_settings.labels, {"/srv/shop": pages}, {})
    environment = synthesise(needs_of(config, ()), {"/srv/shop": str(pages)}, ())
    with Stage(engine, "sluice-test-stubs", {release.id: release.tree}, release.id, environment, settings) as opened:
        opened.open(facts(config)["error_logs"])
        assert opened.start()["code"] == 0, opened.start()
        yield opened


def asked(stage: Stage, *checks: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = [to_json(check) for check in parse_contract(list(checks), "checks")]
    outcomes: list[dict[str, Any]] = stage.ask("checks", rows)["outcomes"]
    return outcomes


def wish(**kind: Any) -> dict[str, str]:
    return {"X-Sluice-Answer": json.dumps(kind)}


BODY = "tea=green&sugar=no"

EXCHANGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "http": (
        {"post": "/http/list?a=b", "body": BODY},
        {"body": '/"endpoint": "app.example:8001".*"version": "1.1"/', "upstream": {"path": "/http/list?a=b"}},
    ),
    "http 1.0": ({"get": "/old/list"}, {"body": '"version": "1.0"', "upstream": {"path": "/new/list"}}),
    "in chunks": ({"post": "/streamed/", "body": BODY}, {"body": f'"body": "{BODY}", "size": {len(BODY)}'}),
    "a head": ({"head": "/http/x"}, {"headers": {"Content-Type": "application/json"}}),
    "a script of a page": ({"get": "/http/x.js?v=1"}, {"headers": {"Content-Type": "application/javascript"}}),
    "a redirect": (
        {"get": "/old/x", "headers": wish(status=302, headers={"Location": "http://app/else"})},
        {"status": 302, "location": "/else"},
    ),
    "too slow": ({"get": "/slow/x", "headers": wish(delay_ms=2000)}, {"status": 504}),
    "broken off": ({"get": "/old/x", "headers": wish(close=True)}, {"status": 502}),
    "https": ({"get": "/https/x"}, {"body": '"server_name": "secure.example"', "upstream": {"path": "/https/x"}}),
    "grpc": (
        {"post": "/grpc/Shop.List", "body": BODY, "headers": {"Content-Type": "application/grpc"}},
        {"headers": {"Content-Type": "application/grpc"}, "upstream": {"method": "POST", "path": "/grpc/Shop.List"}},
    ),
    "grpcs": ({"get": "/grpcs/x"}, {"body": '"endpoint": "rpcs.example:50052"', "upstream": {"path": "/grpcs/x"}}),
    "much of grpc": ({"get": "/grpc/x", "headers": wish(size=300_000)}, {"body": "/x{100000}/"}),
    "php": (
        {"post": "/index.php/cart?a=b", "body": BODY, "headers": {"X-Shop": "tea"}},
        {
            "body": "/srv/shop/index.php/cart",
            "headers": {"Content-Type": "text/html; charset=UTF-8"},
            "upstream": {"method": "POST", "path": "/index.php/cart?a=b", "headers": {"X-Shop": "tea"}},
        },
    ),
    "no such script": ({"get": "/gone.php"}, {"status": 404, "body": "File not found.\n"}),
    "no script": ({"get": "/style.css"}, {"status": 403, "body": "Access denied.\n"}),
    "fastcgi without php": ({"get": "/python/x"}, {"upstream": {"method": "GET", "path": "/python/x"}}),
    "uwsgi": ({"post": "/uwsgi/x?y", "body": BODY}, {"body": BODY, "upstream": {"path": "/uwsgi/x?y"}}),
    "scgi": ({"post": "/scgi/x?y", "body": BODY}, {"body": BODY, "upstream": {"path": "/scgi/x?y"}}),
    "scgi in trouble": ({"get": "/scgi/x", "headers": wish(status=503)}, {"status": 503}),
    "memcached": ({"get": "/memcached/k"}, {"body": "cache.example:11211", "upstream": {"path": "/memcached/k"}}),
    "memcached without": ({"get": "/memcached/sluice-miss"}, {"status": 404}),
    "a socket": ({"get": "/socket/x"}, {"body": '"address": "unix:/run/shop/app.sock"'}),
    "a name in a variable": ({"get": "/variable/x"}, {"upstream": {"headers": {"Host": "nowhere-else.example"}}}),
    "an address of IPv6": ({"get": "/literal/x"}, {"body": '"address": "[2001:db8::5]:8080"'}),
}


@pytest.mark.parametrize("story", EXCHANGES)
def test_each_directive_gets_an_answer_that_says_what_the_upstream_saw(stage: Stage, story: str) -> None:
    check, expect = EXCHANGES[story]
    method, path = next(iter(check.items()))
    (outcome,) = asked(stage, {**check, method: f"http://shop.example{path}", "expect": expect})
    assert outcome["problems"] == [], outcome


def test_equal_requests_get_equal_bytes(stage: Stage) -> None:
    paths = ["/http/x", "/https/x", "/index.php", "/uwsgi/x", "/scgi/x", "/grpcs/x", "/memcached/x", "/socket/x"]
    checks = [{"get": f"http://shop.example{path}"} for path in paths]
    bodies = [[outcome["body_excerpt"] for outcome in asked(stage, *checks)] for _ in range(2)]
    assert bodies[0] == bodies[1]


@pytest.mark.parametrize(
    ("port", "kind", "said", "lines", "heard"),
    [
        (7000, "tcp", r"EHLO x\n", 2, ['"endpoint": "line.example:25"', "EHLO x"]),
        (7000, "tcp", "", 1, ['"protocol": "tcp"']),
        (7001, "tls", r"hello\n", 2, ['"server_name": "tls.example"', "hello"]),
        (7001, "tls", r"GET /x HTTP/1.1\r\nHost: tls.example\r\n\r\n", 5, ["HTTP/1.1 200 OK", '"path": "/x"']),
        (7002, "udp", "x", 1, ['"endpoint": "datagrams.example:514"', '"body": "x"']),
    ],
    ids=["a line", "silence", "tls", "https", "a datagram"],
)
def test_a_stream_gets_an_answer(stage: Stage, port: int, kind: str, said: str, lines: int, heard: list[str]) -> None:
    code, output = stage.run("python3", "-IS", "-c", ASK, str(port), kind, said, str(lines))
    assert code == 0, output
    assert [words for words in heard if words not in output] == [], output


def test_the_log_of_php_has_its_words(stage: Stage) -> None:
    asked(stage, {"get": "http://shop.example/gone.php"}, {"get": "http://shop.example/style.css"})
    log = stage.run("cat", "/var/log/nginx/error.log").output
    assert 'FastCGI sent in stderr: "Primary script unknown"' in log
    assert "Access to the script '/srv/shop/style.css' has been denied (see security.limit_extensions)" in log


def test_names_that_are_looked_up_and_lines_of_logs_are_on_record_too(
    engine: docker.DockerClient, stage: Stage
) -> None:
    asked(stage, {"get": "http://shop.example/variable/again"})
    judge = engine.containers.get(f"{stage.name}-judge")
    said = judge.exec_run(["python3", "-IS", "-c", WITNESS]).output
    assert isinstance(said, bytes)
    rows = json.loads(said)
    assert {"nowhere-else.example"} == {row["path"] for row in rows if row["protocol"] == "dns"}
    assert any("GET /variable/again" in row["body"] for row in rows if row["protocol"] == "syslog")
