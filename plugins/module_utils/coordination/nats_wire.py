"""The text protocol of NATS, as far as requests and subscriptions need it. Shipped to hosts: Python 3.8."""

from __future__ import annotations

import json
import os
import socket
import ssl
import time
from typing import Any, NamedTuple

from ..untrusted import whole_number
from .model import StoreFault, StoreLogin, StoreUnreachable

__all__ = ["NatsConnection", "NatsMessage"]

_MOST_LINE = 1 << 20
_MOST_BYTES = 64 << 20
_MOST_WAITING = 100_000
# All requests that are sent at once may take so many times as long as one.
_WHOLE = 10
# Of the inbox, and of what is watched.
_SUBSCRIPTIONS = ("1", "2")
_OLDEST = (2, 9)
_LOGIN = "set rollout_store.user and rollout_store.password"


class NatsMessage(NamedTuple):
    """What came on ``subject``; ``status`` is that of its header, empty without one."""

    subject: str
    status: str
    data: bytes


class NatsConnection:
    """One connection to a server; it ends with the first fault. Raises ``StoreUnreachable`` and ``StoreFault``."""

    def __init__(self, address: str, login: StoreLogin, tls: ssl.SSLContext | None) -> None:
        self.name = f"NATS at {address}"
        self._login = login
        self._buffer = b""
        self._asked = 0
        self._inbox = f"_INBOX.{os.urandom(12).hex()}"
        self._waiting: list[tuple[str, NatsMessage]] = []
        self._waiting_bytes = 0
        host, _, port = address.rpartition(":")
        self._socket: socket.socket = socket.create_connection((host.strip("[]"), int(port)), login.timeout)
        try:
            self._greet(host.strip("[]"), tls)
        except BaseException:
            self.close()
            raise

    def _greet(self, host: str, tls: ssl.SSLContext | None) -> None:
        word, _, text = self._line(time.monotonic() + self._login.timeout).partition(" ")
        if word != "INFO":
            raise StoreFault(f"{self.name} is no NATS server: it says {word[:40]!r}; correct rollout_store")
        info = _read_info(text)
        if info is None:
            raise StoreFault(f"{self.name} is no NATS server: it greets with {text[:40]!r}; correct rollout_store")
        self._hold_version(str(info.get("version") or ""))
        if info.get("tls_required") and tls is None:
            raise StoreFault(f"{self.name} wants TLS; give nats+tls:// in rollout_store")
        if tls is not None:
            if not (info.get("tls_required") or info.get("tls_available")):
                raise StoreFault(f"{self.name} has no TLS; configure it there, or give nats:// in rollout_store")
            self._socket = tls.wrap_socket(self._socket, server_hostname=host)
        wanted: dict[str, Any] = {"verbose": False, "pedantic": False, "lang": "python", "version": "1", "protocol": 1}
        wanted.update(name="sluice", headers=True, no_responders=True)
        if self._login.user:
            wanted.update(user=self._login.user, **{"pass": self._login.password})
        elif self._login.password:
            wanted["auth_token"] = self._login.password
        self._send(f"CONNECT {json.dumps(wanted)}\r\nPING\r\n".encode())
        until = time.monotonic() + self._login.timeout
        while self._line(until) != "PONG":
            continue
        self._send(f"SUB {self._inbox}.* 1\r\n".encode())

    def _hold_version(self, text: str) -> None:
        major, minor = [*map(whole_number, text.split(".")), None, None][:2]
        if major is not None and minor is not None and (major, minor) < _OLDEST:
            raise StoreFault(f"{self.name} runs version {text}; expected 2.9 or newer: update it")

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def ask(self, asking: list[tuple[str, bytes, str]]) -> list[NatsMessage]:
        """Send requests, each as subject, data and headers, at once, and return the answers in their order."""
        first, lines = self._asked, []
        for number, (subject, data, headers) in enumerate(asking, first):
            reply = f"{self._inbox}.{number}"
            if headers:
                head = f"NATS/1.0\r\n{headers}\r\n\r\n".encode()
                lines.append(f"HPUB {subject} {reply} {len(head)} {len(head) + len(data)}\r\n".encode() + head + data)
            else:
                lines.append(f"PUB {subject} {reply} {len(data)}\r\n".encode() + data)
        self._asked += len(asking)
        self._send(b"\r\n".join([*lines, b""]))
        found: dict[int, NatsMessage] = {}
        until = time.monotonic() + self._login.timeout
        end = time.monotonic() + _WHOLE * self._login.timeout
        while len(found) < len(asking):
            message = self._next(min(until, end), self._inbox)
            if message is None:
                raise StoreUnreachable(f"{self.name} did not answer within {self._login.timeout:g} s; see its health")
            answered = whole_number(message.subject.rpartition(".")[2])
            # What answers a request that was given up before is nothing to this one, nor is what was answered already:
            # who answers it again and again would be waited for without end.
            if answered is not None and answered not in found and first <= answered < self._asked:
                found[answered] = message
                until = time.monotonic() + self._login.timeout
        return [found[number] for number in range(first, first + len(asking))]

    def subscribe(self, subject: str) -> None:
        """Have what is published on ``subject`` come to ``next_published``."""
        self._send(f"SUB {subject} 2\r\n".encode())

    def next_published(self, until: float) -> NatsMessage | None:
        """Return what was published next on the subscription; None when the time ``until`` has come."""
        return self._next(until, "")

    def _next(self, until: float, inbox: str) -> NatsMessage | None:
        """Return the next message of the inbox, or of the subscription, and keep the others."""
        sid = "1" if inbox else "2"
        for number, (of, message) in enumerate(self._waiting):
            if of == sid:
                del self._waiting[number]
                self._waiting_bytes -= len(message.data)
                return message
        while True:
            try:
                line = self._line(until)
            except socket.timeout:
                return None
            word, *parts = line.split(" ")
            if word not in ("MSG", "HMSG"):
                continue
            head, total = (int(parts[-2]), int(parts[-1])) if word == "HMSG" else (0, int(parts[-1]))
            if not 0 <= head <= total <= _MOST_BYTES:
                raise StoreFault(f"{self.name} sends a message of {total} bytes; expected {_MOST_BYTES} at most")
            body = self._read(total + 2, time.monotonic() + self._login.timeout)
            status = body[:head].split(b"\r\n")[0].decode("ascii", "replace").partition(" ")[2]
            message = NatsMessage(parts[0], status, body[head:total])
            if parts[1] == sid:
                return message
            if parts[1] in _SUBSCRIPTIONS:
                self._waiting.append((parts[1], message))
                self._waiting_bytes += len(message.data)
            if self._waiting_bytes > _MOST_BYTES or len(self._waiting) > _MOST_WAITING:
                raise StoreFault(f"{self.name} sends more than anybody asked for; see who publishes there")

    def _line(self, until: float) -> str:
        """Return the next line that is for us: the server asks in between whether anybody is there."""
        while True:
            while b"\r\n" not in self._buffer:
                if len(self._buffer) > _MOST_LINE:
                    raise StoreFault(f"{self.name} is no NATS server: its line does not end; correct rollout_store")
                self._receive(until)
            raw, _, self._buffer = self._buffer.partition(b"\r\n")
            line = raw.decode("utf-8", "replace").strip()
            if line == "PING":
                self._send(b"PONG\r\n")
            elif line.startswith("-ERR"):
                raise self._refused(line[4:].strip(" '"))
            else:
                return line

    def _refused(self, words: str) -> StoreFault:
        if words.lower().startswith("permissions violation"):
            return StoreFault(f"{self.name} refuses: {words}; allow the user {self._login.user!r} that subject")
        if "auth" in words.lower():
            who = f"the user {self._login.user!r}" if self._login.user else "who gives no name"
            return StoreFault(f"{self.name} refuses {who}: {words}; {_LOGIN}")
        return StoreUnreachable(f"{self.name} ends the connection: {words}; see its log")

    def _read(self, size: int, until: float) -> bytes:
        while len(self._buffer) < size:
            self._receive(until)
        found, self._buffer = self._buffer[:size], self._buffer[size:]
        return found

    def _receive(self, until: float) -> None:
        left = until - time.monotonic()
        if left <= 0:
            raise socket.timeout("timed out")
        self._socket.settimeout(left)
        data = self._socket.recv(1 << 16)
        if not data:
            raise StoreUnreachable(f"{self.name} closed the connection; see its log")
        self._buffer += data

    def _send(self, data: bytes) -> None:
        self._socket.settimeout(self._login.timeout)
        self._socket.sendall(data)


def _read_info(text: str) -> dict[str, Any] | None:
    """Return what a server says of itself; None where that has another form."""
    try:
        info = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return info if isinstance(info, dict) else None
