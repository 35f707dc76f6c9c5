"""One HTTP request on a connection of its own, with a bound on the whole of it."""

from __future__ import annotations

import functools
import socket
from typing import TYPE_CHECKING, NamedTuple

from ..errors import SluiceError
from .answer import BODY_LIMIT, Answer
from .cookies import Cookies
from .http1 import CutOff, Deadline, NotHttp, Response, Silence
from .url import Url, bracketed

if TYPE_CHECKING:
    import ssl

__all__ = ["NoAnswer", "Request", "at", "connected", "fetch", "fields_of", "in_words", "tls"]


class NoAnswer(SluiceError):
    """No HTTP response came; the text says why, in words."""


class Request(NamedTuple):
    """What is sent: headers as the check gives them, a body as bytes or None."""

    method: str
    url: Url
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None


def fetch(request: Request, address: tuple[str, int], seconds: float, cookies: Cookies) -> Answer:
    """Send ``request`` with its ``cookies`` to ``address`` and read the answer, all within ``seconds``.

    TLS names the URL's host and verifies no certificate: a contract is about what a site answers. Raises ``NoAnswer``.
    """
    url, deadline = request.url, Deadline(seconds)
    try:
        with connected(url, address, deadline, url.scheme == "https", ("http/1.1",)) as connection:
            connection.settimeout(deadline.left())
            connection.sendall(_encode(request, cookies))
            response = Response(connection, deadline, request.method)
            body, fault = _read_body(response, seconds)
            return Answer(response.status, response.headers, body, fault)
    # A name that TLS or the resolver cannot take is a ValueError of theirs.
    except (OSError, ValueError, NotHttp, Silence) as error:
        raise NoAnswer(in_words(error, address, url, seconds)) from error


def connected(
    url: Url, address: tuple[str, int], deadline: Deadline, secured: bool, alpn: tuple[str, ...] = ()
) -> socket.socket:
    """Return a connection to an address, with TLS for the URL's host where it is ``secured``. Raises ``OSError``."""
    connection = socket.create_connection(address, deadline.left())
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(deadline.left())
        return tls(alpn).wrap_socket(connection, server_hostname=url.host) if secured else connection
    except BaseException:
        connection.close()
        raise


@functools.lru_cache(maxsize=None)
def tls(alpn: tuple[str, ...] = ()) -> ssl.SSLContext:
    """Return what TLS is made with: no certificate is verified, since a contract is about what a site answers."""
    # Here, because it loads all of OpenSSL, and many contracts ask for plain HTTP alone.
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


def fields_of(request: Request, cookies: Cookies) -> dict[str, str]:
    """Return the headers of a request; one of the check's own wins over the one that is sent anyway."""
    own = {name.lower(): value for name, value in request.headers}
    headers = {"Host": request.url.authority, "User-Agent": "sluice", "Accept": "*/*", "Connection": "close"}
    headers = {name: value for name, value in headers.items() if name.lower() not in own}
    if (request.body is not None or request.method in ("POST", "PUT", "PATCH")) and "content-length" not in own:
        headers["Content-Length"] = str(len(request.body or b""))
    headers.update((name, value) for name, value in request.headers if name.lower() != "cookie")
    sent = [text for text in (own.get("cookie"), cookies.header(request.url)) if text]
    if sent:
        headers["Cookie"] = "; ".join(sent)
    return headers


def _encode(request: Request, cookies: Cookies) -> bytes:
    """Write the request's head and body."""
    headers = fields_of(request, cookies)
    head = f"{request.method} {request.url.target} HTTP/1.1\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{head}\r\n".encode() + (request.body or b"")


def _read_body(response: Response, seconds: float) -> tuple[bytes, str | None]:
    """Read at most ``BODY_LIMIT`` bytes; return them and what went wrong on the way, in words."""
    body = bytearray()
    try:
        for part in response.body(BODY_LIMIT):
            body += part
    except socket.timeout:
        return bytes(body), f"the body was not complete within {seconds:.3g} s ({len(body)} bytes came)"
    except CutOff:
        return bytes(body), f"the answer was cut off after {len(body)} bytes of its body"
    except NotHttp as error:
        return bytes(body), f"what came after {len(body)} bytes of the body is not HTTP: {str(error)[:200]}"
    except OSError as error:
        return bytes(body), f"the connection broke after {len(body)} bytes of the body: {error}"
    promised = response.promised
    if promised is not None and len(body) < min(promised, BODY_LIMIT):
        return bytes(body), f"the answer was cut off after {len(body)} of {promised} bytes of its body"
    return bytes(body), None


def at(address: tuple[str, int]) -> str:
    """Write an address."""
    return f"{bracketed(address[0])}:{address[1]}"


def in_words(error: Exception, address: tuple[str, int], url: Url, seconds: float) -> str:
    """Return why nothing came back, for a person."""
    where = at(address)
    if isinstance(error, socket.timeout):
        return f"{where} gave no answer within {seconds:.3g} s"
    if isinstance(error, ConnectionRefusedError):
        return f"{where} refused the connection; nothing listens there"
    if isinstance(error, (Silence, EOFError, ConnectionResetError, BrokenPipeError)):
        return f"{where} closed the connection without an answer"
    if isinstance(error, NotHttp):
        return f"{where} answered something that is not HTTP: {str(error)[:100]!r}"
    if url.scheme in ("https", "wss", "tls"):
        import ssl

        if isinstance(error, ssl.SSLError):
            reason = (error.reason or str(error)).replace("_", " ").lower()
            return f"TLS with {where} for {url.host} failed: {reason}"
    return f"no connection to {where}: {getattr(error, 'strerror', None) or error}"
