"""What checks speak beside HTTP/1.1: over real sockets, to the stubs that stages have."""

from __future__ import annotations

import contextlib
import importlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.contract.answer import Answer
from ansible_collections.sluice.nginx.plugins.module_utils.contract.client import Outcome, run_checks, run_rows
from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import (
    Check,
    from_json,
    parse_contract,
    to_json,
)
from ansible_collections.sluice.nginx.plugins.module_utils.contract.speaking import h3
from ansible_collections.sluice.nginx.plugins.module_utils.contract.transport import NoAnswer
from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError
from tests.unit.environment.stubs import Running, free_port, row, running

Stubs = tuple[Running, dict[str, int]]
GRPC = {"protocol": "grpc", "url": "http://api.example:{grpc}"}


@pytest.fixture(scope="module")
def stubs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stubs]:
    """An upstream of each kind, by its name."""
    ports = {name: free_port() for name in ("http", "https", "grpc", "tcp")}
    ports |= {"udp": free_port(socket.SOCK_DGRAM), "nothing": free_port()}
    rows = [row(name, port) for name, port in ports.items() if name != "nothing"]
    with running(rows, tmp_path_factory.mktemp("stubs")) as opened:
        assert not opened.shut
        yield opened, ports


@contextlib.contextmanager
def server(answer: bytes, kind: socket.SocketKind = socket.SOCK_STREAM) -> Iterator[int]:
    """One that says the same to whoever connects, and closes."""
    with socket.socket(socket.AF_INET, kind) as listener:
        listener.bind(("127.0.0.1", 0))
        if kind is socket.SOCK_DGRAM:
            yield listener.getsockname()[1]
            return
        listener.listen()

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        connection.settimeout(0.2)
                        with contextlib.suppress(OSError):
                            connection.recv(4096) if answer else None
                        connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def read(written: dict[str, Any]) -> Check:
    (check,) = parse_contract([written], "nginx_checks", "shop")
    return check


def ask(ports: dict[str, int], written: dict[str, Any], timeout: float = 2.0) -> Outcome:
    key = "url" if "url" in written else "get"
    (outcome,) = run_checks([read({**written, key: written[key].format(**ports)})], timeout=timeout)
    return outcome


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ({"protocol": "h1", "get": "https://a.example/"}, "GET https://a.example/"),
        ({"protocol": "h2", "get": "https://a.example/"}, "GET https://a.example/ (HTTP/2)"),
        ({"protocol": "h3", "head": "https://a.example/"}, "HEAD https://a.example/ (HTTP/3)"),
        ({"protocol": "grpc", "url": "https://a.example"}, "gRPC https://a.example"),
        ({"protocol": "tcp", "url": "tls://a.example:5432"}, "TCP tls://a.example:5432"),
        ({"protocol": "udp", "url": "udp://a.example:53", "send_hex": "00 FF"}, "UDP udp://a.example:53"),
        (
            {"protocol": "websocket", "url": "wss://a.example/feed", "subprotocol": "chat", "headers": {"Origin": "x"}},
            "WebSocket wss://a.example/feed",
        ),
        (
            {
                "protocol": "grpc",
                "url": "https://a.example/a.B/C",
                "send_hex": "0a00",
                "expect": {"grpc_status": [5, "ok"]},
            },
            "gRPC https://a.example/a.B/C",
        ),
    ],
)
def test_a_check_of_each_protocol_is_named_and_stored(written: dict[str, Any], name: str) -> None:
    check = read(written)
    assert check.name == check.words == name
    assert from_json(to_json(check)) == check


