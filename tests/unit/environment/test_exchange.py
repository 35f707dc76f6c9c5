"""What the agent asks with, over real sockets on loopback."""

from __future__ import annotations

import datetime
import http.server
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ansible_collections.sluice.nginx.plugins.module_utils.environment.inside import exchange
from ansible_collections.sluice.nginx.plugins.module_utils.environment.inside.certificates import names_of
from ansible_collections.sluice.nginx.plugins.module_utils.environment.inside.requests import (
    Connection,
    Silent,
    said_back,
)


class _Answers(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/silent":
            self.close_connection = True
            return
        body = f"{self.headers['Host']} {self.headers.get('Cookie', '-')}".encode()
        if self.path == "/from":
            body = self.client_address[0].encode()
        self.send_response(200)
        if self.path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n%s\r\n3;more\r\nend\r\n0\r\n\r\n" % (len(body), body))
            return
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def do_POST(self) -> None:
        got = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.send_header("X-Got", f"{len(got)} {got[:3].decode()}")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    """A server that says what it was asked."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Answers) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


Wire = Callable[[bytes | None], int]


@pytest.fixture
def wire() -> Iterator[Wire]:
    """A server that answers its one request with these bytes and ends, or with nothing and stays; returns its port."""
    opened: list[socket.socket] = []

    def serve(server: socket.socket, answer: bytes | None) -> None:
        connection, _ = server.accept()
        opened.append(connection)
        connection.recv(4096)
        if answer is not None:
            connection.sendall(answer)
            connection.shutdown(socket.SHUT_WR)

    def made(answer: bytes | None) -> int:
        server = socket.create_server(("127.0.0.1", 0))
        opened.append(server)
        threading.Thread(target=serve, args=(server, answer), daemon=True).start()
        port: int = server.getsockname()[1]
        return port

    yield made
    for each in opened:
        each.close()


def _row(port: int, target: str = "/", **more: Any) -> dict[str, Any]:
    row = {
        "method": "GET",
        "scheme": "http",
        "host": "a.example",
        "authority": "a.example",
        "port": port,
        "target": target,
        "headers": [],
        "body": 0,
        "connect": "127.0.0.1",
        "speaks": "http",
        "proxied": False,
        "apart": False,
        "said": "",
    }
    return {**row, **more}


def test_what_is_asked_apart_comes_from_an_address_of_its_own(port: int) -> None:
    caller = exchange._Caller(5.0)
    answers = [
        caller.ask(tag, _row(port, "/from", source="", apart=apart))
        for tag, apart in ((1, False), (2, True), (3, True))
    ]
    caller.close()
    assert [answer["body"] for answer in answers] == [b"127.0.0.1", b"127.100.0.3", b"127.100.0.4"]


def test_one_connection_answers_many_requests(port: int) -> None:
    connection = Connection(_row(port), "127.3.2.1", 10)
    rows = [_row(port), _row(port, method="HEAD"), _row(port, "/chunked"), _row(port, headers=[["Cookie", "b=1"]])]
    answers = [connection.ask(row, number, "a=2" if number == 3 else "") for number, row in enumerate(rows)]
    connection.close()
    assert [answer["status"] for answer in answers] == [200] * 4
    assert [answer["body"] for answer in answers] == [b"a.example -", b"", b"a.example -end", b"a.example b=1; a=2"]
    assert not connection.ended


@pytest.mark.parametrize(("more", "got"), [({"body": 5000}, "5000 xxx"), ({"said": "abc=1", "body": 5}, "5 abc")])
def test_a_body_is_sent_as_it_is_or_of_a_length(port: int, more: dict[str, Any], got: str) -> None:
    answer = Connection(_row(port), "", 10).ask(_row(port, method="POST", **more), 0)
    assert ("X-Got", got) in answer["headers"]


def test_what_does_not_answer_is_told_in_words(port: int) -> None:
    with pytest.raises(Silent, match="the connection was closed without an answer"):
        Connection(_row(port), "", 10).ask(_row(port, "/silent"), 0)
    with pytest.raises(Silent, match="TLS failed"):
        Connection(_row(port, scheme="https"), "", 10)
    with pytest.raises(Silent, match="the connection was refused"):
        Connection(_row(1), "", 10)
    # Nobody leads to unix sockets here.
    with pytest.raises(Silent, match="the connection was refused"):
        Connection(_row(1, connect="unix:/no/such.sock"), "", 10)


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("answer", "body", "ended"),
    [
        (OK + b"Content-Length: 2\r\n\r\nhi", b"hi", False),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n", b"hi", False),
        (OK + b"Content-Length: 2\r\nConnection: Close\r\n\r\nhi", b"hi", True),
        # What came too much would be the answer to the next request.
        (OK + b"Content-Length: 2\r\n\r\nhi" + OK, b"hi", True),
        (OK + b"Content-Length: 3\r\n\r\nhi", b"hi", True),
        (OK + b"\r\nhi", b"hi", True),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\nhi", b"", True),
    ],
)
def test_only_a_whole_answer_leaves_its_connection_for_another_request(
    wire: Wire, answer: bytes, body: bytes, ended: bool
) -> None:
    connection = Connection(_row(wire(answer)), "", 10)
    assert connection.ask(_row(0), 0)["body"] == body
    assert connection.ended is ended


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"SSH-2.0-OpenSSH\r\n", "the answer is not HTTP: SSH-2.0"),
        (OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi", "the answer is not HTTP: got the Content-Length"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n-2\r\n", "the answer is not HTTP: got -2 as the size of a chunk"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n9\r\nhi", "the connection was closed without an answer"),
    ],
)
def test_an_odd_answer_is_told_in_words(wire: Wire, answer: bytes, words: str) -> None:
    connection = Connection(_row(wire(answer)), "", 10)
    with pytest.raises(Silent, match=words):
        connection.ask(_row(0), 0)
    assert connection.ended


def test_silence_is_no_answer_in_time(wire: Wire) -> None:
    connection = Connection(_row(wire(None)), "", 0.2)
    with pytest.raises(Silent, match="no answer in time"):
        connection.ask(_row(0), 0)


def test_bytes_over_tcp_are_answered(port: int) -> None:
    answer = said_back(_row(port, speaks="tcp", said="HEAD / HTTP/1.0\r\n\r\n"), "", 10)
    assert answer["body"].startswith(b"HTTP/1.1 200")
    assert answer["accepted"]


@pytest.mark.parametrize(
    ("target", "reached"),
    [
        ("/new", "http://a.example/new"),
        ("new?a=1#b", "http://a.example/old/new?a=1"),
        ("../new", "http://a.example/new"),
        ("?a=1", "http://a.example/old/?a=1"),
        ("//B.example/x", "http://b.example/x"),
        ("https://a.example", "https://a.example/"),
        ("http://a.example:8080/", "http://a.example:8080/"),
        ("http://a.example:80/", "http://a.example/"),
        ("http://[::1]/x", "http://[::1]/x"),
        ("http://c.example/", None),
        ("http://a.example:81/", None),
        ("ftp://a.example/", None),
        ("http://me@a.example/", None),
        ("http://[", None),
    ],
)
def test_redirects_lead_to_what_listens_here_only(target: str, reached: str | None) -> None:
    ports = [["http", 80], ["https", 443], ["http", 8080]]
    row = _row(80, "/old/?q=1", hosts=["a.example", "b.example", "::1"], ports=ports, connect="unix:/run/web.sock")
    found = exchange.redirected(row, target)
    assert (found and exchange.url_of(found)) == reached
    assert found is None or found["connect"] == ("unix:/run/web.sock" if found["port"] == 80 else "127.0.0.1")


@pytest.mark.parametrize("names", [["a.example"], ["a.example", "*.b.example", "c.example"]])
def test_a_certificate_says_for_whom_it_is(names: list[str]) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "issuer")])
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "/etc/ssl/a.pem"),
            x509.NameAttribute(NameOID.COMMON_NAME, names[0]),
        ]
    )
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .sign(key, hashes.SHA256())
    )
    assert names_of(made.public_bytes(serialization.Encoding.DER)) == ["/etc/ssl/a.pem", *names]
    assert names_of(b"") == []
