"""Whatever a server answers is an outcome with a sentence, in bounded time; nothing is raised out of the judge."""

from __future__ import annotations

import socket
import time
import tracemalloc
from collections.abc import Callable, Iterator

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.contract.answer import BODY_LIMIT
from ansible_collections.sluice.nginx.plugins.module_utils.contract.client import run_checks
from ansible_collections.sluice.nginx.plugins.module_utils.contract.cookies import Cookies
from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import (
    parse_contract,
)
from tests.unit.contract.servers import OK, TIMEOUT, Server, ask, ask_again


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ("HTTP/1.1 ²00 OK\r\n\r\n".encode("latin-1"), "not HTTP: 'HTTP/1.1 ²00 OK"),
        ("HTTP/1.1 ²00 OK\r\n\r\n".encode(), "not HTTP: 'HTTP/1.1 "),
        ("HTTP/1.1 ٢٠٠ OK\r\n\r\n".encode(), "not HTTP"),
        (b"HTTP/1.1 +20 OK\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 2_0 OK\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 099 OK\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 " + b"2" * 5000 + b" OK\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 200 OK", "not HTTP"),
        (OK + b"A: b", "not HTTP: 'A: b'"),
        (OK + b"A: b\r\n", "headers without an end"),
        (OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\nx", "the Content-Length 9999"),
        (OK + b"Content-Length: -5\r\n\r\nhello", "the Content-Length -5"),
        (OK + b"Content-Length: +5\r\n\r\nhello", "the Content-Length +5"),
        (OK + b"Content-Length: 0x5\r\n\r\nhello", "the Content-Length 0x5"),
        (OK + b"Content-Length: 5_0\r\n\r\nhello", "the Content-Length 5_0"),
        (OK + "Content-Length: ²\r\n\r\nhello".encode(), "the Content-Length ²"),
        (OK + b"Content-Length:\r\n\r\nhello", "the Content-Length nothing"),
        (OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", "the Content-Length 5, 6"),
        (OK + b"Content-Length: 5, 6\r\n\r\nhello!", "the Content-Length 5, 6"),
        (OK + b"Content-Length: 50\r\n\r\nhello", "cut off after 5 of 50 bytes"),
        (OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "the Transfer-Encoding gzip, chunked"),
        (OK + b"Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "the Transfer-Encoding"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n", "got +5 as the size of a chunk"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n", "got -5 as the size of a chunk"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n", "got 0x5 as the size of a chunk"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n0_5\r\nhello\r\n0\r\n\r\n", "got 0_5 as the size of a chunk"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 5000 + b"\r\nhello", "got ffff"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n\r\nhello\r\n", "got nothing as the size of a chunk"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello world\r\n0\r\n\r\n", "longer than its size"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel", "cut off after 3 bytes"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "cut off after 5 bytes"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"a" * 200_000, "bytes in a line"),
        (OK + b"no colon here\r\n\r\n", "got no colon here as a header"),
        (OK + b": no name\r\n\r\n", "as a header"),
        (OK + b"X: a\0b\r\n\r\n", "got a NUL in X: a\\x00b"),
        (OK + b"X: " + b"a" * 200_000 + b"\r\n\r\n", "got more than 65536 bytes in a line"),
        (OK + b"X: y\r\n" * 200 + b"\r\n", "got more than 100 headers"),
        (OK + (b"X: " + b"a" * 60_000 + b"\r\n") * 20 + b"\r\n", "bytes before a body"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 100_000, "bytes before a body"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", "closed the connection without an answer"),
        (b"\x16\x03\x01" * 100, "not HTTP"),
        (b"\0" * 100_000, "in a line"),
        (b"\n" * 100, "not HTTP"),
    ],
)
def test_an_answer_that_is_none_is_said(server: Server, answer: bytes, problem: str) -> None:
    outcome = ask(server, answer)
    assert problem in "; ".join(outcome.problems), outcome.problems
    assert all(text.isprintable() and len(text) < 1000 for text in outcome.problems)


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        OK + b"Content-Length: 5, 5\r\n\r\nhello",
        OK + b"Transfer-Encoding: Chunked\r\n\r\n5;name=value\r\nhello\r\n0\r\nTrailer: x\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n" + b"T: x\r\n" * 10_000,
        OK + b"Transfer-Encoding: identity\r\n\r\nhello",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK + b"\r\nhello",
        b"HTTP/1.0 200\n\nhello",
        OK + b"\r\n\xff\xfehello\xff",
        OK + b"Content-Encoding: gzip\r\n\r\nhello, no gzip",
        OK + b"Content-Encoding: deflate\r\nX: \xff\xfe\r\n\r\nhello",
        OK + b"A: b\r\n  and more\r\n\r\nhello",
        OK + b"\r\n" + b"hello" + b"x" * (2 * BODY_LIMIT),
    ],
)
def test_an_answer_that_is_odd_and_whole_is_judged(server: Server, answer: bytes) -> None:
    assert ask(server, answer, 5.0, expect={"body": "hello"}).problems == ()


