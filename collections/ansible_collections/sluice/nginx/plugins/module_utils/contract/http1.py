"""What an HTTP/1 server answers, read from a connection of its own.

Not ``http.client``: it brings the parser of e-mails along, and to import that takes a host longer than to ask for ten
pages.
"""

from __future__ import annotations

import time

from ..errors import SluiceError
from ..lean import TYPE_CHECKING, NamedTuple
from ..lean.sockets import timeout

if TYPE_CHECKING:
    import socket
    from typing import Iterator

__all__ = ["CutOff", "Deadline", "NotHttp", "Response", "Silence"]

_CHUNK = 64 << 10
_LONGEST_LINE = 64 << 10
_MOST_HEADERS = 100


class NotHttp(SluiceError):
    """What came is no answer of HTTP/1; the text is the beginning of it, or what is wrong with it."""


class Silence(SluiceError):
    """The connection was closed before anything came."""


class CutOff(SluiceError):
    """The body ended before its end."""


class Deadline:
    """The moment at which a request's time is over."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds left. Raises ``socket.timeout`` where there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise timeout("time is over")
        return left


class _Head(NamedTuple):
    status: int
    headers: tuple[tuple[str, str], ...]


class Response:
    """The answer to a request of ``method``, whose head has been read when this is there; ``promised`` is the length of
    its body in bytes, as far as it is known.

    Raises ``NotHttp``, ``Silence``, and ``OSError``.
    """

    def __init__(self, connection: socket.socket, deadline: Deadline, method: str) -> None:
        self._connection = connection
        self._deadline = deadline
        self._buffer = b""
        self.status, self.headers = self._head()
        self._chunked = (self._value("transfer-encoding") or "").lower() == "chunked"
        self.promised: int | None = None
        if method == "HEAD" or self.status in (204, 304) or self.status < 200:
            self.promised, self._chunked = 0, False
        elif not self._chunked:
            length = self._value("content-length") or ""
            self.promised = int(length) if length.isascii() and length.isdigit() else None

    def body(self, most: int) -> Iterator[bytes]:
        """Read the body, at most about ``most`` bytes of it, piece by piece.

        Raises ``CutOff`` for one that ends within a chunk, and ``OSError``.
        """
        if self._chunked:
            yield from self._chunks(most)
            return
        most = most if self.promised is None else min(most, self.promised)
        while most > 0:
            part = self._some(most)
            if not part:
                return
            most -= len(part)
            yield part

    def _chunks(self, most: int) -> Iterator[bytes]:
        while most > 0:
            size = self._line().partition(b";")[0].strip()
            try:
                left = int(size, 16)
            except ValueError:
                raise CutOff("a chunk has no size") from None
            if left <= 0:
                return
            while left:
                part = self._some(left)
                if not part:
                    raise CutOff("a chunk is not complete")
                left -= len(part)
                most -= len(part)
                yield part
            self._line()

    def _head(self) -> _Head:
        while True:
            line = self._line()
            if not line:
                raise Silence("the connection was closed")
            version, _, rest = line.decode("latin-1").partition(" ")
            status = rest.split(None, 1)[0] if rest.strip() else ""
            if not version.startswith("HTTP/1.") or len(status) != 3 or not status.isdigit() or status < "100":
                raise NotHttp(line.decode("latin-1"))
            headers = tuple(self._header_lines())
            # "Continue" only says that the answer is still to come.
            if status != "100":
                return _Head(int(status), headers)

    def _header_lines(self) -> Iterator[tuple[str, str]]:
        last: tuple[str, str] | None = None
        for _ in range(_MOST_HEADERS + 1):
            line = self._line()
            if line in (b"\r\n", b"\n", b""):
                if last is not None:
                    yield last
                return
            text = _decoded(line)
            if text[0] in " \t" and last is not None:
                last = (last[0], f"{last[1]} {text.strip()}")
                continue
            if last is not None:
                yield last
            name, _, value = text.partition(":")
            last = (name, value.strip())
        raise NotHttp(f"got more than {_MOST_HEADERS} headers")

    def _value(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name), None)

    def _line(self) -> bytes:
        """Read up to the end of a line; what there is where the connection ends before that."""
        while b"\n" not in self._buffer:
            part = self._receive()
            if not part:
                break
            self._buffer += part
            if len(self._buffer) > _LONGEST_LINE and b"\n" not in self._buffer:
                raise NotHttp(f"got more than {_LONGEST_LINE} bytes in a line")
        end = self._buffer.find(b"\n") + 1 or len(self._buffer)
        line, self._buffer = self._buffer[:end], self._buffer[end:]
        return line

    def _some(self, most: int) -> bytes:
        found = self._buffer or self._receive()
        part, self._buffer = found[:most], found[most:]
        return part

    def _receive(self) -> bytes:
        self._connection.settimeout(self._deadline.left())
        return self._connection.recv(_CHUNK)


def _decoded(line: bytes) -> str:
    """Most of what is not ASCII in headers is UTF-8."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")
