from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.contract.answer import BODY_LIMIT
from ansible_collections.sluice.nginx.plugins.module_utils.contract.client import (
    Outcome,
    SeenRequest,
    run_checks,
)
from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import parse_contract
from tests.commands import make_certificate


class Site(ThreadingHTTPServer):
    """A real server whose paths misbehave as their names say; it notes what it saw."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Pages)
        self.actual: list[SeenRequest] = []
        self.names: list[str | None] = []
        self.busy = 0
        self.busiest = 0
        self.lock = threading.Lock()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are part of these stories."""


class Pages(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Site

    def log_message(self, format: str, *args: Any) -> None:
        """Tests read what the server noted, not its log."""

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length).decode()
        with self.server.lock:
            self.server.actual.append(
                {"method": self.command, "path": self.path, "headers": dict(self.headers), "address": "site"}
            )
        name = self.path.partition("?")[0].strip("/").split("/")[0].replace("-", "_") or "front"
        getattr(self, f"page_{name}", self.page_missing)()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def raw(self, data: bytes) -> None:
        self.wfile.write(data)
        self.close_connection = True

    def page_front(self) -> None:
        self.answer(200, b"welcome")

    def page_missing(self) -> None:
        self.answer(404, b"no such page")

    def page_echo(self) -> None:
        said = {"method": self.command, "path": self.path, "body": self.body, "headers": dict(self.headers)}
        self.answer(200, json.dumps(said).encode())

    def page_broken(self) -> None:
        self.answer(500, b"Traceback: boom")

    def page_unicode(self) -> None:
        self.answer(200, "Grüße, 世界".encode(), X_Greeting="Grüße".encode().decode("latin-1"))

    def page_slow(self) -> None:
        time.sleep(1)
        self.answer(200, b"at last")

    def page_paced(self) -> None:
        with self.server.lock:
            self.server.busy += 1
            self.server.busiest = max(self.server.busiest, self.server.busy)
        time.sleep(0.1)
        # Before the answer: whoever has it may ask again before this thread goes on.
        with self.server.lock:
            self.server.busy -= 1
        self.answer(200, b"in time")

    def page_drip(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        for _ in range(20):
            self.wfile.write(b"x")
            self.wfile.flush()
            time.sleep(0.05)

    def page_cut(self) -> None:
        self.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789")

    def page_cut_chunk(self) -> None:
        self.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n20\r\nabc")

    def page_chunked(self) -> None:
        self.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nOrder\r\n3\r\n 42\r\n0\r\n\r\n")

    def page_silent(self) -> None:
        self.close_connection = True

    def page_garbage(self) -> None:
        self.raw(b"SSH-2.0-OpenSSH\r\n")

    def page_upgrade(self) -> None:
        self.raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x00")

    def page_huge(self) -> None:
        self.answer(200, b"y" * (3 * BODY_LIMIT) + b"the end")

    def page_many(self) -> None:
        step = int(self.path.rsplit("/", 1)[1])
        if step == 0:
            self.answer(200, b"arrived")
        else:
            self.answer(302, Location=f"/many/{step - 1}")

    def page_loop(self) -> None:
        self.answer(301, Location="/pool")

    def page_pool(self) -> None:
        self.answer(301, Location="/loop")

    def page_abroad(self) -> None:
        self.answer(302, Location="https://elsewhere.example/x")

    def page_to(self) -> None:
        self.answer(302, Location=self.path.partition("?")[2])

    def page_order(self) -> None:
        self.answer(303, Location="/echo", Set_Cookie="session=s42; Path=/; HttpOnly")

    def page_gate(self) -> None:
        if "entered=1" in self.headers.get("Cookie", ""):
            self.answer(200, b"inside")
        else:
            self.answer(302, Location="/gate", Set_Cookie="entered=1")

    def page_moved(self) -> None:
        self.answer(int(self.path.rsplit("/", 1)[1]), Location="/echo")

    def page_still(self) -> None:
        self.answer(304)


def serve(site: Site) -> Iterator[Site]:
    thread = threading.Thread(target=site.serve_forever, args=(0.01,))
    thread.start()
    yield site
    site.shutdown()
    site.server_close()
    thread.join()


@pytest.fixture
def site() -> Iterator[Site]:
    yield from serve(Site())


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    make_certificate("nobody.example", cert, key)
    return cert, key


@pytest.fixture
def tls_site(certificate: tuple[Path, Path]) -> Iterator[Site]:
    site = Site()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    context.sni_callback = lambda _connection, name, _context: site.names.append(name)
    site.socket = context.wrap_socket(site.socket, server_side=True)
    yield from serve(site)


def ask(site: Site, row: Mapping[str, object], **options: Any) -> Outcome:
    """Run one check against ``site``; ``{site}`` in it stands for the site's address."""
    text = json.dumps(row).replace("{site}", f"http://shop.example:{site.port}")
    (outcome,) = run_checks(parse_contract([json.loads(text)], "nginx_checks"), **options)
    return outcome


@pytest.mark.parametrize(
    "row",
    [
        {"get": "{site}/", "expect": {"status": 200, "body": "welcome"}},
        {"head": "{site}/", "expect": {"headers": {"Content-Length": 7}}},
        {"get": "{site}/nothing", "expect": {"status": 404}},
        {"get": "{site}/chunked", "expect": {"body": "Order 42"}},
        {"get": "{site}/unicode", "expect": {"body": "世界", "headers": {"X-Greeting": "Grüße"}}},
        {"get": "{site}/huge", "expect": {"body": "/^y+$/"}},
        {"get": "{site}/still", "expect": {"status": 304}},
        {"get": "{site}/loop", "expect": {"location": "/pool", "status": 301}},
        {"get": "{site}/abroad", "expect": {"location": "https://elsewhere.example/x"}},
        {"get": "{site}/many/3", "follow": True, "expect": {"body": "arrived"}},
        {"get": "{site}/many/10", "follow": True},
        {"get": "{site}/gate", "follow": True, "expect": {"body": "inside"}},
        {"get": "{site}/nothing", "follow": True, "expect": {"status": 404}},
        {
            "get": "{site}/upgrade",
            "headers": {"Connection": "Upgrade", "Upgrade": "websocket"},
            "expect": {"status": 101, "headers": {"Upgrade": "websocket"}},
        },
        {"options": "{site}/echo", "expect": {"body": '"method": "OPTIONS"'}},
        {"delete": "{site}/echo", "expect": {"body": '"method": "DELETE"'}},
        {"get": "{site}/slow", "expect": {"upstream": {"path": "/never"}, "max_ms": 5000}},
    ],
)
def test_a_check_that_holds(site: Site, row: dict[str, object]) -> None:
    outcome = ask(site, row)
    assert outcome.problems == ()
    assert outcome.ok


@pytest.mark.parametrize(
    ("row", "problems"),
    [
        ({"get": "{site}/broken"}, ["expected status 2xx, got 500"]),
        (
            {"get": "{site}/broken", "expect": {"status": 200, "body": "Order"}},
            ["expected status 200, got 500", "expected the body to contain 'Order', got Traceback: boom"],
        ),
        ({"get": "{site}/loop"}, ["expected status 2xx, got 301"]),
        ({"get": "{site}/cut"}, ["the answer was cut off after 10 of 100 bytes of its body"]),
        ({"get": "{site}/cut-chunk"}, ["the answer was cut off after 8 bytes of its body"]),
        ({"get": "{site}/silent"}, ["{address} closed the connection without an answer"]),
        ({"get": "{site}/garbage"}, ["{address} answered something that is not HTTP: 'SSH-2.0-OpenSSH\\r\\n'"]),
        (
            {"get": "{site}/loop", "follow": True},
            ["redirect loop: {site}/loop → {site}/pool → {site}/loop"],
        ),
        (
            {"get": "{site}/many/11", "follow": True},
            ["more than 10 redirects: " + " → ".join(f"{{site}}/many/{step}" for step in range(11, -1, -1))],
        ),
        (
            {"get": "{site}/abroad", "follow": True},
            [
                "redirected to https://elsewhere.example/x, "
                "whose host elsewhere.example no check of the contract asks for"
            ],
        ),
        (
            {"get": "{site}/to?ftp://shop.example/", "follow": True},
            ["redirected to what cannot be asked for: 'ftp://shop.example/' has the scheme 'ftp'"],
        ),
        ({"get": "{site}/to?/silent", "follow": True}, ["{address} closed the connection without an answer (after "]),
        ({"get": "https://shop.example:{port}/"}, ["TLS with {address} for shop.example failed: "]),
    ],
)
def test_a_check_that_fails_says_why(site: Site, row: dict[str, object], problems: list[str]) -> None:
    row = json.loads(json.dumps(row).replace("{port}", str(site.port)))
    outcome = ask(site, row)
    assert not outcome.ok
    wanted = [text.replace("{address}", f"127.0.0.1:{site.port}") for text in problems]
    wanted = [text.replace("{site}", f"http://shop.example:{site.port}") for text in wanted]
    assert [seen[: len(text)] for seen, text in zip(outcome.problems, wanted, strict=False)] == wanted
    assert len(outcome.problems) == len(wanted)


@pytest.mark.parametrize(
    ("path", "problem", "status"),
    [
        ("/slow", "127.0.0.1:{port} gave no answer within 0.3 s", None),
        ("/drip", "the body was not complete within 0.3 s (", 200),
    ],
)
def test_a_slow_answer_is_bounded_as_a_whole(site: Site, path: str, problem: str, status: int | None) -> None:
    begin = time.monotonic()
    outcome = ask(site, {"get": f"{{site}}{path}"}, timeout=0.3)
    assert time.monotonic() - begin < 0.9
    assert outcome.problems[0].startswith(problem.replace("{port}", str(site.port)))
    assert outcome.status == status


def test_a_bound_on_the_time_is_held(site: Site) -> None:
    outcome = ask(site, {"get": "{site}/paced", "expect": {"max_ms": 50}})
    assert outcome.problems == (f"expected at most 50 ms, took {outcome.ms:.0f} ms",)
    assert outcome.ms >= 100


def test_a_port_where_nothing_listens_is_named() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        (outcome,) = run_checks(parse_contract([{"get": f"http://shop.example:{port}/"}], "nginx_checks"))
    assert outcome.problems == (f"127.0.0.1:{port} refused the connection; nothing listens there",)
    assert outcome.status is None


def test_an_address_that_does_not_exist_is_a_problem_in_words() -> None:
    row = {"get": "http://shop.example/", "connect": "nowhere.invalid"}
    (outcome,) = run_checks(parse_contract([row], "nginx_checks"))
    assert outcome.problems[0].startswith("no connection to nowhere.invalid:80: ")


def test_the_request_is_sent_as_written(site: Site) -> None:
    row = {"post": "{site}/echo?a=%20", "body": {"who": "Ü"}, "headers": {"X-Token": "t", "user-agent": "me"}}
    outcome = ask(site, row)
    (seen,) = site.actual
    assert outcome.request == f"POST http://shop.example:{site.port}/echo?a=%20"
    assert (seen["method"], seen["path"]) == ("POST", "/echo?a=%20")
    assert dict(seen["headers"]) == {
        "Host": f"shop.example:{site.port}",
        "Accept": "*/*",
        "Connection": "close",
        "Content-Length": "10",
        "X-Token": "t",
        "user-agent": "me",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    assert '"body": "who=%C3%9C"' in outcome.body_excerpt


def test_connect_names_another_machine_and_port(site: Site) -> None:
    row = {"get": "http://shop.example/", "connect": f"127.0.0.1:{site.port}"}
    (outcome,) = run_checks(parse_contract([row], "nginx_checks"))
    assert outcome.ok
    assert site.actual[0]["headers"]["Host"] == "shop.example"


def test_a_redirect_to_another_host_of_the_contract_is_followed_to_the_same_machine(site: Site) -> None:
    rows = [
        {"get": f"http://shop.example:{site.port}/to?http://www.shop.example:{site.port}/echo", "follow": True},
        {"get": f"http://www.shop.example:{site.port}/"},
    ]
    outcome, _ = run_checks(parse_contract(rows, "nginx_checks"))
    assert outcome.ok
    assert f'"Host": "www.shop.example:{site.port}"' in outcome.body_excerpt
    assert outcome.chain[1] == f"http://www.shop.example:{site.port}/echo"


def test_no_other_site_of_the_contract_gets_a_header_that_is_a_secret(site: Site) -> None:
    """An upstream that redirects there would have it sent to somebody else's."""
    headers = {"Authorization": "Bearer S", "X-Api-Key": "S", "Cookie": "sid=S", "X-Tenant": "shop"}
    asked, rows = f"http://shop.example:{site.port}/to?http://{{}}:{site.port}/echo", []
    for host in ("shop.example", "www.shop.example"):
        rows.append({"get": asked.format(host), "follow": True, "headers": headers})
    rows.append({"get": f"http://www.shop.example:{site.port}/"})
    assert all(outcome.ok for outcome in run_checks(parse_contract(rows, "nginx_checks"), workers=1))
    sent = {
        seen["headers"]["Host"]: set(headers) & set(seen["headers"]) for seen in site.actual if seen["path"] == "/echo"
    }
    assert sent == {f"shop.example:{site.port}": set(headers), f"www.shop.example:{site.port}": {"X-Tenant"}}


def test_a_redirect_to_tls_goes_to_the_port_of_the_new_url(site: Site, tls_site: Site) -> None:
    target = f"https://shop.example:{tls_site.port}/"
    row = {"get": f"http://shop.example/to?{target}", "follow": True, "connect": f"127.0.0.1:{site.port}"}
    (outcome,) = run_checks(parse_contract([row], "nginx_checks"))
    assert outcome.problems == ()
    assert outcome.chain == (f"http://shop.example/to?{target}", target)


@pytest.mark.parametrize(
    ("method", "status", "then", "body"),
    [
        ("post", 301, "GET", ""),
        ("post", 302, "GET", ""),
        ("post", 303, "GET", ""),
        ("post", 307, "POST", "a=b"),
        ("post", 308, "POST", "a=b"),
        ("put", 302, "PUT", "a=b"),
        ("put", 303, "GET", ""),
        ("get", 302, "GET", ""),
        ("head", 303, "HEAD", ""),
    ],
)
def test_the_method_after_a_redirect_is_a_browsers(site: Site, method: str, status: int, then: str, body: str) -> None:
    row: dict[str, object] = {method: f"{{site}}/moved/{status}", "follow": True, "headers": {"Host": "front.example"}}
    if method in ("post", "put"):
        row["body"] = {"a": "b"}
    assert ask(site, row).ok
    assert site.actual[0]["headers"]["Host"] == "front.example"
    last = site.actual[-1]
    assert last["method"] == then
    assert last["headers"].get("Content-Length", "0") == str(len(body))
    assert ("Content-Type" in last["headers"]) is bool(body)
    assert last["headers"]["Host"] == f"shop.example:{site.port}"


def test_cookies_are_kept_inside_one_chain(site: Site) -> None:
    row = {"post": "{site}/order", "follow": True, "headers": {"Cookie": "lang=en"}}
    first, second = ask(site, row), ask(site, row)
    assert first.ok
    cookies = [seen["headers"].get("Cookie") for seen in site.actual]
    assert cookies == ["lang=en", "lang=en; session=s42"] * 2
    assert second.chain == (f"http://shop.example:{site.port}/order", f"http://shop.example:{site.port}/echo")


def test_tls_names_the_host_and_verifies_nothing(tls_site: Site) -> None:
    url = f"https://shop.example:{tls_site.port}/"
    (outcome,) = run_checks(parse_contract([{"get": url, "expect": {"body": "welcome"}}], "nginx_checks"))
    assert outcome.problems == ()
    assert tls_site.names == ["shop.example"]


def test_plain_http_to_a_tls_port_is_a_problem_in_words(tls_site: Site) -> None:
    (outcome,) = run_checks(parse_contract([{"get": f"http://shop.example:{tls_site.port}/"}], "nginx_checks"))
    assert outcome.problems[0].startswith(f"127.0.0.1:{tls_site.port} ")


def test_checks_run_side_by_side_and_come_back_in_order(site: Site) -> None:
    paths = ["/paced", "/", "/paced?2", "/nothing", "/paced?3"]
    rows = [{"get": f"http://shop.example:{site.port}{path}"} for path in paths]
    outcomes = run_checks(parse_contract(rows, "nginx_checks"))
    assert [outcome.source for outcome in outcomes] == [f"nginx_checks[{number}]" for number in range(5)]
    assert [outcome.status for outcome in outcomes] == [200, 200, 200, 404, 200]
    assert site.busiest > 1


def test_no_checks_give_no_outcomes() -> None:
    assert run_checks([]) == []


class Notes:
    """A witness for whom the site itself is the upstream."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def mark(self) -> object:
        return len(self._site.actual)

    def since(self, mark: object) -> list[SeenRequest]:
        assert isinstance(mark, int)
        return self._site.actual[mark:]


def test_with_a_witness_the_upstreams_view_is_checked_alone(site: Site) -> None:
    base = f"http://shop.example:{site.port}"
    rows: list[dict[str, object]] = [
        {"get": f"{base}/paced?{number}", "expect": {"upstream": {"path": f"/paced?{number}"}}} for number in range(3)
    ]
    rows += [{"get": f"{base}/echo", "expect": {"upstream": {"path": "/v2/echo", "method": "get"}}}]
    contract = parse_contract(rows, "nginx_checks")
    outcomes = run_checks(contract, witness=Notes(site))
    assert [outcome.problems for outcome in outcomes[:3]] == [(), (), ()]
    assert outcomes[3].problems == ("expected the upstream to see path /v2/echo, it saw /echo",)
    assert site.busiest == 1
    assert all(outcome.ok for outcome in run_checks(contract))


def test_an_outcome_becomes_plain_values(site: Site) -> None:
    outcome = ask(site, {"get": "{site}/nothing", "name": "Lost"})
    assert json.loads(json.dumps(outcome.to_json())) == {
        "name": "Lost",
        "source": "nginx_checks[0]",
        "request": f"GET http://shop.example:{site.port}/nothing",
        "ok": False,
        "problems": ["expected status 2xx, got 404"],
        "status": 404,
        "ms": outcome.ms,
        "chain": [f"http://shop.example:{site.port}/nothing"],
        "body_excerpt": "no such page",
    }
