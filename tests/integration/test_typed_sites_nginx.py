"""Real nginx reads, and serves, a site with everything turned on."""

from __future__ import annotations

import io
import json
import shlex
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from docker.models.containers import Container

from ansible_collections.sluice.nginx.plugins.module_utils.sites.plan import plan
from tests.integration.shells import Shell

pytestmark = pytest.mark.integration

TEMPLATES = Path(__file__).resolve().parents[2] / "roles/nginx/templates"
OVERRIDES = {"trim_blocks": True, "lstrip_blocks": True, "keep_trailing_newline": True}

# Answers with what it was asked, as JSON.
ECHO = """
import http.server, json
class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = json.dumps({"path": self.path, "headers": dict(self.headers)}).encode()
        self.send_response(503 if self.path == "/broken" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.ThreadingHTTPServer(("127.0.0.1", 8001), Echo).serve_forever()
"""
# Asks 127.0.0.1 and prints the answer as JSON; the path goes as it is.
ASK = """
import http.client, json, ssl, sys
scheme, path, headers = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
context = ssl._create_unverified_context()
if scheme == "https":
    connection = http.client.HTTPSConnection("127.0.0.1", context=context)
else:
    connection = http.client.HTTPConnection("127.0.0.1")
connection.request("GET", path, headers=headers)
answer = connection.getresponse()
print(json.dumps({"status": answer.status, "headers": answer.getheaders(), "body": answer.read().decode()}))
"""

NOTE = 'a "quoted"; {braced} \\ value # of all'

SITES: list[dict[str, Any]] = [
    {
        "name": "shop",
        "server_names": ["shop.example", "www.shop.example", "*.shop.example", r"~^shop\d{1,3}\.example$"],
        "default_server": True,
        "canonical_host": True,
        "listen": [80, "127.0.0.2:8080"],
        "root": "/srv/shop",
        "client_max_body_size": "10m",
        "access_log": "/var/log/nginx/shop.log",
        "tls": {
            "certificate": "/srv/cert.pem",
            "certificate_key": "/srv/key.pem",
            "hsts": True,
            "client_certificate": "/srv/cert.pem",
            "verify_client": "optional",
            "trusted_certificate": "/srv/cert.pem",
        },
        "php": {
            "server": "unix:/run/php/php-fpm.sock",
            "front_controller": "/index.php",
            "timeout": "30s",
            "params": {"APP_NAME": "my shop; {1}", "EMPTY": ""},
        },
        "security_headers": {"X-Frame-Options": "DENY", "Content-Security-Policy": "default-src 'self'; img-src *"},
        "add_headers": {"X-Note": NOTE},
        "allow": ["127.0.0.0/8", "2001:db8::/32"],
        "deny": ["192.0.2.1"],
        "upstreams": [
            {
                "name": "api",
                "balance": "least_conn",
                "keepalive": 8,
                "servers": [
                    {"address": "127.0.0.1:8001", "weight": 2, "max_fails": 0, "fail_timeout": "5s", "max_conns": 50},
                    {"address": "unix:/run/spare.sock", "backup": True},
                    {"address": "127.0.0.1:8009", "down": True},
                ],
                "lines": ["keepalive_timeout 30s;"],
            },
            {"name": "by-key", "balance": "hash $request_uri consistent", "servers": ["127.0.0.1:8001"]},
            {"name": "by-ip", "balance": "ip_hash", "servers": ["127.0.0.1:8001"]},
        ],
        "caches": [{"name": "pages", "path": "/var/lib/nginx/my pages", "max_size": "10m"}],
        "limit_req_zones": [{"name": "slow", "rate": "1r/m"}],
        "limit_conn_zones": [{"name": "slow", "key": "$server_name", "size": "1m"}],
        "limit_conn": {"zone": "slow", "connections": 100},
        "redirects": [
            {"from": "/old", "to": "/new", "code": 308},
            {"from": "/blog/*", "to": "/news/*", "code": 302},
            {"from": r"~ ^/p/(\w{1,9}.*)$", "to": "/v2/$1"},
        ],
        "rewrites": [{"from": r"^/inner/(\d+)$", "to": "/v1/$1"}],
        "routes": [
            {"path": "/v1/", "proxy": "api", "proxy_path": "/v2/", "retries": {"tries": 2, "timeout": "5s"}},
            {
                "path": "~ ^/moved/",
                "proxy": "by-key",
                "rewrites": [{"from": "^/moved/(.*)$", "to": "/there/$1"}],
                "intercept_errors": True,
                "retries": False,
            },
            {"path": "/live", "proxy": "by-ip", "websocket": True, "buffering": False},
            {
                "path": "/cached",
                "proxy": "http://127.0.0.1:8001",
                "proxy_headers": {"X-Real-IP": None, "X-Tenant": NOTE},
                "timeouts": {"connect": "1s", "send": "5s", "read": "5s"},
                "cache": {"zone": "pages", "valid": {200: "1m", "any": "1s"}, "bypass": ["$cookie_me"], "stale": True},
                "add_headers": {"X-Cache": "$upstream_cache_status"},
            },
            {"path": "= /broken", "proxy": "api", "intercept_errors": True},
            {"path": "/secure", "proxy": "https://api"},
            {"path": "= /slow.txt", "limit_req": {"zone": "slow", "burst": 1, "nodelay": True}},
            {"path": "/note", "return": {"code": 200, "body": NOTE}},
            {"path": "/staff/", "auth_basic": "Staff; only", "auth_basic_user_file": "/etc/nginx/htpasswd"},
            {"path": "/assets/", "expires": "30d", "cache_control": "public, immutable", "access_log": False},
            {"path": "/files/", "alias": "/srv/shop/assets/", "autoindex": True},
            {"path": "/app/", "spa": "/app/index.html"},
            {"path": "= /track", "php": "/track.php"},
            {"path": "@gone", "return": {"code": 503, "body": "gone"}},
            {"path": r"~ /\.(?!well-known/)", "return": 404, "lines": ["log_not_found off;"]},
        ],
        "error_pages": [
            {"codes": [404], "page": "/404.html", "root": "/srv/errors"},
            {"codes": [401, 403], "page": "/no.html"},
            {"codes": [502, 503], "page": "@gone"},
        ],
        "http_lines": ["map $uri $shop_kind {\n    default page;\n}"],
        "lines": ["client_body_timeout 10s;"],
    },
    {
        "name": "closed",
        "server_names": ["closed.example"],
        "auth_basic": "Closed",
        "auth_basic_user_file": "/etc/nginx/htpasswd",
        "maintenance": {"retry_after": 120, "allow": ["192.0.2.0/24"]},
    },
    {
        "name": "closed.page",
        "server_names": ["page.example"],
        "maintenance": {"page": "/m.html", "root": "/srv/errors"},
        "gzip": False,
    },
    {
        "name": "open",
        "server_names": ["open.example"],
        "root": "/srv/shop",
        "spa": "/app/index.html",
        "maintenance": {"allow": ["127.0.0.0/8"]},
    },
    {"name": "empty", "server_names": ["empty.example"]},
]
FILES = {
    "/srv/shop/assets/a.css": "a {}",
    "/srv/shop/app/index.html": "the app",
    "/srv/shop/slow.txt": "slow",
    "/srv/shop/no.html": "not for you",
    "/srv/errors/404.html": "nothing here",
    "/srv/errors/m.html": "back at noon",
    "/srv/echo.py": ECHO,
    "/srv/ask.py": ASK,
    "/etc/nginx/htpasswd": "me:{PLAIN}secret\n",
}


