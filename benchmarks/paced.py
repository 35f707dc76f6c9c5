"""A client that asks ten times a second, always on a fresh connection, and writes down each answer with its time."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from .judge import Seen
from .load import KINDS, Kind

__all__ = ["Paced", "asked"]

_EVERY = 0.1
_TIMEOUT = 10.0
_PIECE = 65536


@dataclass
class Paced:
    """What the client saw of one kind: failures by kind, and the longest time without a good answer, in seconds."""

    asked: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    gap: float = 0.0
    seen: list[Seen] = field(default_factory=list)


@contextlib.contextmanager
def asked(address: str) -> Iterator[dict[str, Paced]]:
    """Ask the host at ``address`` for each kind that the load has on fresh connections."""
    kinds = [kind for kind in KINDS if kind.fresh]
    found = {kind.name: Paced() for kind in kinds}
    stop = threading.Event()
    threads = [threading.Thread(target=_watch, args=(kind, address, found[kind.name], stop)) for kind in kinds]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _watch(kind: Kind, address: str, paced: Paced, stop: threading.Event) -> None:
    answered = time.monotonic()
    while not stop.is_set():
        sent_at, sent = time.time(), time.monotonic()
        paced.asked += 1
        failure, body = _ask(kind, address)
        now = time.monotonic()
        if failure:
            paced.failed[failure] += 1
        else:
            paced.gap, answered = max(paced.gap, now - answered), now
            if kind.tells:
                # The release gave the answer somewhere between these two times.
                paced.seen.append(Seen(body, 1, sent_at + now - sent, sent_at + now - sent, sent_at))
        stop.wait(max(0.0, sent + _EVERY - time.monotonic()))
    paced.gap = max(paced.gap, time.monotonic() - answered)


def _ask(kind: Kind, address: str) -> tuple[str, str]:
    """Ask once. Returns what failed (connect, read, write, timeout, status or nothing), and the body."""
    doing = "connect"
    try:
        with _connected(kind, address) as connection:
            doing = "write"
            target = kind.url.split(kind.host, 1)[1]
            connection.sendall(f"GET {target} HTTP/1.1\r\nHost: {kind.host}\r\nConnection: close\r\n\r\n".encode())
            doing = "read"
            answer = b""
            while piece := connection.recv(_PIECE):
                answer += piece
    except TimeoutError:
        return "timeout", ""
    except OSError:
        return doing, ""
    return _judged(answer)


def _connected(kind: Kind, address: str) -> socket.socket:
    secure = urlsplit(kind.url).scheme == "https"
    plain = socket.create_connection((address, 443 if secure else 80), _TIMEOUT)
    if not secure:
        return plain
    try:
        return _TLS.wrap_socket(plain, server_hostname=kind.host)
    except OSError:
        plain.close()
        raise


def _judged(answer: bytes) -> tuple[str, str]:
    """Return what is wrong with an answer that came to its end."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status = re.match(rb"HTTP/1\.1 (\d+)", head)
    length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
    if status is None or (length is not None and int(length[1]) != len(body)):
        return "read", ""
    return ("" if status[1] == b"200" else "status"), body.decode(errors="replace")


def _tls() -> ssl.SSLContext:
    # The certificate is the sandbox's own.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


_TLS = _tls()
