"""WebSocket, as of RFC 6455: the upgrade, a message and what comes back. The standard library is enough for that."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import socket
import struct

from ..answer import header_problems
from ..http1 import Deadline, NotHttp, Response, Silence
from ..model import Check
from ..protocols import bytes_of
from ..transport import NoAnswer, connected, in_words
from .common import Heard
from .messages import holds, reply_problems

__all__ = ["ask"]

_MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_MOST, _MOST_SHOWN = 1 << 20, 100
_CONTINUED, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0, 1, 2, 8, 9, 10


def ask(check: Check, seconds: float) -> Heard:
    """Upgrade, send the message and hear until what is expected has come. Raises ``NoAnswer``."""
    url, deadline, address = check.parts, Deadline(seconds), check.address
    key = base64.b64encode(os.urandom(16)).decode()
    try:
        with connected(url, address, deadline, url.scheme == "wss", ("http/1.1",)) as line:
            line.sendall(_head(check, key))
            response = Response(line, deadline, "GET")
            problems = _problems(check, response, key)
            if response.status != 101 or problems:
                return Heard(response.status, b"", problems)
            talk = _Frames(line, deadline, response.unread())
            heard = talk.message(check)
            # Who has said all that was expected may be gone before the farewell.
            with contextlib.suppress(OSError):
                talk.send(_CLOSE, struct.pack(">H", 1000))
    except (OSError, ValueError, NotHttp, Silence) as error:
        raise NoAnswer(in_words(error, address, url, seconds)) from error
    problems += reply_problems(check.expect, heard)
    if problems and talk.why:
        problems[-1] += f"; {talk.why}"
    return Heard(101, heard, problems)


def _head(check: Check, key: str) -> bytes:
    own = {name.lower() for name, _ in check.headers}
    headers = {
        "Host": check.parts.authority,
        "User-Agent": "sluice",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": key,
    }
    if check.subprotocol:
        headers["Sec-WebSocket-Protocol"] = check.subprotocol
    rows = [*((name, value) for name, value in headers.items() if name.lower() not in own), *check.headers]
    lines = [f"GET {check.parts.target} HTTP/1.1", *(f"{name}: {value}" for name, value in rows)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _problems(check: Check, response: Response, key: str) -> list[str]:
    """Hold the answer to the upgrade to what is expected, and to what WebSocket demands."""
    expect, problems = check.expect, []
    values = {name.lower(): value for name, value in response.headers}
    if not expect.allows(response.status):
        hint = "; see `proxy_set_header Upgrade` and `Connection`" if expect.status == ("101",) else ""
        problems.append(f"expected status {' or '.join(expect.status)}, got {response.status}{hint}")
    elif response.status == 101:
        wanted = base64.b64encode(hashlib.sha1((key + _MAGIC).encode()).digest()).decode()
        given = any(name.lower() == "sec-websocket-key" for name, _ in check.headers)
        if not given and values.get("sec-websocket-accept") != wanted:
            given_back = values.get("sec-websocket-accept", "none")[:_MOST_SHOWN]
            problems.append(f"expected Sec-WebSocket-Accept {wanted}, got {given_back}")
        chosen = values.get("sec-websocket-protocol")
        if expect.subprotocol is not None and chosen != expect.subprotocol:
            problems.append(f"expected the subprotocol {expect.subprotocol}, got {(chosen or 'none')[:_MOST_SHOWN]}")
    for name, expected in expect.headers:
        seen = [value for field, value in response.headers if field.lower() == name.lower()]
        problems += header_problems(name, expected, seen)
    return problems


class _Frames:
    """Frames on a connection that was upgraded. ``why`` says why no more came, where that is known."""

    def __init__(self, line: socket.socket, deadline: Deadline, unread: bytes) -> None:
        self._line = line
        self._deadline = deadline
        self._unread = unread
        self.why = ""

    def message(self, check: Check) -> bytes:
        """Send the check's message, and return what comes until that holds which is expected."""
        sent = bytes_of(check.send, check.send_hex)
        if sent is not None:
            self.send(_TEXT if check.send is not None else _BINARY, sent)
        if check.expect.reply is None and check.expect.reply_hex is None:
            return b""
        heard = b""
        while len(heard) < _MOST:
            try:
                # A thousand frames may have come at once, each of which is looked through to its end.
                self._deadline.left()
                kind, data = self._frame()
            except socket.timeout:
                self.why = "nothing more came in time"
                break
            except (EOFError, ConnectionResetError):
                self.why = "the connection was closed without a word"
                break
            if kind == _CLOSE:
                code = int.from_bytes(data[:2], "big") if len(data) > 1 else 1005
                self.why = f"the other side closed with code {code}"
                break
            if kind == _PING:
                self.send(_PONG, data)
            elif kind in (_TEXT, _BINARY, _CONTINUED) and data:
                heard += data
                if holds(check.expect, heard):
                    break
        return heard

    def send(self, kind: int, data: bytes) -> None:
        """Send a frame, masked as clients must."""
        size = len(data)
        head = struct.pack(">B", 0x80 | kind)
        if size < 126:
            head += struct.pack(">B", 0x80 | size)
        elif size < 1 << 16:
            head += struct.pack(">BH", 0x80 | 126, size)
        else:
            head += struct.pack(">BQ", 0x80 | 127, size)
        mask = os.urandom(4)
        self._line.settimeout(self._deadline.left())
        self._line.sendall(head + mask + bytes(byte ^ mask[number % 4] for number, byte in enumerate(data)))

    def _frame(self) -> tuple[int, bytes]:
        first, second = self._take(2)
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack(">H", self._take(2))
        elif size == 127:
            (size,) = struct.unpack(">Q", self._take(8))
        if size > _MOST:
            raise ValueError(f"a frame of {size} bytes")
        mask = self._take(4) if second & 0x80 else b""
        data = self._take(size)
        return first & 0x0F, bytes(byte ^ mask[n % 4] for n, byte in enumerate(data)) if mask else data

    def _take(self, size: int) -> bytes:
        while len(self._unread) < size:
            self._line.settimeout(self._deadline.left())
            part = self._line.recv(64 << 10)
            if not part:
                raise EOFError
            self._unread += part
        found, self._unread = self._unread[:size], self._unread[size:]
        return found