@pytest.mark.parametrize(
    ("location", "problem"),
    [
        (b"http://[", "what cannot be asked for"),
        (b"http://shop.example:99999999/", "what cannot be asked for"),
        (b"http://shop.example:" + b"9" * 5000 + b"/", "what cannot be asked for"),
        ("http://shop.example:²/".encode(), "what cannot be asked for"),
        (b"http://shop.example:-1/", "what cannot be asked for"),
        (b"http://a..b/", "whose host a..b no check"),
        ("http://ü..b/".encode(), "what cannot be asked for"),
        (f"http://{'ü' * 300}.example/".encode(), "what cannot be asked for"),
        (f"http://{'ü' * 3000}/".encode(), "what cannot be asked for"),
        ("http://\u2100.example/".encode(), "what cannot be asked for"),
        (b"javascript:alert(1)", "what cannot be asked for"),
        (b"data:text/html,x", "what cannot be asked for"),
        (b"//", "redirect loop: "),
        (b"http://user:password@shop.example/", "what cannot be asked for"),
        (b"http://shop.example/\x1b[2J", "what cannot be asked for"),
        (b"/" + b"a" * 50_000, "a URL of 50001 characters"),
        (b"http://[::1%25eth0]/", "redirected to"),
        (b"http://[v1.x]/", "redirected to"),
    ],
)
def test_a_redirect_to_no_url_is_said(server: Server, location: bytes, problem: str) -> None:
    answer = b"HTTP/1.1 302 Found\r\nLocation: " + location + b"\r\n\r\n"
    outcome = ask(server, answer, follow=True)
    assert problem in "; ".join(outcome.problems), outcome.problems
    assert all(text.isprintable() and len(text) < 1000 for text in outcome.problems)
    # Without `follow` it is compared.
    expected = {"location": "/new", "status": 302}
    assert ask(server, answer, expect=expected).problems[0].startswith("expected Location /new, got ")


@pytest.mark.parametrize(
    "cookie",
    [
        b"=",
        b";;;;",
        b"a=b; Expires=" + b"9" * 3000,
        b"a=b; Expires=Thu, 99 Foo 99999999999999 99:99:99 GMT",
        pytest.param(b"a=b; Max-Age=" + b"9" * 4000, marks=pytest.mark.filterwarnings("ignore:http.cookiejar bug")),
        "a=b; Max-Age=²".encode(),
        b"a=b; Domain=..; Path=\xff",
        b'a=b; Version=x; Port="80,x"',
        b"a=" + b"b" * 60_000,
        b" " * 4000,
        b'a="' + b"\\" * 4000,
    ],
)
def test_a_cookie_that_is_none_raises_nothing(server: Server, cookie: bytes) -> None:
    began = time.monotonic()
    answer = b"HTTP/1.1 302 Found\r\nLocation: /\r\nSet-Cookie: " + cookie + b"\r\n\r\n"
    (problem,) = ask(server, answer, 2.0, follow=True).problems
    assert problem.startswith(("redirect loop: ", f"http://shop.example:{server.port}/ sets a cookie"))
    assert time.monotonic() - began < 3


