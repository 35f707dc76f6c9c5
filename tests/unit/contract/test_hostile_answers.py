"""Whatever a server answers is an outcome with a sentence, in bounded time; nothing is raised out of the judge."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.sluice.nginx.plugins.module_utils.contract import client
from ansible_collections.sluice.nginx.plugins.module_utils.contract.answer import BODY_LIMIT, Answer, judge
from ansible_collections.sluice.nginx.plugins.module_utils.contract.client import Outcome, run_checks, run_rows
from ansible_collections.sluice.nginx.plugins.module_utils.contract.cookies import Cookies
from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import (
    Check,
    Expect,
    parse_contract,
    to_json,
)
from ansible_collections.sluice.nginx.plugins.module_utils.lean.threads import Thread

_OK = b"HTTP/1.1 200 OK\r\n"
_TIMEOUT = 0.5


class Server:
    """Answers each request with the same bytes; ``parts`` are sent one by one, for as long as anybody reads them."""

    def __init__(self) -> None:
        self.parts: Callable[[], Iterator[bytes]] = lambda: iter(())
        self.sent = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._answer, args=(self._socket.accept()[0],), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.settimeout(5)
            connection.recv(65536)
            for part in self.parts():
                connection.sendall(part)
                self.sent += len(part)

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def ask(server: Server, answer: bytes, timeout: float = _TIMEOUT, **row: Any) -> Outcome:
    server.parts = lambda: iter([answer])
    return ask_again(server, timeout, **row)


def ask_again(server: Server, timeout: float = _TIMEOUT, **row: Any) -> Outcome:
    checks = parse_contract([{"get": f"http://shop.example:{server.port}/", **row}], "nginx_checks")
    (outcome,) = run_checks(checks, timeout=timeout)
    return outcome


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
        (_OK + b"A: b", "not HTTP: 'A: b'"),
        (_OK + b"A: b\r\n", "headers without an end"),
        (_OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\nx", "the Content-Length 9999"),
        (_OK + b"Content-Length: -5\r\n\r\nhello", "the Content-Length -5"),
        (_OK + b"Content-Length: +5\r\n\r\nhello", "the Content-Length +5"),
        (_OK + b"Content-Length: 0x5\r\n\r\nhello", "the Content-Length 0x5"),
        (_OK + b"Content-Length: 5_0\r\n\r\nhello", "the Content-Length 5_0"),
        (_OK + "Content-Length: ²\r\n\r\nhello".encode(), "the Content-Length ²"),
        (_OK + b"Content-Length:\r\n\r\nhello", "the Content-Length nothing"),
        (_OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", "the Content-Length 5, 6"),
        (_OK + b"Content-Length: 5, 6\r\n\r\nhello!", "the Content-Length 5, 6"),
        (_OK + b"Content-Length: 50\r\n\r\nhello", "cut off after 5 of 50 bytes"),
        (_OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "the Transfer-Encoding gzip, chunked"),
        (_OK + b"Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "the Transfer-Encoding"),
        (_OK + b"Transfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n", "got +5 as the size of a chunk"),
        (_OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n", "got -5 as the size of a chunk"),
        (_OK + b"Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n", "got 0x5 as the size of a chunk"),
        (_OK + b"Transfer-Encoding: chunked\r\n\r\n0_5\r\nhello\r\n0\r\n\r\n", "got 0_5 as the size of a chunk"),
        (_OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 5000 + b"\r\nhello", "got ffff"),
        (_OK + b"Transfer-Encoding: chunked\r\n\r\n\r\nhello\r\n", "got nothing as the size of a chunk"),
        (_OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello world\r\n0\r\n\r\n", "longer than its size"),
        (_OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel", "cut off after 3 bytes"),
        (_OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "cut off after 5 bytes"),
        (_OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"a" * 200_000, "bytes in a line"),
        (_OK + b"no colon here\r\n\r\n", "got no colon here as a header"),
        (_OK + b": no name\r\n\r\n", "as a header"),
        (_OK + b"X: a\0b\r\n\r\n", "got a NUL in X: a\\x00b"),
        (_OK + b"X: " + b"a" * 200_000 + b"\r\n\r\n", "got more than 65536 bytes in a line"),
        (_OK + b"X: y\r\n" * 200 + b"\r\n", "got more than 100 headers"),
        (_OK + (b"X: " + b"a" * 60_000 + b"\r\n") * 20 + b"\r\n", "bytes before a body"),
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
        _OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        _OK + b"Content-Length: 5, 5\r\n\r\nhello",
        _OK + b"Transfer-Encoding: Chunked\r\n\r\n5;name=value\r\nhello\r\n0\r\nTrailer: x\r\n\r\n",
        _OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n" + b"T: x\r\n" * 10_000,
        _OK + b"Transfer-Encoding: identity\r\n\r\nhello",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + _OK + b"\r\nhello",
        b"HTTP/1.0 200\n\nhello",
        _OK + b"\r\n\xff\xfehello\xff",
        _OK + b"Content-Encoding: gzip\r\n\r\nhello, no gzip",
        _OK + b"Content-Encoding: deflate\r\nX: \xff\xfe\r\n\r\nhello",
        _OK + b"A: b\r\n  and more\r\n\r\nhello",
        _OK + b"\r\n" + b"hello" + b"x" * (2 * BODY_LIMIT),
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
        (_OK, b"X: y\r\n" * 1000),
        (_OK + b"X: ", b"y" * 60_000),
        (_OK + b"X: y\r\n", b" folded\r\n" * 1000),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
        (_OK + b"\r\n", b"x" * 60_000),
        (_OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 10_000),
        (_OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1;" + b"e" * 60_000 + b"\r\nx\r\n"),
        (_OK + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n", b"x" * 60_000),
        (_OK + b"Content-Length: 999999999999999\r\n\r\n", b"x" * 60_000),
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
            [check._replace(connect=f"127.0.0.1:{port}") for check in parse_contract(rows, "x")], timeout=_TIMEOUT
        )
    assert [outcome.ok for outcome in outcomes] == [False, False]
    assert not any("Sluice could not" in text for outcome in outcomes for text in outcome.problems)


def test_an_address_that_no_resolver_can_take_is_an_outcome() -> None:
    (outcome,) = run_checks(parse_contract([{"get": "http://a/", "connect": "a..b"}], "x"), timeout=_TIMEOUT)
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


class _Refusing:
    """A witness that has gone."""

    def mark(self) -> object:
        return None

    def since(self, mark: object) -> list[Any]:
        raise ConnectionError("the stand-in is gone")


def test_a_witness_that_is_gone_is_an_outcome(server: Server) -> None:
    server.parts = lambda: iter([_OK + b"\r\n"])
    row = {"get": f"http://shop.example:{server.port}/", "expect": {"upstream": {"path": "/"}}}
    (outcome,) = run_checks(parse_contract([row], "x"), timeout=_TIMEOUT, witness=_Refusing())
    assert "could not judge this check (ConnectionError: the stand-in is gone)" in outcome.problems[0]


@pytest.mark.parametrize("error", [UnicodeError("label empty"), MemoryError(), RecursionError(), KeyError("\x1b[2J")])
def test_a_fault_of_ours_in_judging_is_an_outcome_and_the_others_are_judged(
    server: Server, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fails(expect: Expect, answer: Answer, url: str, ms: float) -> list[str]:
        if url.endswith("/bad"):
            raise error
        return judge(expect, answer, url, ms)

    monkeypatch.setattr(client, "judge", fails)
    server.parts = lambda: iter([_OK + b"\r\n"])
    base = f"http://shop.example:{server.port}"
    noted: list[Outcome] = []
    checks = parse_contract([{"get": f"{base}/"}, {"get": f"{base}/bad"}, {"get": f"{base}/2"}], "nginx_checks")
    outcomes = run_checks(checks, timeout=5.0, noted=noted.append)
    assert [outcome.ok for outcome in outcomes] == [True, False, True]
    assert outcomes[1].problems[0].startswith(f"Sluice could not judge this check ({type(error).__name__}: ")
    assert outcomes[1].problems[0].isprintable()
    assert sorted(outcome.source for outcome in noted) == [f"nginx_checks[{number}]" for number in range(3)]


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
def test_the_end_of_the_process_is_no_outcome(monkeypatch: pytest.MonkeyPatch, end: type[BaseException]) -> None:
    def ends(*_: object) -> Outcome:
        raise end

    monkeypatch.setattr(client, "_run", ends)
    with pytest.raises(end):
        run_checks(parse_contract([{"get": "http://shop.example/"}], "x"))


def test_a_stored_row_that_is_no_check_is_an_outcome(server: Server) -> None:
    server.parts = lambda: iter([_OK + b"\r\n"])
    (check,) = parse_contract([{"name": "good", "get": f"http://shop.example:{server.port}/"}], "x")
    rows: list[Any] = [{"name": "bad", "get": "ftp://x"}, to_json(check), 5, {"name": "odd", "request": {"method": 1}}]
    noted: list[Outcome] = []
    outcomes = run_rows(rows, timeout=5.0, noted=noted.append)
    assert [(outcome.name, outcome.ok) for outcome in outcomes] == [
        ("bad", False), ("good", True), ("", False), ("odd", False),
    ]  # fmt: skip
    assert len(noted) == 4


def test_checks_are_made_where_no_thread_can_be(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(self: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(Thread, "start", start)
    server.parts = lambda: iter([_OK + b"\r\n"])
    rows = [{"get": f"http://shop.example:{server.port}/{number}"} for number in range(3)]
    assert all(outcome.ok for outcome in run_checks(parse_contract(rows, "x")))


# Pieces that servers are made of, so that what is drawn comes further than random bytes do.
_PIECES = st.sampled_from(
    [
        *[_OK, b"HTTP/1.1 302 Found\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"\r\n", b"\r\n\r\n", b"\n"],
        *[b"Location: ", b"Location: /x\r\n", b"http://[", b"http://shop.example:", b"Content-Length: ", b"5", b"0"],
        *[b"Content-Type: text/html; charset=", b"idna", b"utf-16", b"Set-Cookie: a=b; Expires=", b"\0", b";", b"-"],
        *[b"Transfer-Encoding: chunked\r\n\r\n", b"5\r\nhello\r\n", b"0\r\n\r\n", "²".encode(), b"_"],
    ]
)
_BYTES = st.lists(st.one_of(_PIECES, st.binary(max_size=30)), max_size=12).map(b"".join)
_ROWS: list[dict[str, Any]] = [
    {"follow": True},
    {"expect": {"body": "/(h+e?)+llo/", "headers": {"Content-Type": "/^text/", "X": None}}},
    {"expect": {"location": "/new", "status": ["2xx", 302]}},
    {"expect": {"location": "/^http:.*x$/"}},
]


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_BYTES, st.sampled_from(_ROWS))
def test_any_bytes_are_an_outcome(server: Server, answer: bytes, row: dict[str, Any]) -> None:
    began = time.monotonic()
    outcome = ask(server, answer, 1.0, **row)
    assert time.monotonic() - began < 10
    assert not any("Sluice could not judge" in text for text in outcome.problems), outcome.problems
    assert all(text.isprintable() and len(text) < 5000 for text in outcome.problems)
    assert len(outcome.body_excerpt) <= 200
    assert outcome.body_excerpt.isprintable()


@settings(max_examples=200, deadline=None)
@given(
    st.integers(100, 999),
    st.lists(
        st.tuples(st.sampled_from(["Location", "Content-Type", "X", "Set-Cookie"]), st.text(max_size=60)), max_size=5
    ),
    st.binary(max_size=300),
)
def test_any_answer_is_judged(status: int, headers: list[tuple[str, str]], body: bytes) -> None:
    expect = Expect(("200",), "/new", (("X", "/a.*b/"), ("Y", None)), "/(a|b)+c/")
    problems = judge(expect, Answer(status, tuple(headers), body), "http://shop.example/", 1.0)
    assert all(isinstance(text, str) for text in problems)


def test_a_check_whose_url_is_none_is_an_outcome() -> None:
    (outcome,) = run_checks([Check("odd", "GET", "nonsense")])
    assert "could not judge this check (ValueError" in outcome.problems[0]