def _put(container: Container, files: dict[str, str]) -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path, text in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    assert container.put_archive("/", archive.getvalue())


def _run(container: Container, *command: str) -> str:
    code, output = container.exec_run(list(command))
    assert isinstance(output, bytes)
    text = output.decode()
    assert code == 0, text
    return text


def _render(version: str) -> dict[str, str]:
    found = {}
    for file in plan({"nginx_version": version, "nginx_sites": SITES}):
        templar = Templar(loader=DataLoader(), variables=file.variables)
        text = trust_as_template((TEMPLATES / file.template).read_text(encoding="utf-8"))
        found[f"/etc/nginx/{file.path}"] = str(templar.template(text, escape_backslashes=False, overrides=OVERRIDES))
    return found


class Site:
    """A container whose nginx serves all sites."""

    def __init__(self, container: Container) -> None:
        self._shell = Shell(str(container.id))
        self.test_output = ""

    def get(self, url: str, **headers: str) -> dict[str, Any]:
        """Ask for a URL; the headers of the answer are a list of name and value."""
        scheme, rest = url.split("://")
        host, slash, path = rest.partition("/")
        given = json.dumps({"Host": host, **headers})
        done = self._shell.run(shlex.join(["python3", "/srv/ask.py", scheme, slash + path, given]))
        assert done, "the shell has ended"
        assert done.code == 0, self._shell.errors()
        return dict(json.loads(done.output))