def test_a_cookie_that_breaks_the_jar_is_an_outcome(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OverflowError("date value out of range")

    monkeypatch.setattr(Cookies, "keep", fail)
    outcome = ask(server, b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", follow=True)
    assert outcome.problems[0].endswith("sets a cookie that cannot be read: date value out of range")


def _endless(head: bytes, part: bytes) -> Callable[[], Iterator[bytes]]:
    def parts() -> Iterator[bytes]:
        yield head
        while True:
            yield part

    return parts


@pytest.mark.parametrize(
    ("head", "part"),
    [
        (OK, b"X: y\r\n" * 1000),
        (OK + b"X: ", b"y" * 60_000),
        (OK + b"X: y\r\n", b" folded\r\n" * 1000),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
        (OK + b"\r\n", b"x" * 60_000),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 10_000),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1;" + b"e" * 60_000 + b"\r\nx\r\n"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n", b"x" * 60_000),
        (OK + b"Content-Length: 999999999999999\r\n\r\n", b"x" * 60_000),
    ],
)
def test_an_answer_without_an_end_costs_little(server: Server, head: bytes, part: bytes) -> None:
    server.parts, server.sent = _endless(head, part), 0
    began = time.monotonic()
    tracemalloc.start()
    try:
        outcome = ask_again(server, 2.0, expect={"body": "never"})
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert not outcome.ok
    assert time.monotonic() - began < 4
    assert most < 32 * BODY_LIMIT


def test_a_chain_of_slow_redirects_is_bounded_as_a_whole(server: Server) -> None:
    def parts() -> Iterator[bytes]:
        time.sleep(0.3)
        yield b"HTTP/1.1 302 Found\r\nLocation: /" + str(time.monotonic()).encode() + b"\r\n\r\n"

    server.parts = parts
    began = time.monotonic()
    outcome = ask_again(server, 0.4, follow=True)
    assert "gave no answer within " in outcome.problems[0]
    assert time.monotonic() - began < 2.5


def test_a_host_that_tls_cannot_name_is_an_outcome() -> None:
    rows = [
        {"name": str(number), "get": f"https://{host}:1/", "connect": "127.0.0.1:9"}
        for number, host in enumerate(["a..b", f"{'a' * 64}.example"])
    ]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        outcomes = run_checks(
            [check._replace(connect=f"127.0.0.1:{port}") for check in parse_contract(rows, "x")], timeout=TIMEOUT
        )
    assert [outcome.ok for outcome in outcomes] == [False, False]
    assert not any("Sluice could not" in text for outcome in outcomes for text in outcome.problems)


def test_an_address_that_no_resolver_can_take_is_an_outcome() -> None:
    (outcome,) = run_checks(parse_contract([{"get": "http://a/", "connect": "a..b"}], "x"), timeout=TIMEOUT)
    assert outcome.problems[0].startswith("no connection to a..b:80: ")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n\r\nplain",
        b"\x16\x03\x03\xff\xff" + b"\0" * 70_000,
        b"\x15\x03\x03\x00\x02\x02\x28",
        b"\x15\x03\x03\x00\x02\x01\x00",
        b"\x16\x03\x03\x00\x04\x02\xff\xff\xff",
        b"\x17\x03\x03\x00\x01x",
        b"\x80\x2e\x01\x03\x01",
    ],
)
def test_a_server_that_speaks_no_tls_is_an_outcome(server: Server, answer: bytes) -> None:
    outcome = ask(server, answer, 1.0, get=f"https://shop.example:{server.port}/")
    assert outcome.problems[0].startswith((f"TLS with 127.0.0.1:{server.port} for shop.example failed: ", "127.0.0.1:"))
    assert outcome.problems[0].isprintable()
