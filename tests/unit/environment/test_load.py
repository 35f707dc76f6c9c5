from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.environment.inside import load, relay
from ansible_collections.sluice.nginx.plugins.module_utils.environment.inside.load import Load, answering, ask

Listen = Callable[..., dict[str, Any]]


@pytest.fixture
def listen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listen]:
    """Listen and answer each connection with ``answer`` to what it sends; None: never, empty: hang up."""
    opened: list[socket.socket] = []
    # The agent beside nginx leads to unix sockets.
    monkeypatch.setattr(relay, "_NAME", f"\0sluice-test-{tmp_path}")
    relay.start()

    def serve(server: socket.socket, answer: bytes | None) -> None:
        kept = []
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            kept.append(connection)
            if answer is not None:
                connection.recv(4096)
                connection.sendall(answer)
                connection.close()

    def made(answer: bytes | None, *, unix: bool = False, http: bool = True, proxied: bool = False) -> dict[str, Any]:
        server = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
        server.bind(str(tmp_path / "s") if unix else ("127.0.0.1", 0))
        server.listen(16)
        opened.append(server)
        threading.Thread(target=serve, args=(server, answer), daemon=True).start()
        address, port = (f"unix:{tmp_path}/s", 0) if unix else ("127.0.0.1", server.getsockname()[1])
        what = {"http": http, "tls": False, "proxied": proxied, "name": "", "words": "here"}
        return {"address": address, "port": port, **what}

    yield made
    for server in opened:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


def _refusing() -> dict[str, Any]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return {"address": "127.0.0.1", "port": port, "http": True, "tls": False, "proxied": False, "words": "gone"}


@pytest.mark.parametrize("unix", [False, True])
def test_any_answer_is_one(listen: Listen, unix: bool) -> None:
    assert ask(listen(b"HTTP/1.1 400 Bad Request\r\n\r\n", unix=unix)) == ""


def test_a_connection_is_enough_where_no_http_is_spoken(listen: Listen) -> None:
    assert ask(listen(None, http=False)) == ""


def test_what_is_no_answer_is_told_in_words(listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "_TIMEOUT_SECONDS", 0.2)
    assert ask(listen(b"")) == "the connection was closed without an answer"
    assert ask(listen(None)) == "no answer within 0.2 s"
    assert ask(_refusing()) == "Connection refused"


def test_listeners_that_never_answer_are_left_out(listen: Listen) -> None:
    good = listen(b"x")
    assert answering({}, [_refusing(), good]) == {"listeners": [good], "unwatched": {}}


def test_failures_are_counted_with_the_step_in_which_they_happened(listen: Listen) -> None:
    found = Load([listen(b"x"), _refusing()])
    found.step = "the rollback"
    found.start()
    until = time.monotonic() + 30
    while (found.answered < 3 or not found.failures) and time.monotonic() < until:
        time.sleep(0.01)
    found.stop()
    assert found.answered >= 3
    first = found.failures[0]
    assert (first["listener"], first["problem"], first["step"]) == ("gone", "Connection refused", "the rollback")
