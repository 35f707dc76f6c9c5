"""HTTP/2, by the library h2: over TLS where ALPN agrees on it, without TLS by prior knowledge."""

from __future__ import annotations

from typing import Any, NamedTuple, Sequence

from ..answer import BODY_LIMIT, Answer
from ..cookies import Cookies
from ..http1 import Deadline
from ..transport import NoAnswer, Request, at, connected, fields_of, in_words
from ..url import Url
from .common import library, status_of

__all__ = ["WholeAnswer", "exchange", "fetch"]

_READ = 64 << 10
# What of a head and what beside HTTP/1.1 has another place, or none.
_DROPPED = ("host", "connection", "upgrade", "keep-alive", "proxy-connection", "transfer-encoding", "http2-settings")


class WholeAnswer(NamedTuple):
    """An answer, and its trailers: headers that come after the body."""

    answer: Answer
    trailers: tuple[tuple[str, str], ...]


def fetch(request: Request, address: tuple[str, int], seconds: float, cookies: Cookies) -> Answer:
    """Send ``request`` with its ``cookies`` over HTTP/2 and read the answer, all within ``seconds``.

    Raises ``NoAnswer``, and ``Untested`` where the library is missing.
    """
    head = [
        (":method", request.method),
        (":scheme", request.url.scheme),
        (":authority", request.url.authority),
        (":path", request.url.target),
    ]
    fields = {name.lower(): value for name, value in fields_of(request, cookies).items()}
    # Of the check's own, as with HTTP/1.1.
    head[2] = (":authority", fields.get("host", request.url.authority))
    head += [(name, value) for name, value in fields.items() if name not in _DROPPED]
    return exchange(request.url, address, head, request.body, seconds).answer


def exchange(
    url: Url, address: tuple[str, int], head: Sequence[tuple[str, str]], body: bytes | None, seconds: float
) -> WholeAnswer:
    """Open one stream of a connection of its own, and read it to its end. Raises ``NoAnswer`` and ``Untested``."""
    protocol = library("h2.connection", "python3-h2", "HTTP/2")
    errors = library("h2.exceptions", "python3-h2", "HTTP/2")
    deadline = Deadline(seconds)
    try:
        # HTTP/1.1 is offered too: a server that speaks nothing else then says so, and does not break off.
        with connected(url, address, deadline, url.scheme == "https", ("h2", "http/1.1")) as connection:
            _hold_to_alpn(connection, url, address)
            talk = _H2Stream(protocol.H2Connection(), body or b"")
            talk.begin(head, seconds)
            while not talk.ended:
                connection.settimeout(deadline.left())
                connection.sendall(talk.to_send())
                connection.settimeout(deadline.left())
                data = connection.recv(_READ)
                if not data:
                    talk.cut_off()
                    break
                if not talk.heard and data.startswith(b"HTTP/1"):
                    line = data.split(b"\r\n")[0].decode("latin-1")[:100]
                    raise NoAnswer(f"{at(address)} answers HTTP/1 where HTTP/2 is asked for: {line!r}")
                talk.take(data)
            return talk.result()
    except (OSError, EOFError) as error:
        raise NoAnswer(in_words(error, address, url, seconds)) from error
    except (errors.ProtocolError, ValueError, KeyError) as error:
        raise NoAnswer(f"{at(address)} answered something that is not HTTP/2: {str(error)[:100]}") from error


def _hold_to_alpn(connection: Any, url: Url, address: tuple[str, int]) -> None:
    if url.scheme != "https":
        return
    agreed = connection.selected_alpn_protocol()
    if agreed != "h2":
        said = f"agrees on {agreed}" if agreed else "agrees on no protocol by ALPN, so HTTP/1.1 is spoken"
        raise NoAnswer(f"{at(address)} speaks no HTTP/2 for {url.host}: it {said}; see `http2` of that listener")


class _H2Stream:
    """One stream on one connection: what is to be sent, and what came."""

    def __init__(self, talk: Any, body: bytes) -> None:
        self._talk = talk
        self._left = body
        self._status = 0
        self._headers: list[tuple[str, str]] = []
        self._trailers: list[tuple[str, str]] = []
        self._body = bytearray()
        self._fault: str | None = None
        self.heard = False
        self.ended = False

    def begin(self, head: Sequence[tuple[str, str]], seconds: float) -> None:
        self._seconds = seconds
        self._talk.initiate_connection()
        self._talk.send_headers(1, head, end_stream=not self._left)

    def to_send(self) -> bytes:
        """What may be sent now: of a body as much as the other side has room for."""
        while self._left:
            room = min(self._talk.local_flow_control_window(1), self._talk.max_outbound_frame_size)
            if room <= 0:
                break
            part, self._left = self._left[:room], self._left[room:]
            self._talk.send_data(1, part, end_stream=not self._left)
        data: bytes = self._talk.data_to_send()
        return data

    def take(self, data: bytes) -> None:
        """Read what came."""
        self.heard = True
        for event in self._talk.receive_data(data):
            kind = type(event).__name__
            if kind == "ResponseReceived":
                fields = _fields(event.headers)
                self._status = status_of(dict(fields)[":status"])
                self._headers = [pair for pair in fields if not pair[0].startswith(":")]
            elif kind == "DataReceived":
                self._body += event.data[: BODY_LIMIT - len(self._body)]
                self._talk.acknowledge_received_data(event.flow_controlled_length, 1)
                self.ended = self.ended or len(self._body) >= BODY_LIMIT
            elif kind == "TrailersReceived":
                self._trailers = _fields(event.headers)
            elif kind == "StreamEnded":
                self.ended = True
            elif kind in ("StreamReset", "ConnectionTerminated") and not self.ended:
                self._broken(int(event.error_code))

    def _broken(self, code: int) -> None:
        self.ended = True
        if not self._status:
            raise EOFError
        self._fault = f"the stream was reset with code {code} after {len(self._body)} bytes of its body"

    def cut_off(self) -> None:
        """Note that the connection has ended before the stream."""
        if not self._status:
            raise EOFError
        self._fault = f"the answer was cut off after {len(self._body)} bytes of its body"

    def result(self) -> WholeAnswer:
        """What came."""
        answer = Answer(self._status, tuple(self._headers), bytes(self._body), self._fault)
        return WholeAnswer(answer, tuple(self._trailers))


def _fields(rows: Sequence[tuple[Any, Any]]) -> list[tuple[str, str]]:
    return [(_text(name), _text(value)) for name, value in rows]


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