def test_a_check_of_http1_is_stored_as_before() -> None:
    """Monitors know it by what is stored, so that may not change."""
    assert to_json(read({"get": "http://a.example/"})) == {
        "name": "GET http://a.example/",
        "request": {"method": "GET", "url": "http://a.example/", "headers": {}},
        "expect": {"status": ["2xx"], "headers": {}},
        "follow": False,
        "source": "nginx_checks[0]",
        "site": "shop",
    }


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"protocol": "http2"}, ".protocol: 'http2' is not a protocol; use h1, h2, h3"),
        ({"protocol": "quic"}, ".protocol: 'quic' is not a protocol; use h1, h2, h3, grpc, tcp, udp, websocket"),
        ({"protocol": "tcp"}, ": asks for nothing; add `url: tcp://host:port`"),
        ({"protocol": "h3", "get": "http://a/"}, ": http://a/ is not encrypted, and HTTP/3 always is; use https://"),
        ({"url": "tcp://a:1"}, ".url: a check of HTTP/1.1 has a method; use `get:`"),
        ({"get": "http://a/", "send": "x"}, ".send: a check of HTTP/1.1 has no `send`; use body,"),
        ({"protocol": "tcp", "get": "http://a/"}, ".get: a check of TCP has no method; use `url: tcp://host:port`"),
        ({"protocol": "tcp", "url": "http://a/"}, ".url: 'http://a/' has the scheme 'http'; use tcp://host:port"),
        ({"protocol": "tcp", "url": "tcp://a"}, ".url: 'tcp://a' names no port; use tcp://host:port"),
        ({"protocol": "tcp", "url": "tcp://a:1/x"}, ".url: 'tcp://a:1/x' has a path, and TCP knows none"),
        ({"protocol": "tcp", "url": "tcp://a:1", "follow": True}, ".follow: a check of TCP has no `follow`"),
        (
            {"protocol": "tcp", "url": "tcp://a:1", "expect": {"body": "x"}},
            ".expect.body: an answer of TCP has no `body`; bytes are looked at by reply",
        ),
        (
            {"protocol": "tcp", "url": "tcp://a:1", "send": "x", "send_hex": "00"},
            ".send_hex: `send` stands there too; keep one of the two",
        ),
        ({"protocol": "tcp", "url": "tcp://a:1", "send_hex": "0"}, ".send_hex: '0' is no bytes in hexadecimal digits"),
        ({"protocol": "udp", "url": "udp://a:1"}, ": sends nothing; a server answers no datagram that nobody sent"),
        ({"protocol": "grpc", "url": "https://a/b"}, ".url: 'https://a/b' names no method of a service"),
        ({"protocol": "grpc", "url": "https://a", "body": "x"}, ".body: a check of gRPC has no `body`; a message is"),
        (
            {"protocol": "grpc", "url": "https://a", "expect": {"status": 200}},
            ".expect.status: an answer of gRPC has no `status`; gRPC has statuses of its own: grpc_status",
        ),
        (
            {"protocol": "grpc", "url": "https://a", "expect": {"grpc_status": "NOTFOUND"}},
            ".expect.grpc_status: 'NOTFOUND' is not a status of gRPC; did you mean NOT_FOUND?",
        ),
        (
            {"protocol": "grpc", "url": "https://a/b.C/D", "service": "x"},
            ".service: is for health checks; the URL names another method",
        ),
        (
            {"protocol": "grpc", "url": "https://a/b.C/D", "expect": {"health": "SERVING"}},
            ".expect.health: is of health checks",
        ),
        (
            {"protocol": "grpc", "url": "https://a/b.C/D", "expect": {"grpc_status": 5, "reply": "x"}},
            ".expect.grpc_status: a call that ends with NOT_FOUND has no message; use OK",
        ),
        (
            {"protocol": "websocket", "url": "ws://a/", "expect": {"subprotocol": "chat"}},
            ".expect.subprotocol: a server chooses of what is offered",
        ),
        (
            {"protocol": "websocket", "url": "ws://a/", "expect": {"status": 403, "reply": "x"}},
            ".expect.status: nothing is spoken after another status than 101",
        ),
        (
            {"protocol": "websocket", "url": "ws://a/", "send": "x", "expect": {"status": 403}},
            ".expect.status: nothing is sent after another status than 101; drop `send`",
        ),
    ],
)
def test_what_makes_no_sense_with_a_protocol_is_refused_in_words(written: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(written)
    assert str(caught.value).startswith(f"nginx_checks[0]{message}")


@pytest.mark.parametrize(
    "written",
    [
        {"protocol": "h2", "get": "https://shop.example:{https}/orders", "expect": {"body": "/orders"}},
        {"protocol": "h2", "get": "http://shop.example:{grpc}/orders", "expect": {"headers": {"grpc-x": None}}},
        GRPC,
        {**GRPC, "service": "shop.Orders", "expect": {"health": "SERVING"}},
        {**GRPC, "url": "http://api.example:{grpc}/shop.Orders/Get", "send_hex": "0a 00", "expect": {"reply": "stub"}},
        {"protocol": "tcp", "url": "tcp://db.example:{tcp}"},
        {"protocol": "tcp", "url": "tcp://db.example:{tcp}", "send": "ping\n", "expect": {"reply": "/ping$/"}},
        {"protocol": "tcp", "url": "tls://db.example:{tcp}", "send_hex": "00ff0a", "expect": {"reply_hex": "00ff"}},
        {"protocol": "udp", "url": "udp://db.example:{udp}", "send": "ping", "expect": {"reply": "ping"}},
        {"protocol": "udp", "url": "udp://db.example:{udp}", "send": "ping"},
        {
            "protocol": "websocket",
            "url": "ws://shop.example:{http}/feed",
            "subprotocol": "chat",
            "send": "hello" * 100,
            "expect": {"reply": "hello", "subprotocol": "chat", "max_ms": 5000},
        },
        {"protocol": "websocket", "url": "wss://shop.example:{https}/feed"},
    ],
)
def test_what_answers_as_it_should_holds(stubs: Stubs, written: dict[str, Any]) -> None:
    assert ask(stubs[1], written).problems == ()


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ({"protocol": "h2", "get": "https://a.example:{nothing}/"}, "refused the connection; nothing listens there"),
        ({"protocol": "h2", "get": "http://a.example:{h1}/"}, "answers HTTP/1 where HTTP/2 is asked for"),
        (
            {"protocol": "h2", "get": "https://a.example:{https}/", "expect": {"body": "teapot"}},
            "expected the body to contain 'teapot', got",
        ),
        ({**GRPC, "expect": {"grpc_status": 5}}, "expected grpc-status NOT_FOUND, got OK"),
        ({**GRPC, "expect": {"health": "NOT_SERVING"}}, "expected the health NOT_SERVING, got SERVING"),
        ({**GRPC, "expect": {"reply_hex": "ffff"}}, "expected the answer to contain the bytes ffff, got 0801"),
        ({"protocol": "tcp", "url": "tcp://db.example:{nothing}"}, "refused the connection; nothing listens there"),
        ({"protocol": "tcp", "url": "tcp://db.example:{closes}"}, "accepts the connection and closes it at once"),
        (
            {"protocol": "tcp", "url": "tcp://db.example:{closes}", "expect": {"reply": "220"}},
            "expected the answer to contain '220', got nothing; the connection was closed",
        ),
        ({"protocol": "udp", "url": "udp://db.example:{nothing}", "send": "x"}, "nothing listens for datagrams at"),
        ({"protocol": "udp", "url": "udp://db.example:{silent}", "send": "x"}, "gave no answer within 0.5 s"),
        (
            {"protocol": "websocket", "url": "ws://a.example:{h1}/"},
            "expected status 101, got 200; see `proxy_set_header Upgrade` and `Connection`",
        ),
        (
            {"protocol": "websocket", "url": "ws://a.example:{http}/", "send": "x", "expect": {"reply": "y"}},
            "expected the answer to contain 'y', got x; nothing more came in time",
        ),
    ],
)
def test_what_is_wrong_is_told_in_words(stubs: Stubs, written: dict[str, Any], problem: str) -> None:
    plain = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    with server(plain) as h1, server(b"") as closes, server(b"", socket.SOCK_DGRAM) as silent:
        outcome = ask({**stubs[1], "h1": h1, "closes": closes, "silent": silent}, written, 0.5)
    assert not outcome.ok
    assert problem in outcome.problems[0]