@pytest.fixture(scope="module")
def served(platform_image: str) -> Iterator[Site]:
    client = docker.from_env()
    command = ["sleep", "infinity"]
    container = client.containers.run(
        platform_image, command, entrypoint="", detach=True, init=True, network_mode="none", labels={"sluice": "1"}
    )
    try:
        version = _run(container, "nginx", "-v").strip().rsplit("/", 1)[-1].split()[0]
        _run(container, "rm", "-f", "/etc/nginx/sites-enabled/default")
        _put(container, {**FILES, **_render(version)})
        subject = ["-subj", "/CN=shop.example", "-days", "2"]
        files = ["-keyout", "/srv/key.pem", "-out", "/srv/cert.pem"]
        _run(container, "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *files, *subject)
        container.exec_run(["python3", "/srv/echo.py"], detach=True)
        site = Site(container)
        site.test_output = _run(container, "nginx", "-t")
        _run(container, "nginx")
        yield site
    finally:
        container.remove(force=True, v=True)
        client.close()


def _headers(answer: dict[str, Any], name: str) -> list[str]:
    return [value for key, value in answer["headers"] if key.lower() == name.lower()]


def test_nginx_has_nothing_to_say_about_it(served: Site) -> None:
    assert "test is successful" in served.test_output
    assert "[warn]" not in served.test_output


@pytest.mark.parametrize(
    ("url", "status", "location"),
    [
        ("http://shop.example/a?b=1", 301, "https://shop.example/a?b=1"),
        ("https://www.shop.example/a?b=1", 301, "https://shop.example/a?b=1"),
        ("https://shop12.example/", 301, "https://shop.example/"),
        ("https://shop.example/old?a=1", 308, "/new?a=1"),
        ("https://shop.example/blog/a%20b?c=1", 302, "/news/a%20b?c=1"),
        ("https://shop.example/p/7?x=1", 301, "/v2/7?x=1"),
    ],
)
def test_redirects(served: Site, url: str, status: int, location: str) -> None:
    answer = served.get(url)
    assert (answer["status"], _headers(answer, "Location")) == (status, [location])


def test_a_line_break_in_a_path_does_not_split_the_answer(served: Site) -> None:
    answer = served.get("https://shop.example/p/x%0d%0aSet-Cookie:%20a=b")
    assert not _headers(answer, "Set-Cookie")


@pytest.mark.parametrize(
    ("url", "status", "body"),
    [
        ("https://shop.example/assets/a.css", 200, "a {}"),
        ("https://shop.example/files/", 200, "a.css"),
        ("https://shop.example/app/any/page", 200, "the app"),
        ("https://shop.example/assets/none", 404, "nothing here"),
        ("https://shop.example/.git/config", 404, "nothing here"),
        ("https://shop.example/none.php", 404, "nothing here"),
        ("https://shop.example/staff/", 401, "not for you"),
        ("https://shop.example/broken", 503, "gone"),
        ("https://shop.example/note", 200, NOTE),
        ("http://empty.example/", 404, "404 Not Found"),
        ("http://closed.example/", 503, "Down for maintenance"),
        ("http://page.example/any", 503, "back at noon"),
        ("http://open.example/any", 200, "the app"),
    ],
)
def test_answers(served: Site, url: str, status: int, body: str) -> None:
    answer = served.get(url)
    assert (answer["status"], body in answer["body"]) == (status, True), answer


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("/v1/a?b=1", "/v2/a?b=1"),
        ("/inner/7", "/v2/7"),
        ("/moved/a%20b?c=1", "/there/a%20b?c=1"),
        ("/live/x", "/live/x"),
    ],
)
def test_paths_that_the_upstream_sees(served: Site, path: str, seen: str) -> None:
    assert json.loads(served.get(f"https://shop.example{path}")["body"])["path"] == seen


def test_headers_that_the_upstream_sees(served: Site) -> None:
    client = {
        "X-Real-IP": "6.6.6.6",
        "X-Forwarded-Host": "evil.example",
        "Upgrade": "websocket",
        "Connection": "upgrade",
    }
    plain = json.loads(served.get("https://shop.example/v1/", **client)["body"])["headers"]
    assert plain["Host"] == "shop.example"
    assert plain["X-Real-IP"] == "127.0.0.1"
    assert plain["X-Forwarded-Host"] == "shop.example"
    assert plain["X-Forwarded-Proto"] == "https"
    assert "Connection" not in plain
    live = json.loads(served.get("https://shop.example/live", **client)["body"])["headers"]
    assert (live["Upgrade"], live["Connection"]) == ("websocket", "upgrade")
    cached = json.loads(served.get("https://shop.example/cached/headers", **client)["body"])["headers"]
    assert "X-Real-IP" not in cached
    assert cached["X-Tenant"] == NOTE


def test_headers_are_lost_nowhere(served: Site) -> None:
    for url in ("https://shop.example/assets/a.css", "https://shop.example/assets/none", "https://shop.example/app/"):
        answer = served.get(url)
        assert _headers(answer, "X-Note") == [NOTE]
        assert _headers(answer, "X-Frame-Options") == ["DENY"]
        assert _headers(answer, "Strict-Transport-Security") == ["max-age=31536000"]
    assert "public, immutable" in _headers(served.get("https://shop.example/assets/a.css"), "Cache-Control")
    assert "public, immutable" not in _headers(served.get("https://shop.example/assets/none"), "Cache-Control")


def test_the_cache_is_used_and_passed_by(served: Site) -> None:
    found = [_headers(served.get("https://shop.example/cached/x"), "X-Cache") for _ in range(2)]
    assert found == [["MISS"], ["HIT"]]
    assert _headers(served.get("https://shop.example/cached/x", Cookie="me=1"), "X-Cache") == ["BYPASS"]


def test_the_rate_is_limited(served: Site) -> None:
    statuses = [served.get("https://shop.example/slow.txt")["status"] for _ in range(4)]
    assert statuses == [200, 200, 429, 429]


def test_a_password_opens(served: Site) -> None:
    # "me:secret"; the directory itself has no index, so what is behind the password is a 404.
    assert served.get("https://shop.example/staff/x", Authorization="Basic bWU6c2VjcmV0")["status"] == 404


def test_the_maintenance_says_when_to_come_back(served: Site) -> None:
    assert _headers(served.get("http://closed.example/"), "Retry-After") == ["120"]
