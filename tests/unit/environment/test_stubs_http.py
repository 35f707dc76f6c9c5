"""The stubs of HTTP, over real sockets: what they answer, and what they note."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time
from collections.abc import Iterator
from typing import Any

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, ResponseReceived, StreamEnded, TrailersReceived

from tests.unit.environment.stubs import Running, exchanged, free_port, row, running


@pytest.fixture(scope="module")
def port() -> int:
    """Where HTTP is answered."""
    return free_port()


@pytest.fixture(scope="module")
def secure_port() -> int:
    """Where HTTPS is answered."""
    return free_port()


@pytest.fixture(scope="module")
def answering(tmp_path_factory: pytest.TempPathFactory, port: int, secure_port: int) -> Iterator[Running]:
    """Stubs of HTTP and HTTPS."""
    folder = tmp_path_factory.mktemp("stubs")
    with running([row("http", port), row("https", secure_port)], folder) as opened:
        yield opened


def ask(port: int, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named, encode_chunked=not isinstance(body, (str, type(None))))
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def test_the_answer_says_what_was_seen_and_the_record_has_it_too(answering: Running, port: int) -> None:
    status, headers, body = ask(port, "POST", "/list?a=b", "tea", X_Shop="green", Cookie="a=1")
    said = json.loads(body)["stub"]
    assert (status, headers["Content-Type"], headers["Connection"]) == (200, "application/json", "keep-alive")
    assert said == {
        "protocol": "http",
        "endpoint": f"app.example:{port}",
        "address": f"127.0.0.1:{port}",
        "method": "POST",
        "path": "/list?a=b",
        "headers": {
            "host": f"127.0.0.1:{port}",
            "accept-encoding": "identity",
            "content-length": "3",
            "x-shop": "green",
            "cookie": "a=1",
        },
        "params": {},
        "body": "tea",
        "size": 3,
        "version": "1.1",
    }
    assert answering.seen[-1] == said


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "application/json"),
        ("/a.css?v=1", "text/css"),
        ("/a/B.PNG", "image/png"),
        ("/x.php", "text/html; charset=UTF-8"),
    ],
)
def test_the_type_is_that_of_the_extension(answering: Running, port: int, path: str, kind: str) -> None:
    assert ask(port, "GET", path)[1]["Content-Type"] == kind


@pytest.mark.parametrize(
    ("override", "status", "headers"),
    [
        ({"status": 302, "headers": {"Location": "/x"}}, 302, {"Location": "/x"}),
        ({"status": 503}, 503, {}),
        ({"headers": {"Content-Type": "text/plain"}}, 200, {"Content-Type": "text/plain"}),
        ({"status": 204}, 204, {"Content-Length": "0"}),
        ({"size": 70_000}, 200, {}),
        ("nonsense", 200, {}),
    ],
)
def test_it_answers_as_it_is_wished(
    answering: Running, port: int, override: Any, status: int, headers: dict[str, str]
) -> None:
    got = ask(port, "GET", "/", X_Sluice_Answer=json.dumps(override))
    assert got[0] == status
    assert {name: got[1].get(name) for name in headers} == headers
    if isinstance(override, dict) and "size" in override:
        assert len(got[2]) >= override["size"]
    assert b"sluice" not in got[2]


def test_a_wish_for_a_delay_is_waited_for_and_one_for_no_answer_closes(answering: Running, port: int) -> None:
    began = time.monotonic()
    ask(port, "GET", "/", X_Sluice_Answer='{"delay_ms": 300}')
    assert time.monotonic() - began >= 0.3
    with pytest.raises(http.client.RemoteDisconnected):
        ask(port, "GET", "/", X_Sluice_Answer='{"close": true}')


def test_what_tells_requests_apart_is_noted_and_not_answered(answering: Running, port: int) -> None:
    bodies = {ask(port, "GET", "/", X_Sluice_Request=number)[2] for number in ("1", "2")}
    assert len(bodies) == 1
    assert [seen["headers"]["x-sluice-request"] for seen in answering.seen[-2:]] == ["1", "2"]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"GET /x HTTP/1.0\r\n\r\n", [b"HTTP/1.1 200 OK", b"Connection: close", b'"version": "1.0"']),
        (b"GET /x HTTP/1.1\r\nConnection: close\r\n\r\n", [b"Connection: close"]),
        (b"HEAD /x HTTP/1.0\r\n\r\n", [b"Content-Length: 1"]),
        (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET /x HTTP/1.0\r\n\r\n", [b'"path": "/x"']),
        (
            b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
            b"4;x=y\r\ntea=\r\n5\r\ngreen\r\n0\r\nTrailer: x\r\n\r\n",
            [b'"body": "tea=green", "size": 9'],
        ),
        (b"GET /x HTTP/1.0\r\nX-A: 1\r\nX-A: 2\r\nCookie: a\r\nCookie: b\r\n\r\n", [b'"x-a": "1, 2"', b'"a; b"']),
        (b"what is this\r\n\r\n", [b"HTTP/1.1 400 Bad Request"]),
    ],
    ids=["HTTP/1.0", "close", "head", "proxy protocol", "chunks", "repeated headers", "nonsense"],
)
def test_what_nginx_may_send_is_understood(answering: Running, port: int, said: bytes, words: list[bytes]) -> None:
    heard = exchanged(port, said)
    assert [each for each in words if each not in heard] == [], heard
    if said.startswith(b"HEAD"):
        assert heard.endswith(b"\r\n\r\n")


def test_a_connection_is_kept_for_more_requests(answering: Running, port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    for number in range(3):
        connection.request("GET", f"/{number}")
        assert json.loads(connection.getresponse().read())["stub"]["path"] == f"/{number}"
    connection.close()


def test_websocket_frames_come_back(answering: Running, port: int) -> None:
    mask = bytes([1, 2, 3, 4])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as line, line.makefile("rb") as heard:
        line.sendall(
            b"GET /chat HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        head = b"".join(iter(heard.readline, b"\r\n"))
        assert b"101 Switching Protocols" in head
        # The pair of key and answer is the one of RFC 6455.
        assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in head
        for first, text, back in (
            (0x81, b"tea", 0x81),
            (0x89, b"there?", 0x8A),
            (0x82, b"x" * 300, 0x82),
            (0x88, b"", 0x88),
        ):
            length = bytes([128 | len(text)]) if len(text) < 126 else bytes([254]) + len(text).to_bytes(2, "big")
            line.sendall(bytes([first]) + length + mask + bytes(byte ^ mask[n % 4] for n, byte in enumerate(text)))
            short = bytes([len(text)]) if len(text) < 126 else bytes([126]) + len(text).to_bytes(2, "big")
            assert heard.read(1 + len(short) + len(text)) == bytes([back]) + short + text
        assert heard.read() == b""


def test_https_says_which_name_was_asked_for(answering: Running, secure_port: int) -> None:
    context = ssl.create_default_context(cafile=str(answering.chain))
    context.set_alpn_protocols(["http/1.1"])
    plain = socket.create_connection(("127.0.0.1", secure_port), timeout=20)
    with context.wrap_socket(plain, server_hostname="app.example") as line:
        line.sendall(b"GET /x HTTP/1.0\r\n\r\n")
        heard = b""
        while part := line.recv(65536):
            heard += part
    assert json.loads(heard.partition(b"\r\n\r\n")[2])["stub"]["tls"] == {
        "server_name": "app.example",
        "version": "TLSv1.3",
    }


@pytest.mark.parametrize(("kind", "size"), [("application/grpc", 0), ("text/plain", 0), ("application/grpc", 200_000)])
def test_grpc_gets_a_message_and_its_status(answering: Running, port: int, kind: str, size: int) -> None:
    connection = H2Connection(H2Configuration(header_encoding="utf-8"))
    connection.initiate_connection()
    head = [(":method", "POST"), (":path", "/Shop/List"), (":scheme", "http"), (":authority", "app")]
    override = json.dumps({"size": size})
    connection.send_headers(1, [*head, ("content-type", kind), ("x-sluice-answer", override)])
    connection.send_data(1, b"tea", end_stream=True)
    headers: dict[str, str] = {}
    body, ended = b"", False
    with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
        while not ended:
            line.sendall(connection.data_to_send())
            for event in connection.receive_data(line.recv(65536)):
                if isinstance(event, (ResponseReceived, TrailersReceived)):
                    headers.update((str(name), str(value)) for name, value in event.headers)
                elif isinstance(event, DataReceived):
                    body += event.data
                    connection.acknowledge_received_data(event.flow_controlled_length, 1)
                ended = ended or isinstance(event, StreamEnded)
    assert (headers[":status"], headers["grpc-status"]) == ("200", "0")
    if kind == "application/grpc":
        assert body[:5] == b"\0" + (len(body) - 5).to_bytes(4, "big")
        body = body[5:]
    said = json.loads(body)["stub"]
    assert (said["method"], said["path"], said["headers"]["host"], said["body"]) == ("POST", "/Shop/List", "app", "tea")
    assert len(body) >= size