@pytest.mark.parametrize(
    "frames",
    [
        b"\x81\x01a" * 60_000,
        b"\x82\x7f" + (900_000).to_bytes(8, "big") + b"a" * 900_000 + b"\x80\x00" * 100_000,
        b"\x82\x7f" + (900_000).to_bytes(8, "big") + b"a" * 900_000 + b"\x80\x01a" * 100_000,
    ],
)
def test_a_storm_of_frames_ends_in_time(frames: bytes) -> None:
    """Each frame of those that come at once was looked through with all before it, whatever the time."""
    upgraded = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    began = time.monotonic()
    with server(upgraded + frames) as port:
        written = {"protocol": "websocket", "url": "ws://a.example:{storm}/", "headers": {"Sec-WebSocket-Key": "x"}}
        outcome = ask({"storm": port}, {**written, "expect": {"reply": "/b.*b/"}}, 0.5)
    assert "expected the answer to match /b.*b/" in outcome.problems[0]
    assert time.monotonic() - began < 6


@pytest.mark.parametrize("status", ["-5", "0", "99", "1000", "٢٠٠", "²00", "9" * 400, "2_0", "+200", " 200"])
def test_a_status_of_http2_that_is_none_is_said(status: str) -> None:
    """A number of any size made the answer of the whole host malformed."""
    frames, hpack = importlib.import_module("hyperframe.frame"), importlib.import_module("hpack")
    answer = frames.SettingsFrame(0).serialize()
    head = frames.HeadersFrame(1, data=hpack.Encoder().encode([(":status", status)]))
    head.flags |= {"END_HEADERS", "END_STREAM"}
    with server(answer + head.serialize()) as port:
        outcome = ask({"odd": port}, {"protocol": "h2", "get": "http://a.example:{odd}/"}, 1.0)
    assert outcome.status is None
    assert "answered something that is not HTTP/2" in outcome.problems[0]
    assert len(outcome.problems[0]) < 300


