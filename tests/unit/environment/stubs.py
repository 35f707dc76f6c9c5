"""Stubs on the loopback device, for tests that speak to them over real sockets."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.environment.authority import Authority
from ansible_collections.sluice.nginx.plugins.module_utils.environment.inside.stubs.listeners import Doors
from ansible_collections.sluice.nginx.plugins.module_utils.environment.inside.stubs.request_log import RequestLog
from ansible_collections.sluice.nginx.plugins.module_utils.environment.inside.stubs.tls import secured

__all__ = ["Running", "exchanged", "free_port", "row", "running"]


def row(
    protocol: str, port: int = 0, path: str = "", host: str = "app.example", bind: str = "127.0.0.1"
) -> dict[str, Any]:
    """An endpoint as the plan of a stage has it."""
    return {"host": host, "bind": bind, "port": port, "protocol": protocol, "socket": path}


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port that nobody has."""
    with socket.socket(socket.AF_INET, kind) as tried:
        tried.bind(("127.0.0.1", 0))
        return int(tried.getsockname()[1])


def exchanged(port: int, data: bytes) -> bytes:
    """Send bytes, and read until the other side closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
        line.sendall(data)
        heard = b""
        while part := line.recv(65536):
            heard += part
        return heard


class Running:
    """Stubs that answer: what they saw, and which of them could not be opened."""

    def __init__(self, record: RequestLog, shut: list[str], chain: Path) -> None:
        self.record = record
        self.shut = shut
        self.chain = chain

    @property
    def seen(self) -> list[dict[str, Any]]:
        """All that they saw."""
        return [seen for _, seen in self.record.since(0)]


@contextmanager
def running(
    rows: list[dict[str, Any]], folder: Path, names: Mapping[str, str] | None = None, most: int = 0
) -> Iterator[Running]:
    """Open endpoints on a loop of their own, until the end; ``most`` as ``Doors`` has it."""
    chain = folder / "chain.pem"
    chain.write_text("".join(Authority().issue(["app.example"])))
    record = RequestLog()
    loop = asyncio.new_event_loop()
    shut = loop.run_until_complete(Doors(record, names or {}, secured(chain), most).open(rows))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield Running(record, shut, chain)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
