"""HTTP/3, by the library aioquic, which does no input and output of its own here: a socket and a clock are enough."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Any, Callable

from ..answer import BODY_LIMIT, Answer
from ..cookies import Cookies
from ..transport import NoAnswer, Request, at, fields_of
from .common import Untested, library, status_of

__all__ = ["Unanswered", "fetch", "fetch_patiently", "hold"]

_READ = 64 << 10
_LOOK = 0.1
_DROPPED = ("host", "connection", "upgrade", "keep-alive", "proxy-connection", "transfer-encoding")
_PACKAGE = "python3-aioquic"
# Seconds that a connection gets where it may reach nobody, and the methods of requests that may be sent once more.
_FRESH = 2.0
_SAFE = ("GET", "HEAD", "OPTIONS")


class Unanswered(NoAnswer):
    """Nothing came within the time."""


def fetch(request: Request, address: tuple[str, int], seconds: float, cookies: Cookies) -> Answer:
    """Send ``request`` over a QUIC connection of its own and read the answer, all within ``seconds``.

    Raises ``NoAnswer``, and ``Untested`` where the library is missing.
    """
    if request.url.scheme != "https":
        raise NoAnswer(f"{request.url} is not encrypted, and HTTP/3 always is")
    fields = {name.lower(): value for name, value in fields_of(request, cookies).items()}
    head = [
        (b":method", request.method.encode()),
        (b":scheme", b"https"),
        (b":authority", fields.get("host", request.url.authority).encode()),
        (b":path", request.url.target.encode()),
    ]
    head += [(name.encode(), value.encode()) for name, value in fields.items() if name not in _DROPPED]
    where = at(address)
    talk = _QuicTalk(request.url.host, address, head, request.body or b"")
    try:
        return talk.go(time.monotonic() + seconds)
    except socket.timeout:
        raise Unanswered(f"{where} gave no answer over QUIC within {seconds:.3g} s") from None
    except ConnectionRefusedError:
        raise NoAnswer(f"nothing listens for QUIC at {where}; see `listen … quic` of that server") from None
    except OSError as error:
        raise NoAnswer(f"no connection over QUIC to {where}: {error.strerror or error}") from error
    except (ValueError, KeyError) as error:
        raise NoAnswer(f"{where} answered something that is not HTTP/3: {str(error)[:100]}") from error


def fetch_patiently(
    lost: Callable[[], str], request: Request, address: tuple[str, int], seconds: float, cookies: Cookies
) -> Answer:
    """Do as ``fetch`` does; while ``lost`` says why a new connection may reach nobody, try one after the other.

    A silence then says nothing of what is asked: where none of them is answered within ``seconds``, this raises
    ``Untested``.
    """
    until = time.monotonic() + seconds
    while why := lost():
        left = until - time.monotonic()
        try:
            return fetch(request, address, min(_FRESH, left) if request.method in _SAFE else left, cookies)
        except Unanswered as error:
            if request.method not in _SAFE or time.monotonic() >= until:
                silent = f"{at(address)} gave no answer over QUIC within {seconds:.3g} s"
                raise Untested(f"{silent}, and {why}") from error
    return fetch(request, address, max(until - time.monotonic(), _FRESH), cookies)


def hold(name: str, address: tuple[str, int], seconds: float, over: threading.Event) -> None:
    """Keep a connection whose request has begun and does not end, as of a visitor on a slow line.

    It ends after so many seconds, or when it is ``over``. Raises ``OSError`` and ``NoAnswer`` where there is none.
    """
    talk = _QuicTalk(name, address, [], b"")
    talk.begun = _HALF_A_HEAD
    talk.go(time.monotonic() + seconds, over)


# The beginning of a frame of headers, of which 255 bytes are to come.
_HALF_A_HEAD = b"\x01\x40\xff"


class _QuicTalk:
    """One request on one connection; with ``begun`` it is sent as far as that."""

    def __init__(self, name: str, address: tuple[str, int], head: list[tuple[bytes, bytes]], body: bytes) -> None:
        configuration = library("aioquic.quic.configuration", _PACKAGE, "HTTP/3").QuicConfiguration(
            is_client=True, alpn_protocols=["h3"], server_name=name, verify_mode=0
        )
        self._quic = library("aioquic.quic.connection", _PACKAGE, "HTTP/3").QuicConnection(configuration=configuration)
        self._http = library("aioquic.h3.connection", _PACKAGE, "HTTP/3").H3Connection(self._quic)
        self._address, self._head, self._to_send = address, head, body
        self._stream: int | None = None
        self._status = 0
        self._headers: list[tuple[str, str]] = []
        self._body = bytearray()
        self._ended = False
        self.begun = b""

    def go(self, until: float, over: threading.Event | None = None) -> Answer:
        """Ask, and read to the end, or until it is ``over``. Raises ``OSError``, ``ValueError`` and ``NoAnswer``."""
        family = socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as line:
            line.connect(self._address)
            where = line.getpeername()
            self._quic.connect(where, now=time.monotonic())
            try:
                self._turns(line, where, until, over)
            finally:
                # Also to who gives no answer: a server that hears nothing keeps the connection for a minute.
                self._quic.close()
                with contextlib.suppress(OSError):
                    self._send(line)
        return Answer(self._status, tuple(self._headers), bytes(self._body))

    def _turns(self, line: socket.socket, where: tuple[str, int], until: float, over: threading.Event | None) -> None:
        while not self._ended:
            self._send(line)
            timer = self._quic.get_timer()
            now = time.monotonic()
            if over is not None and (now >= until or over.is_set()):
                return
            if now >= until:
                raise socket.timeout
            # Who waits for an end looks for it now and then.
            most = until if over is None else min(until, now + _LOOK)
            line.settimeout(max(min(most, timer or most) - now, 0.001))
            try:
                self._quic.receive_datagram(line.recv(_READ), where, now=time.monotonic())
            except socket.timeout:
                if timer is not None and time.monotonic() >= timer:
                    self._quic.handle_timer(now=time.monotonic())
            self._look()

    def _send(self, line: socket.socket) -> None:
        for data, _ in self._quic.datagrams_to_send(now=time.monotonic()):
            line.send(data)

    def _look(self) -> None:
        while True:
            event = self._quic.next_event()
            if event is None:
                return
            kind = type(event).__name__
            if kind == "HandshakeCompleted":
                self._stream = self._quic.get_next_available_stream_id()
                if self.begun:
                    self._quic.send_stream_data(self._stream, self.begun)
                    continue
                self._http.send_headers(self._stream, self._head, end_stream=not self._to_send)
                if self._to_send:
                    self._http.send_data(self._stream, self._to_send, end_stream=True)
            elif kind == "ConnectionTerminated" and not self._ended:
                why = event.reason_phrase or f"code {event.error_code:#x}"
                raise NoAnswer(f"{at(self._address)} ended the QUIC connection without an answer: {why}")
            elif kind == "StreamReset" and event.stream_id == self._stream:
                raise NoAnswer(f"{at(self._address)} reset the stream with code {event.error_code:#x}")
            for each in self._http.handle_event(event):
                self._take(each)

    def _take(self, event: Any) -> None:
        kind = type(event).__name__
        if getattr(event, "stream_id", None) != self._stream:
            return
        if kind == "HeadersReceived":
            fields = [(name.decode("latin-1"), value.decode("utf-8", "replace")) for name, value in event.headers]
            said = dict(fields).get(":status")
            # An answer of 1xx says that the answer is still to come; headers behind a body are trailers.
            status = 0 if said is None else status_of(said)
            if status >= 200:
                self._status = status
                self._headers = [pair for pair in fields if not pair[0].startswith(":")]
        elif kind == "DataReceived":
            self._body += event.data[: BODY_LIMIT - len(self._body)]
        self._ended = bool(getattr(event, "stream_ended", False)) or len(self._body) >= BODY_LIMIT