def test_a_chain_of_long_urls_is_cut() -> None:
    """A host that says too much of its checks is not believed at all."""
    ways = iter(range(100))
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65536)
                    path = f"/{next(ways)}{'a' * 8000}"
                    answer = f"HTTP/1.1 302 Found\r\nLocation: {path}\r\nContent-Length: 0\r\n\r\n"
                    connection.sendall(answer.encode())

    threading.Thread(target=serve, daemon=True).start()
    port = listener.getsockname()[1]
    outcome = ask({"long": port}, {"get": "http://a.example:{long}/", "follow": True}, 2.0)
    listener.shutdown(socket.SHUT_RDWR)
    assert len(outcome.chain) > 9
    assert max(map(len, outcome.chain)) <= 300


def test_a_grpc_upstream_is_looked_at_by_what_it_saw(stubs: Stubs) -> None:
    opened, ports = stubs
    before = len(opened.seen)
    assert ask(ports, {**GRPC, "service": "shop.Orders"}).ok
    (seen,) = opened.seen[before:]
    assert (seen["method"], seen["path"]) == ("POST", "/grpc.health.v1.Health/Check")
    assert seen["headers"]["te"] == "trailers"


def test_what_no_library_is_there_for_is_untested_on_hosts_and_fails_in_staging(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(name: str) -> None:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", missing)
    check = read({"protocol": "h3", "get": "https://a.example/"})
    (here,) = run_checks([check])
    assert here.problems[0].startswith("HTTP/3 cannot be asked for here: Python has no aioquic")
    (there,) = run_rows([to_json(check)], lenient=True)
    assert there.ok
    assert there.untested.startswith("HTTP/3 cannot be asked for here: Python has no aioquic (Debian's package is")
    assert there.to_json()["untested"] == there.untested
    (plain,) = run_rows([{"name": "x", "get": "http://a.example:1/"}], lenient=True)
    assert "untested" not in plain.to_json()


WELL = Answer(200, (), b"well", None)


@pytest.mark.parametrize(
    ("method", "lost", "answers", "problems", "untested"),
    [
        # Workers of before keep their sockets, and the third connection reaches one that answers.
        ("get", ["2 workers", "2 workers", "2 workers"], [h3.Unanswered("x"), h3.Unanswered("x"), WELL], 0, ""),
        # They have ended meanwhile, and a silence is the release's.
        ("get", ["2 workers", ""], [h3.Unanswered("x"), h3.Unanswered("no answer")], 1, ""),
        (
            "get",
            ["2 workers"] * 9,
            [h3.Unanswered("x")] * 9,
            0,
            "127.0.0.1:443 gave no answer over QUIC within 0.4 s, and 2",
        ),
        # What may have been ordered is not ordered again.
        ("post", ["2 workers"], [h3.Unanswered("x")], 0, "gave no answer over QUIC within 0.4 s, and 2 workers"),
        # Other faults are no matter of luck.
        ("get", ["2 workers"], [NoAnswer("nothing listens for QUIC")], 1, ""),
        ("get", [""], [h3.Unanswered("no answer")], 1, ""),
    ],
)
def test_a_connection_over_quic_that_may_reach_nobody_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    lost: list[str],
    answers: list[Answer | NoAnswer],
    problems: int,
    untested: str,
) -> None:
    reasons, left = iter(lost), iter(answers)

    def fetch(*given: Any) -> Answer:
        found = next(left)
        # As long as it was given, at most.
        time.sleep(min(given[2], 0.1))
        if isinstance(found, NoAnswer):
            raise found
        return found

    monkeypatch.setattr(h3, "fetch", fetch)
    check = read({"protocol": "h3", method: "https://shop.example/", "connect": "127.0.0.1"})
    (outcome,) = run_checks([check], timeout=0.4, lenient=True, lost=lambda: next(reasons))
    assert len(outcome.problems) == problems, outcome
    assert untested in outcome.untested if untested else not outcome.untested
