"""The stubs of plain TCP and UDP, of names and of logs, and how endpoints are opened."""

from __future__ import annotations

import json
import os
import resource
import socket
import ssl
import stat
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.environment.stubs import free_port, row, running


def until(ready: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not ready():
        assert time.monotonic() < end
        time.sleep(0.01)


def lines(line: socket.socket, number: int) -> list[bytes]:
    heard = b""
    while heard.count(b"\n") < number and (part := line.recv(65536)):
        heard += part
    return heard.splitlines(keepends=True)


def test_plain_tcp_says_what_it_is_and_echoes(tmp_path: Path) -> None:
    port = free_port()
    with running([row("tcp", port)], tmp_path), socket.create_connection(("127.0.0.1", port), timeout=20) as line:
        line.sendall(b"EHLO x\n")
        first, second = lines(line, 2)
        assert json.loads(first)["stub"]["endpoint"] == f"app.example:{port}"
        assert second == b"EHLO x\n"


def test_plain_tcp_speaks_first_where_the_client_is_silent(tmp_path: Path) -> None:
    port = free_port()
    with running([row("tcp", port)], tmp_path), socket.create_connection(("127.0.0.1", port), timeout=20) as line:
        (first,) = lines(line, 1)
        line.sendall(b"LOGIN\n")
        assert (json.loads(first)["stub"]["protocol"], lines(line, 1)) == ("tcp", [b"LOGIN\n"])


def test_plain_tcp_finds_out_about_tls_and_http(tmp_path: Path) -> None:
    port = free_port()
    with running([row("tcp", port)], tmp_path) as opened:
        context = ssl.create_default_context(cafile=str(opened.chain))
        with socket.create_connection(("127.0.0.1", port), timeout=20) as plain:
            plain.sendall(b"GET /plain HTTP/1.0\r\n\r\n")
            assert b'"path": "/plain"' in b"".join(lines(plain, 7))
        with context.wrap_socket(
            socket.create_connection(("127.0.0.1", port), timeout=20), server_hostname="app.example"
        ) as secured:
            secured.sendall(b"GET /secured HTTP/1.0\r\n\r\n")
            assert b'"path": "/secured"' in b"".join(lines(secured, 7))


def asked(port: int, data: bytes) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.settimeout(20)
        line.sendto(data, ("127.0.0.1", port))
        return line.recv(65536)


def test_a_datagram_is_answered_with_what_it_was(tmp_path: Path) -> None:
    port = free_port(socket.SOCK_DGRAM)
    with running([row("udp", port)], tmp_path):
        assert json.loads(asked(port, b"tea"))["stub"]["body"] == "tea"


def question(name: str, kind: int) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", kind, 1)


@pytest.mark.parametrize(
    ("names", "name", "kind", "code", "address"),
    [
        ({"app.example": "198.19.0.1"}, "APP.example", 1, 0, "198.19.0.1"),
        ({"app.example": "2001:2::5"}, "app.example", 28, 0, "2001:2::5"),
        ({"app.example": "198.19.0.1"}, "app.example", 28, 0, None),
        ({"app.example": "198.19.0.1"}, "other.example", 1, 3, None),
        ({"app.example": "198.19.0.1", "*": "198.19.0.9"}, "other.example", 1, 0, "198.19.0.9"),
    ],
    ids=["known", "IPv6", "no IPv6", "unknown", "any name"],
)
def test_names_are_resolved(
    tmp_path: Path, names: dict[str, str], name: str, kind: int, code: int, address: str | None
) -> None:
    port = free_port(socket.SOCK_DGRAM)
    with running([row("dns", port)], tmp_path, names) as opened:
        answer = asked(port, question(name, kind))
        number, flags, _, answers = struct.unpack_from(">HHHH", answer)
        assert (number, flags & 15, answers) == (7, code, int(address is not None))
        assert opened.seen[0]["path"] == name
    if address is not None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        packed = socket.inet_pton(family, address)
        assert answer.endswith(struct.pack(">H", len(packed)) + packed)


def test_lines_of_logs_are_kept_and_not_answered(tmp_path: Path) -> None:
    path = str(tmp_path / "log")
    with running([row("syslog", path=path)], tmp_path) as opened:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.sendto(b"<190>GET /x", path)
        until(lambda: bool(opened.seen))
        assert (opened.seen[0]["body"], opened.seen[0]["address"]) == ("<190>GET /x", f"unix:{path}")


def test_nonsense_to_a_resolver_is_left_without_an_answer(tmp_path: Path) -> None:
    port = free_port(socket.SOCK_DGRAM)
    with running([row("dns", port)], tmp_path, {"*": "198.19.0.9"}):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
            line.sendto(b"x", ("127.0.0.1", port))
        assert asked(port, question("a.example", 1))


def test_a_socket_is_open_for_all_and_its_directory_is_made(tmp_path: Path) -> None:
    path = tmp_path / "run/shop/app.sock"
    with running([row("http", path=str(path))], tmp_path) as opened:
        assert opened.shut == []
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o666


def test_what_cannot_be_opened_is_told_and_the_others_answer(tmp_path: Path) -> None:
    taken, port = free_port(), free_port()
    existing = tmp_path / "there.sock"
    existing.touch()
    with socket.create_server(("127.0.0.1", taken)):
        rows = [row("http", taken), row("http", path=str(existing)), row("http", port)]
        with running(rows, tmp_path) as opened:
            assert opened.shut == [
                f"app.example:{taken}: Address already in use",
                f"{existing}: Address already in use",
            ]
            with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
                line.sendall(b"GET / HTTP/1.0\r\n\r\n")
                assert line.recv(100).startswith(b"HTTP/1.1 200 OK")


def test_two_protocols_on_one_address_are_one_endpoint(tmp_path: Path) -> None:
    port = free_port()
    with running([row("http", port), row("grpc", port), row("udp", port)], tmp_path) as opened:
        assert opened.shut == []


MANY = 6000
LAST = "127.2.23.112"
"""The address of the last one of many."""


def many(port: int) -> list[dict[str, Any]]:
    return [
        row("http", port, host=f"app-{number}.example", bind=f"127.2.{number // 256}.{number % 256}")
        for number in range(1, MANY + 1)
    ]


def first_line(address: str, port: int) -> bytes:
    with socket.create_connection((address, port), timeout=20) as line:
        line.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return line.recv(100).partition(b"\r")[0]


def test_more_endpoints_of_one_port_than_a_process_may_open_share_a_socket(tmp_path: Path) -> None:
    port = free_port()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 1024), hard))
    other = [row("https", port, host="secure.example", bind="127.3.0.1"), row("tcp", port, bind="127.3.0.2")]
    try:
        with running([*many(port), *other], tmp_path, most=500) as opened:
            assert opened.shut == []
            assert first_line(LAST, port) == b"HTTP/1.1 200 OK"
            assert opened.seen[-1]["endpoint"] == f"app-{MANY}.example:{port}"
            context = ssl.create_default_context(cafile=str(opened.chain))
            context.check_hostname = False
            with context.wrap_socket(socket.create_connection(("127.3.0.1", port), timeout=20)) as secure:
                secure.sendall(b"GET / HTTP/1.0\r\n\r\n")
                assert secure.recv(100).startswith(b"HTTP/1.1 200 OK")
            with socket.create_connection(("127.3.0.2", port), timeout=20) as line:
                line.sendall(b"EHLO x\n")
                assert lines(line, 2)[1] == b"EHLO x\n"
            with pytest.raises(ConnectionResetError):
                first_line("127.4.0.1", port)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_endpoints_have_sockets_of_their_own_where_something_else_has_the_port(tmp_path: Path) -> None:
    port = free_port()
    rows = [row("http", port, bind=f"127.2.0.{number}") for number in range(1, 6)]
    with socket.create_server(("127.0.0.1", port)), running(rows, tmp_path, most=3) as opened:
        assert opened.shut == []
        assert first_line("127.2.0.5", port) == b"HTTP/1.1 200 OK"


def test_a_thousand_endpoints_are_open_at_once(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    try:
        rows = [row("http", path=str(tmp_path / f"{number}.sock")) for number in range(1000)]
        with running(rows, tmp_path) as opened, socket.socket(socket.AF_UNIX) as line:
            assert opened.shut == []
            line.connect(str(tmp_path / "999.sock"))
            line.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert line.recv(100).startswith(b"HTTP/1.1 200 OK")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
