"""What an HTTP/1 server answers, read from a connection of its own.

Not ``http.client``, which has no bound on the time that a head may take and hides what it fixes. This is strict: what
nginx never sends, and clients read in different ways, is no answer.
"""

from __future__ import annotations

import math
import socket
import time
from typing import Iterator, NamedTuple

from ..errors import SluiceError
from ..untrusted import whole_number

__all__ = ["CutOff", "Deadline", "NotHttp", "Response", "Silence"]

_CHUNK = 64 << 10
_LONGEST_LINE = 64 << 10
_MOST_HEADERS = 100
# All that comes before a body, in bytes: with what only says that the answer is still to come.
_LARGEST_HEAD = 512 << 10
_HEX = frozenset(b"0123456789abcdefABCDEF")
_MOST_HEX = 15
_UPGRADED = 101


class NotHttp(SluiceError):
    """What came is no answer of HTTP/1; the text is the beginning of it, or what is wrong with it."""


class Silence(SluiceError):
    """The connection was closed before anything came."""


class CutOff(SluiceError):
    """The body ended before its end."""


class Deadline:
    """The moment at which a request's time is over; ``silence`` is how long nothing may come before that."""

    def __init__(self, seconds: float, silence: float = math.inf) -> None:
        self._end = time.monotonic() + seconds
        self._silence = silence

    def left(self) -> float:
        """Return for how many seconds to wait. Raises ``socket.timeout`` where there are none."""
        left = min(self._end - time.monotonic(), self._silence)
        if left <= 0:
            raise socket.timeout("time is over")
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
        self._at = 0
        self._head_left = _LARGEST_HEAD
        self._is_whole = False
        self.status, self.headers = self._head()
        self._chunked = self._is_chunked()
        self.promised: int | None = None
        if method == "HEAD" or self.status in (204, 304, _UPGRADED):
            self.promised, self._chunked = 0, False
        elif not self._chunked:
            self.promised = self._length()

    def body(self, most: int) -> Iterator[bytes]:
        """Read the body, at most ``most`` bytes of it, piece by piece.

        Raises ``CutOff`` for one that ends within a chunk, ``NotHttp`` for what is no chunk, and ``OSError``.
        """
        if self._chunked:
            yield from self._chunks(most)
            return
        left = most if self.promised is None else min(most, self.promised)
        while left > 0:
            part = self._some(left)
            if not part:
                return
            left -= len(part)
            yield part
        self._is_whole = self.promised is not None and self.promised <= most

    def unread(self) -> bytes:
        """Return what has come behind the head and belongs to no body: what is spoken after an upgrade."""
        return self._buffer[self._at :]

    def is_reusable(self) -> bool:
        """Read what may follow a body that was read, and return whether the connection can be asked once more."""
        closes = "close" in ", ".join(self._values("connection")).lower()
        if closes or self.status == _UPGRADED or not self._is_whole:
            return False
        try:
            for _ in self._header_lines() if self._chunked else ():
                pass
        except (NotHttp, OSError):
            return False
        # What nobody has asked for would be taken for the answer to the next request.
        return self._at == len(self._buffer)

    def _chunks(self, most: int) -> Iterator[bytes]:
        while most > 0:
            line = self._line()
            if not line.endswith(b"\n"):
                raise CutOff("a chunk has no size")
            size = line.partition(b";")[0].strip()
            if not size or len(size) > _MOST_HEX or not _HEX.issuperset(size):
                raise NotHttp(f"got {_shown(size)} as the size of a chunk")
            left = int(size, 16)
            if not left:
                self._is_whole = True
                return
            while left and most > 0:
                part = self._some(min(left, most))
                if not part:
                    raise CutOff("a chunk is not complete")
                left -= len(part)
                most -= len(part)
                yield part
            if not left and self._line().strip(b"\r\n"):
                raise NotHttp("got a chunk that is longer than its size")

    def _head(self) -> _Head:
        while True:
            line = self._head_line()
            if not line:
                raise Silence("the connection was closed")
            version, _, rest = line.decode("latin-1").partition(" ")
            word = rest.split(None, 1)[0] if rest.strip() else ""
            status = whole_number(word)
            if not version.startswith("HTTP/1.") or len(word) != 3 or status is None or status < 100:
                raise NotHttp(line.decode("latin-1"))
            headers = tuple(self._header_lines())
            # "Continue" and "Early Hints" only say that the answer is still to come.
            if status >= 200 or status == _UPGRADED:
                return _Head(status, headers)

    def _header_lines(self) -> Iterator[tuple[str, str]]:
        last: tuple[str, str] | None = None
        for _ in range(_MOST_HEADERS + 1):
            line = self._head_line()
            if not line:
                raise NotHttp("got headers without an end")
            if line in (b"\r\n", b"\n"):
                if last is not None:
                    yield last
                return
            text = _decoded(line)
            if text[0] in " \t" and last is not None:
                last = (last[0], f"{last[1]} {text.strip()}")
                continue
            if last is not None:
                yield last
            name, colon, value = text.partition(":")
            if not colon or not name.strip():
                raise NotHttp(f"got {_shown(line)} as a header")
            last = (name, value.strip())
        raise NotHttp(f"got more than {_MOST_HEADERS} headers")

    def _values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name]

    def _is_chunked(self) -> bool:
        codings = ", ".join(self._values("transfer-encoding")).lower()
        if codings not in ("", "identity", "chunked"):
            raise NotHttp(f"got the Transfer-Encoding {codings[:100]}")
        return codings == "chunked"

    def _length(self) -> int | None:
        """Return what the answer says of its length. One that says two lengths ends nobody knows where."""
        lengths = {text.strip() for value in self._values("content-length") for text in value.split(",")}
        if not lengths:
            return None
        length = whole_number(lengths.pop())
        if length is None or lengths:
            raise NotHttp(f"got the Content-Length {', '.join(self._values('content-length'))[:100] or 'nothing'}")
        return length

    def _head_line(self) -> bytes:
        line = self._line()
        self._head_left -= len(line)
        if self._head_left < 0:
            raise NotHttp(f"got more than {_LARGEST_HEAD} bytes before a body")
        if line and not line.endswith(b"\n"):
            raise NotHttp(line.decode("latin-1"))
        if b"\0" in line:
            raise NotHttp(f"got a NUL in {_shown(line)}")
        return line

    def _line(self) -> bytes:
        """Read up to the end of a line; what there is where the connection ends before that."""
        end = self._buffer.find(b"\n", self._at) + 1
        while not end:
            part = self._receive()
            if not part:
                end = len(self._buffer)
                break
            self._buffer, self._at, seen = self._buffer[self._at :] + part, 0, len(self._buffer) - self._at
            end = self._buffer.find(b"\n", seen) + 1
            if not end and len(self._buffer) > _LONGEST_LINE:
                raise NotHttp(f"got more than {_LONGEST_LINE} bytes in a line")
        line, self._at = self._buffer[self._at : end], end
        return line

    def _some(self, most: int) -> bytes:
        if self._at >= len(self._buffer):
            self._buffer, self._at = self._receive(), 0
        part = self._buffer[self._at : self._at + most]
        self._at += len(part)
        return part

    def _receive(self) -> bytes:
        self._connection.settimeout(self._deadline.left())
        return self._connection.recv(_CHUNK)


def _shown(line: bytes) -> str:
    return line[:100].strip().decode("latin-1") or "nothing"


def _decoded(line: bytes) -> str:
    """Most of what is not ASCII in headers is UTF-8."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")
