"""A store, or whoever stands in its place, may answer anything: it is a fault of the store, within the time for it."""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.coordination import nats, nats_wire
from ansible_collections.sluice.nginx.plugins.module_utils.coordination.etcd import EtcdStore
from ansible_collections.sluice.nginx.plugins.module_utils.coordination.model import StoreFault, StoreLogin
from ansible_collections.sluice.nginx.plugins.module_utils.coordination.nats import NatsStore

LOGIN = StoreLogin("nats://store", timeout=0.3)
GREETING = b'INFO {"version":"2.10.1","headers":true}\r\nPONG\r\n'
Said = Callable[[socket.socket], Iterable[bytes]]


@contextlib.contextmanager
def server(said: Said) -> Iterator[str]:
    """One that says to each who connects what ``said`` yields, for as long as anybody listens."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer(line: socket.socket) -> None:
        with contextlib.suppress(OSError, IndexError), line:
            line.settimeout(10)
            for part in said(line):
                line.sendall(part)
            line.recv(1)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield f"127.0.0.1:{listener.getsockname()[1]}"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def fault_of(ask: Callable[[], object], seconds: float = 8.0) -> str:
    """Return what is said of a store that was asked on a thread: one that hangs must not hold the tests up."""
    found: list[object] = []

    def work() -> None:
        try:
            found.append(ask())
        except BaseException as error:
            found.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    assert found, "it hangs"
    assert isinstance(found[0], StoreFault), repr(found[0])
    return str(found[0])


@pytest.mark.parametrize(
    "greeting",
    [
        b"INFO []\r\n",
        b"INFO 5\r\n",
        b"INFO nothing\r\n",
        b'INFO {"version": 1e999}\r\nINFO\r\n',
        b"INFO " + b"[" * 100_000 + b"\r\n",
        b"INFO " + b"9" * 10_000 + b"\r\n",
        b"\r\n",
        b"MSG " * 300_000,
    ],
)
def test_a_greeting_of_nats_that_is_none_is_a_fault(greeting: bytes) -> None:
    with server(lambda line: [greeting]) as address:
        assert fault_of(lambda: _nats(address).get("a"))


def _nats(address: str) -> NatsStore:
    return NatsStore([address], "sluice", LOGIN)


def _inbox(line: socket.socket) -> bytes:
    """Greet, and return the subject to which answers go."""
    line.sendall(GREETING)
    heard = b""
    while b".0 " not in heard:
        heard += line.recv(65536)
    return heard.partition(b"SUB ")[2].split(b" ")[0].removesuffix(b"*")


def _message(subject: bytes, content: object, sid: bytes = b"1") -> bytes:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return b"MSG %s %s %d\r\n%s\r\n" % (subject, sid, len(data), data)


@pytest.mark.parametrize(
    "answer",
    [
        {"message": {"subject": "a", "seq": float("inf")}},
        {"message": {"subject": "a", "seq": 1, "data": 5}},
        {"message": {"subject": "a", "seq": 1, "data": "é"}},
        {"error": {"code": float("inf")}},
        {"error": {"code": [], "description": "x"}},
        {"error": 5},
        b"[" * 100_000,
        b"9" * 10_000,
    ],
)
def test_an_answer_of_nats_that_is_none_is_a_fault(answer: object) -> None:
    with server(lambda line: [_message(_inbox(line) + b"0", answer)]) as address:
        assert fault_of(lambda: _nats(address).get("a"))


def test_an_answer_that_comes_again_and_again_is_not_waited_for() -> None:
    """It was taken for progress, and the next one waited for from then on."""

    def said(line: socket.socket) -> Iterator[bytes]:
        inbox = _inbox(line)
        for _ in range(400):
            time.sleep(0.05)
            yield _message(inbox + b"0", {}) + _message(inbox + b"77", {}) + _message(inbox + b"x", {})

    def ask(address: str) -> object:
        connection = nats_wire.NatsConnection(address, LOGIN, None)
        return connection.ask([("a", b"", ""), ("b", b"", "")])

    with server(said) as address:
        assert "did not answer within" in fault_of(lambda: ask(address))


def test_keys_without_an_end_are_a_fault() -> None:
    def said(line: socket.socket) -> Iterator[bytes]:
        inbox = _inbox(line)
        for number in itertools.count():
            subjects = {f"$KV.sluice.a.{number}": 1}
            yield _message(inbox + str(number).encode(), {"state": {"subjects": subjects}, "total": 10**9})

    with server(said) as address:
        assert "without an end" in fault_of(lambda: _nats(address).entries("a"))


def test_messages_that_nobody_waits_for_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nats_wire, "_MOST_BYTES", 1 << 20)

    def said(line: socket.socket) -> Iterator[bytes]:
        _inbox(line)
        while True:
            yield _message(b"b", b"x" * 60_000, b"2") * 10

    with server(said) as address:
        assert "more than anybody asked for" in fault_of(lambda: _nats(address).get("a"))


def test_as_many_pages_as_a_store_may_have_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nats, "_MOST_KEYS", 3)

    def said(line: socket.socket) -> Iterator[bytes]:
        subjects = {f"$KV.sluice.a.{number}": 1 for number in range(5)}
        yield _message(_inbox(line) + b"0", {"state": {"subjects": subjects}, "total": 5})

    with server(said) as address:
        assert "more than 3 keys" in fault_of(lambda: _nats(address).entries("a"))


def _http(content: object) -> bytes:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(data), data)


def _etcd(*answers: object) -> Said:
    def said(line: socket.socket) -> Iterator[bytes]:
        for answer in ({"etcdserver": "3.5.1"}, *answers):
            line.recv(65536)
            yield _http(answer)

    return said


def _ask_etcd(address: str, login: StoreLogin = LOGIN) -> Callable[[], object]:
    return lambda: EtcdStore([address], "/sluice/", login).create("a", b"")


@pytest.mark.parametrize(
    "answer",
    [
        {"succeeded": True, "header": {"revision": float("inf")}},
        {"succeeded": True, "header": {"revision": "9" * 10_000}},
        {"succeeded": True, "header": []},
        {"succeeded": True},
    ],
)
def test_an_answer_of_etcd_that_is_none_is_a_fault(answer: object) -> None:
    with server(_etcd(answer)) as address:
        assert fault_of(_ask_etcd(address))


@pytest.mark.parametrize("token", ["a\r\nX: y", "a\nb", "ключ", "\ud800", {"a": "\n"}])
def test_a_token_that_is_none_is_a_fault(token: Any) -> None:
    login = LOGIN._replace(user="ann", password="x")
    with server(_etcd({"token": token}, {})) as address:
        assert fault_of(_ask_etcd(address, login))


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"HTTP/1.1 200 OK\r\n", b""])
def test_a_byte_now_and_then_is_no_answer(head: bytes) -> None:
    """Each byte was waited for anew."""

    def said(line: socket.socket) -> Iterator[bytes]:
        line.recv(65536)
        yield head
        for _ in range(400):
            time.sleep(0.1)
            yield b"a"

    with server(said) as address:
        assert "was not whole within" in fault_of(_ask_etcd(address))
