"""A server that answers what it is told to, and the ways to ask it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.contract.client import Outcome, run_checks
from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import parse_contract

__all__ = ["OK", "TIMEOUT", "Server", "ask", "ask_again"]

OK = b"HTTP/1.1 200 OK\r\n"
TIMEOUT = 0.5


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


def ask(server: Server, answer: bytes, timeout: float = TIMEOUT, **row: Any) -> Outcome:
    server.parts = lambda: iter([answer])
    return ask_again(server, timeout, **row)


def ask_again(server: Server, timeout: float = TIMEOUT, **row: Any) -> Outcome:
    checks = parse_contract([{"get": f"http://shop.example:{server.port}/", **row}], "nginx_checks")
    (outcome,) = run_checks(checks, timeout=timeout)
    return outcome
