"""One HTTP request on a connection of its own, with a bound on the whole of it."""

from __future__ import annotations

import functools
import io
import socket
import ssl
import time
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse, IncompleteRead, RemoteDisconnected
from http.cookiejar import CookieJar
from typing import Any, cast

from ..errors import SluiceError
from .answer import BODY_LIMIT, Answer
from .url import Url, bracketed

__all__ = ["NoAnswer", "Request", "fetch"]

_CHUNK = 64 * 1024


class NoAnswer(SluiceError):
    """No HTTP response came; the text says why, in words."""


@dataclass(frozen=True)
class Request:
    """What is sent: headers as the check gives them, a body as bytes or None."""

    method: str
    url: Url
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None


def fetch(request: Request, address: tuple[str, int], timeout: float, jar: CookieJar) -> Answer:
    """Send ``request`` to ``address`` and read the answer, all within ``timeout`` seconds; cookies are kept in ``jar``.

    TLS names the URL's host and verifies no certificate: a contract is about what a site answers. Raises ``NoAnswer``.
    """
    deadline = _Deadline(timeout)
    try:
        with socket.create_connection(address, timeout) as plain, _secured(plain, request.url, deadline) as connection:
            connection.settimeout(deadline.left())
            connection.sendall(_encode(request, jar))
            # HTTPResponse takes no more than makefile() of a socket.
            response = HTTPResponse(cast(socket.socket, _Readable(connection, deadline)), method=request.method)
            with response:
                response.begin()
                jar.extract_cookies(response, _carrier(request.url))
                headers = tuple((name, _decoded(value)) for name, value in response.getheaders())
                body, fault = _read_body(response, timeout)
                return Answer(response.status, headers, body, fault)
    except (OSError, HTTPException) as error:
        raise NoAnswer(_in_words(error, address, request.url, timeout)) from error


class _Deadline:
    """The moment at which a request's time is over."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds left. Raises ``socket.timeout`` where there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise socket.timeout("time is over")
        return left


class _Readable(io.RawIOBase):
    """A socket's bytes, as HTTPResponse wants them, within one deadline: a socket's own timeout begins anew."""

    def __init__(self, connection: socket.socket, deadline: _Deadline) -> None:
        super().__init__()
        self._connection = connection
        self._deadline = deadline

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._connection.settimeout(self._deadline.left())
        return self._connection.recv_into(buffer)


def _secured(plain: socket.socket, url: Url, deadline: _Deadline) -> socket.socket:
    if url.scheme == "http":
        return plain
    plain.settimeout(deadline.left())
    return _tls().wrap_socket(plain, server_hostname=url.host)


@functools.lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    return context


def _encode(request: Request, jar: CookieJar) -> bytes:
    """Write the request's head and body; a header of the check's own wins over the one that is sent anyway."""
    own = {name.lower(): value for name, value in request.headers}
    headers = {"Host": request.url.authority, "User-Agent": "sluice", "Accept": "*/*", "Connection": "close"}
    headers = {name: value for name, value in headers.items() if name.lower() not in own}
    if (request.body is not None or request.method in ("POST", "PUT", "PATCH")) and "content-length" not in own:
        headers["Content-Length"] = str(len(request.body or b""))
    headers.update((name, value) for name, value in request.headers if name.lower() != "cookie")
    cookies = [text for text in (own.get("cookie"), _cookies(request.url, jar)) if text]
    if cookies:
        headers["Cookie"] = "; ".join(cookies)
    head = f"{request.method} {request.url.target} HTTP/1.1\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{head}\r\n".encode() + (request.body or b"")


def _carrier(url: Url) -> urllib.request.Request:
    """The request in the form that a CookieJar understands; it is never sent."""
    return urllib.request.Request(str(url))


def _cookies(url: Url, jar: CookieJar) -> str | None:
    carrier = _carrier(url)
    jar.add_cookie_header(carrier)
    return carrier.get_header("Cookie")


def _decoded(value: str) -> str:
    """http.client reads headers as Latin-1; most of what is not ASCII is UTF-8."""
    raw = value.encode("latin-1", "replace")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return value


def _read_body(response: HTTPResponse, timeout: float) -> tuple[bytes, str | None]:
    """Read at most ``BODY_LIMIT`` bytes; return them and what went wrong on the way, in words."""
    promised = response.length
    most = BODY_LIMIT if promised is None else min(promised, BODY_LIMIT)
    body = bytearray()
    try:
        while len(body) < most:
            part = response.read1(min(_CHUNK, most - len(body)))
            if not part:
                break
            body += part
    except socket.timeout:
        return bytes(body), f"the body was not complete within {timeout:g} s ({len(body)} bytes came)"
    except IncompleteRead:
        return bytes(body), f"the answer was cut off after {len(body)} bytes of its body"
    except (OSError, HTTPException) as error:
        return bytes(body), f"the connection broke after {len(body)} bytes of the body: {error}"
    if promised is not None and len(body) < most:
        return bytes(body), f"the answer was cut off after {len(body)} of {promised} bytes of its body"
    return bytes(body), None


def _in_words(error: Exception, address: tuple[str, int], url: Url, timeout: float) -> str:
    where = f"{bracketed(address[0])}:{address[1]}"
    if isinstance(error, socket.timeout):
        return f"{where} gave no answer within {timeout:g} s"
    if isinstance(error, ConnectionRefusedError):
        return f"{where} refused the connection; nothing listens there"
    if isinstance(error, (RemoteDisconnected, ConnectionResetError, BrokenPipeError)):
        return f"{where} closed the connection without an answer"
    if isinstance(error, ssl.SSLError):
        reason = (error.reason or str(error)).replace("_", " ").lower()
        return f"TLS with {where} for {url.host} failed: {reason}"
    if isinstance(error, HTTPException):
        return f"{where} answered something that is not HTTP: {str(error)[:100]!r}"
    return f"no connection to {where}: {getattr(error, 'strerror', None) or error}"
