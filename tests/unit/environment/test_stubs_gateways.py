"""The stubs of FastCGI, uwsgi, SCGI and memcached, over real sockets."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.unit.environment.stubs import Running, exchanged, free_port, row, running

Ports = Mapping[str, int]

STDOUT, STDERR, END = 6, 7, 3
ASKED = {
    "REQUEST_METHOD": "POST",
    "REQUEST_URI": "/x?y",
    "REMOTE_PORT": "4711",
    "CONTENT_LENGTH": "3",
    "HTTP_X_SHOP": "tea",
}


@pytest.fixture(scope="module")
def ports() -> Ports:
    """Where each protocol is answered; ``php`` is FastCGI as well."""
    return {name: free_port() for name in ("fastcgi", "php", "fcgiwrap", "uwsgi", "scgi", "memcached")}


@pytest.fixture(scope="module")
def answering(tmp_path_factory: pytest.TempPathFactory, ports: Ports) -> Iterator[Running]:
    """A stub for each."""
    rows = [
        row(name if name in ("uwsgi", "scgi", "memcached") else "fastcgi", port, host=f"{name}.example")
        for name, port in ports.items()
    ]
    with running(rows, tmp_path_factory.mktemp("stubs")) as opened:
        yield opened


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A document root."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / "dir").mkdir()
    for name in ("a.php", "a.phpp", "a.html", "a.phar"):
        (folder / name).write_text(name)
    return folder


def record(kind: int, content: bytes, padding: int = 0) -> bytes:
    return struct.pack(">BBHHBx", 1, kind, 1, len(content), padding) + content + bytes(padding)


def pairs(params: Mapping[str, str]) -> bytes:
    def length(text: str) -> bytes:
        return bytes([len(text)]) if len(text) < 128 else struct.pack(">I", len(text) | 1 << 31)

    return b"".join(length(name) + length(value) + f"{name}{value}".encode() for name, value in params.items())


def fastcgi(line: socket.socket, heard: BinaryIO, params: Mapping[str, str], body: bytes = b"") -> dict[int, bytes]:
    """Ask, and gather what came by the kind of record; the parameters come in two records, with padding."""
    packed = pairs(params)
    sent = record(1, struct.pack(">HB5x", 1, 1)) + record(4, packed[:7], 5) + record(4, packed[7:]) + record(4, b"")
    line.sendall(sent + (record(5, body, 3) if body else b"") + record(5, b""))
    found: dict[int, bytes] = {}
    while END not in found:
        _, kind, _, length, padding = struct.unpack(">BBHHBx", heard.read(8))
        found[kind] = found.get(kind, b"") + heard.read(length)
        heard.read(padding)
    return found


def asked(port: int, params: Mapping[str, str], body: bytes = b"") -> dict[int, bytes]:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as line, line.makefile("rb") as heard:
        return fastcgi(line, heard, params, body)


# What php-fpm 8.2 of Debian 12 answers to the same.
PHP = [
    ("a.php", None, None),
    ("a.phar", None, None),
    ("a.php/info", None, None),
    ("none.php", 404, "Primary script unknown"),
    ("none.phpp", 404, "Primary script unknown"),
    ("dir/", 404, "Primary script unknown"),
    ("a.phpp", 403, "Access to the script '{}/a.phpp' has been denied (see security.limit_extensions)"),
    ("a.html/info", 403, "Access to the script '{}/a.html' has been denied (see security.limit_extensions)"),
    ("dir", 403, "Access to the script '{}/dir' has been denied (see security.limit_extensions)"),
]


@pytest.mark.parametrize(("script", "status", "words"), PHP)
def test_fastcgi_answers_as_php_fpm_does(
    answering: Running, ports: Ports, pages: Path, script: str, status: int | None, words: str | None
) -> None:
    found = asked(ports["fastcgi"], {**ASKED, "SCRIPT_FILENAME": f"{pages}/{script}"}, b"tea")
    head, _, body = found[STDOUT].partition(b"\r\n\r\n")
    if status is None:
        assert head == b"Content-Type: text/html; charset=UTF-8"
        assert json.loads(body)["stub"]["params"]["SCRIPT_FILENAME"] == f"{pages}/{script}"
        assert STDERR not in found
    else:
        phrase, text = {404: ("Not Found", "File not found.\n"), 403: ("Forbidden", "Access denied.\n")}[status]
        assert head.decode() == f"Status: {status} {phrase}\r\nContent-type: text/html; charset=UTF-8"
        assert body.decode() == text
        assert found[STDERR].decode() == str(words).format(pages)


@pytest.mark.parametrize(
    ("name", "params", "status"),
    [
        ("fastcgi", {}, None),
        ("php", {}, b"Status: 404 Not Found"),
        ("fastcgi", {"SCRIPT_FILENAME": ""}, b"Status: 403 Forbidden"),
        ("fcgiwrap", {"SCRIPT_FILENAME": "/usr/lib/cgi-bin/status.cgi"}, None),
    ],
    ids=["another application", "php without a script", "an empty script", "a wrapper of programs"],
)
def test_only_php_wants_a_script(
    answering: Running, ports: Ports, name: str, params: Mapping[str, str], status: bytes | None
) -> None:
    head = asked(ports[name], {**ASKED, **params})[STDOUT].partition(b"\r\n")[0]
    assert head == (status or b"Content-Type: text/html; charset=UTF-8")


def test_what_fastcgi_saw_is_told_as_of_http(answering: Running, ports: Ports) -> None:
    found = asked(ports["fastcgi"], {**ASKED, "LONG": "x" * 300}, b"tea")
    said = json.loads(found[STDOUT].partition(b"\r\n\r\n")[2])["stub"]
    assert (said["method"], said["path"], said["body"], said["size"]) == ("POST", "/x?y", "tea", 3)
    assert said["headers"] == {"x-shop": "tea", "content-length": "3"}
    assert said["params"]["LONG"] == "x" * 300
    assert "REMOTE_PORT" not in said["params"]


def test_a_fastcgi_connection_is_kept_where_nginx_wants_it(answering: Running, ports: Ports) -> None:
    with socket.create_connection(("127.0.0.1", ports["fastcgi"]), timeout=20) as line, line.makefile("rb") as heard:
        for number in range(3):
            found = fastcgi(line, heard, {**ASKED, "REQUEST_URI": f"/{number}"})
            assert f'"path": "/{number}"'.encode() in found[STDOUT]
            assert found[END] == bytes(8)


def test_a_large_fastcgi_answer_comes_in_more_records(answering: Running, ports: Ports) -> None:
    found = asked(ports["fastcgi"], {**ASKED, "HTTP_X_SLUICE_ANSWER": '{"size": 200000, "status": 500}'})
    assert found[STDOUT].startswith(b"Status: 500 Internal Server Error\r\n")
    assert len(found[STDOUT]) > 200_000


def uwsgi(params: Mapping[str, str], body: bytes, modifier: int = 0) -> bytes:
    def text(word: str) -> bytes:
        return struct.pack("<H", len(word)) + word.encode()

    packet = b"".join(text(name) + text(value) for name, value in params.items())
    return struct.pack("<BHB", modifier, len(packet), 0) + packet + body


def scgi(params: Mapping[str, str], body: bytes) -> bytes:
    headers = "".join(f"{name}\0{value}\0" for name, value in params.items()).encode()
    return f"{len(headers)}:".encode() + headers + b"," + body


@pytest.mark.parametrize(
    ("name", "form", "first"),
    [("uwsgi", uwsgi, "HTTP/1.1 {} {}"), ("scgi", scgi, "Status: {} {}")],
    ids=["uwsgi", "scgi"],
)
def test_uwsgi_and_scgi_say_what_they_saw(answering: Running, ports: Ports, name: str, form: type, first: str) -> None:
    heard = exchanged(ports[name], form(ASKED, b"tea"))
    head, _, body = heard.partition(b"\r\n\r\n")
    said = json.loads(body)["stub"]
    assert head.decode().split("\r\n")[0] == first.format(200, "OK")
    assert (said["protocol"], said["method"], said["path"], said["body"]) == (name, "POST", "/x?y", "tea")
    assert said["headers"]["x-shop"] == "tea"
    refused = exchanged(ports[name], form({**ASKED, "HTTP_X_SLUICE_ANSWER": '{"status": 503}'}, b"tea"))
    assert refused.decode().startswith(first.format(503, "Service Unavailable"))


def test_uwsgi_says_which_plugin_was_asked_for(ports: Ports, answering: Running) -> None:
    said = [
        json.loads(exchanged(ports["uwsgi"], uwsgi(ASKED, b"tea", modifier)).split(b"\r\n\r\n")[1])
        for modifier in (0, 9)
    ]
    assert [each["stub"]["params"].get("UWSGI_MODIFIER1") for each in said] == [None, "9"]


def test_memcached_has_every_key_but_one_and_keeps_what_it_is_given(answering: Running, ports: Ports) -> None:
    said = b"get /page\r\ngets a b\r\nget sluice-miss\r\nset k 0 0 3\r\ntea\r\ndelete k\r\nversion\r\nquit\r\n"
    heard = exchanged(ports["memcached"], said)
    keys = [json.loads(line)["stub"]["path"] for line in heard.split(b"\r\n") if line.startswith(b'{"stub"')]
    assert keys == ["/page", "a", "b"]
    assert heard.startswith(b"VALUE /page 0 ")
    assert heard.endswith(b"END\r\nEND\r\nSTORED\r\nDELETED\r\nVERSION 1.6.0\r\n")
    assert [seen["body"] for seen in answering.seen if seen["method"] == "set"] == ["tea"]


@pytest.mark.parametrize("name", ["fastcgi", "uwsgi", "scgi", "memcached"])
def test_what_is_not_of_the_protocol_is_cut_off(answering: Running, ports: Ports, name: str) -> None:
    assert b"stub" not in exchanged(ports[name], b"GET / HTTP/1.1\r\nHost: x:y\r\n\r\n")
