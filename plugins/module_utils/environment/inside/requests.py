"""One request over a raw socket: HTTP/1.1, HTTP/2 with prior knowledge, a TLS handshake, or bytes over TCP and UDP.

Raw, because what is asked is often wrong on purpose, and because thousands are asked.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import socket
import ssl
import time
from typing import Any

from ...contract.http1 import CutOff, Deadline, NotHttp, Response, Silence
from . import relay
from .certificates import names_of

__all__ = ["Connection", "Silent", "connect", "handshake", "prior_knowledge", "said_back", "secured"]

_MOST_BODY = 4 * 1024 * 1024
# A timeout is that of silence; who sends a byte now and then is done with after so many of them.
_TIMEOUTS = 4
_CLOSED = "the connection was closed without an answer"
_VERSIONS = {
    "TLSv1": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}


class Silent(Exception):
    """No answer came; the text says why."""


def _context(version: str = "", alpn: tuple[str, ...] = ("http/1.1",)) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    # Old versions and weak ciphers are asked for too: what is accepted is what is looked at.
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    context.set_alpn_protocols(list(alpn))
    context.minimum_version = _VERSIONS[version or "TLSv1"]
    if version:
        context.maximum_version = _VERSIONS[version]
    return context


@functools.lru_cache(maxsize=1)
def _usual() -> ssl.SSLContext:
    return _context()


def connect(where: str, port: int, timeout: float, own: tuple[str, int] | None = None) -> socket.socket:
    """Return a connection to an address, or to ``unix:PATH`` in nginx's container. Raises ``OSError``."""
    if where.startswith("unix:"):
        return relay.connect(where.removeprefix("unix:"), timeout)
    made = socket.create_connection((where.strip("[]"), port), timeout, own)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def secured(plain: socket.socket, name: str) -> ssl.SSLSocket:
    """Return a connection with TLS for ``name``, whatever its certificate is. Raises ``OSError``."""
    return _usual().wrap_socket(plain, server_hostname=name or None)


def _connected(row: dict[str, Any], source: str, timeout: float) -> socket.socket:
    where = str(row["connect"]).strip("[]")
    fitting = where.startswith("127.") if source.startswith("127.") else (":" in source) == (":" in where)
    own = (source, 0) if source and fitting and not row["proxied"] else None
    try:
        made = connect(where, row["port"], timeout, own)
    except OSError as error:
        raise Silent(_words(error)) from error
    if row["proxied"]:
        family, here = ("TCP6", "::1") if ":" in source else ("TCP4", "127.0.0.1")
        made.sendall(f"PROXY {family} {source or here} {here} 40000 {row['port']}\r\n".encode())
    return made


def _words(error: BaseException) -> str:
    if isinstance(error, socket.timeout):
        return "no answer in time"
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused"
    if isinstance(error, (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError)):
        return _CLOSED
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {(error.reason or str(error)).replace('_', ' ').lower()}"
    return f"no connection: {getattr(error, 'strerror', None) or error}"


class Connection:
    """A connection that is asked one request after the other, until it has ``ended``."""

    def __init__(self, row: dict[str, Any], source: str, timeout: float) -> None:
        plain = _connected(row, source, timeout)
        try:
            self._socket = secured(plain, row["host"]) if row["scheme"] == "https" else plain
        except OSError as error:
            plain.close()
            raise Silent(_words(error)) from error
        self._timeout = timeout
        self.asked = 0
        self.ended = False

    def ask(self, row: dict[str, Any], tag: int, cookies: str = "") -> dict[str, Any]:
        """Send a request and read its answer. Raises ``Silent``."""
        self.asked += 1
        self.ended = True
        deadline = Deadline(_TIMEOUTS * self._timeout, self._timeout)
        try:
            self._socket.settimeout(self._timeout)
            self._socket.sendall(_head(row, tag, cookies))
            # A server that refuses a body may close before all of it is sent, and still has said why.
            with contextlib.suppress(ConnectionResetError, BrokenPipeError, ssl.SSLEOFError):
                self._socket.sendall(row["said"].encode() or b"x" * int(row["body"]))
            response = Response(self._socket, deadline, row["method"])
            body = b"".join(response.body(_MOST_BODY))
            self.ended = not response.is_reusable()
        except (Silence, CutOff) as error:
            raise Silent(_CLOSED) from error
        except OSError as error:
            raise Silent(_words(error)) from error
        except (NotHttp, ValueError) as error:
            raise Silent(f"the answer is not HTTP: {error}") from error
        return {"status": response.status, "headers": list(response.headers), "body": body}

    def close(self) -> None:
        """Close it."""
        self._socket.close()


def _headers(row: dict[str, Any], tag: int, cookies: str) -> dict[str, str]:
    own = dict(row["headers"])
    held = {name.lower() for name in own}
    usual = {"Host": row["authority"], "User-Agent": "sluice", "Accept": "*/*", "X-Sluice-Request": str(tag)}
    headers = {**{name: value for name, value in usual.items() if name.lower() not in held}, **own}
    if row["body"] or row["method"] in ("POST", "PUT", "PATCH"):
        headers["Content-Length"] = str(row["body"])
    if cookies:
        headers["Cookie"] = "; ".join(filter(None, [headers.get("Cookie", ""), cookies]))
    return headers


def _head(row: dict[str, Any], tag: int, cookies: str) -> bytes:
    lines = [f"{row['method']} {row['target']} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in _headers(row, tag, cookies).items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def handshake(row: dict[str, Any], source: str, timeout: float) -> dict[str, Any]:
    """Shake hands with the TLS version of ``row``; tell what was agreed on, and for whom the certificate is."""
    with _connected(row, source, timeout) as plain:
        try:
            alpn = ("h2", "http/1.1")
            with _context(row["tls"], alpn).wrap_socket(plain, server_hostname=row["host"]) as secured:
                cipher = secured.cipher()
                return {
                    "tls": {
                        "version": secured.version(),
                        "cipher": cipher[0] if cipher else "",
                        "protocol": secured.selected_alpn_protocol() or "",
                        "certificate": names_of(secured.getpeercert(binary_form=True) or b""),
                    }
                }
        except (OSError, ValueError) as error:
            raise Silent(_words(error)) from error


def said_back(row: dict[str, Any], source: str, timeout: float) -> dict[str, Any]:
    """Send a line over TCP, TLS or UDP, and tell what comes back within the time that silence takes to be one."""
    if row["speaks"] == "udp":
        where = str(row["connect"]).strip("[]")
        plain = socket.socket(socket.AF_INET6 if ":" in where else socket.AF_INET, socket.SOCK_DGRAM)
        plain.connect((where, row["port"]))
    else:
        plain = _connected(row, source, timeout)
    with contextlib.closing(plain):
        try:
            line = _context().wrap_socket(plain, server_hostname=row["host"]) if row["speaks"] == "tls" else plain
            line.settimeout(min(timeout, 1.0))
            line.sendall(row["said"].encode())
            heard = b""
            with contextlib.suppress(socket.timeout):
                while len(heard) < 4096:
                    data = line.recv(4096)
                    heard += data
                    # Who has spoken once seldom waits before the rest.
                    line.settimeout(0.3)
                    if not data or row["speaks"] == "udp":
                        break
        except OSError as error:
            raise Silent(_words(error)) from error
    return {"status": None, "headers": [], "body": heard, "accepted": True}


def _line_of_http2(row: dict[str, Any], source: str, timeout: float) -> socket.socket:
    plain = _connected(row, source, timeout)
    if row["scheme"] != "https":
        return plain
    try:
        line = _context(alpn=("h2", "http/1.1")).wrap_socket(plain, server_hostname=row["host"] or None)
    except OSError as error:
        plain.close()
        raise Silent(_words(error)) from error
    agreed = line.selected_alpn_protocol()
    if agreed != "h2":
        line.close()
        raise Silent(f"it speaks no HTTP/2: by ALPN it agrees on {agreed or 'nothing'}")
    return line


def prior_knowledge(row: dict[str, Any], tag: int, source: str, timeout: float) -> dict[str, Any]:
    """Ask over HTTP/2 by the library that staging packs: with TLS where ALPN agrees on it, else without an upgrade."""
    try:
        library, events = importlib.import_module("h2.connection"), importlib.import_module("h2.events")
        library_errors = importlib.import_module("h2.exceptions")
    except ImportError as error:
        raise Silent("HTTP/2 cannot be asked for here: the library h2 is missing") from error
    answer: dict[str, Any] = {"status": None, "headers": [], "body": b""}
    until = time.monotonic() + _TIMEOUTS * timeout
    with _line_of_http2(row, source, timeout) as line:
        talk = library.H2Connection()
        talk.initiate_connection()
        head = [(":method", row["method"]), (":scheme", row["scheme"]), (":path", row["target"])]
        head.append((":authority", row["authority"]))
        fields = {name.lower(): value for name, value in _headers(row, tag, "").items()}
        head += [(name, value) for name, value in fields.items() if name not in ("host", "connection", "upgrade")]
        talk.send_headers(1, head, end_stream=not row["body"])
        if row["body"]:
            talk.send_data(1, b"x" * min(int(row["body"]), 16384), end_stream=True)
        try:
            line.sendall(talk.data_to_send())
            while True:
                data = line.recv(65536)
                if not data:
                    raise Silent(_CLOSED)
                if time.monotonic() > until or len(answer["body"]) > _MOST_BODY:
                    raise Silent("the answer has no end")
                for event in talk.receive_data(data):
                    if isinstance(event, events.ResponseReceived):
                        fields = {_text(name): _text(value) for name, value in event.headers}
                        answer["status"] = int(fields.pop(":status"))
                        answer["headers"] = list(fields.items())
                    elif isinstance(event, events.DataReceived):
                        answer["body"] += event.data
                        talk.acknowledge_received_data(event.flow_controlled_length, 1)
                    elif isinstance(event, (events.StreamEnded, events.StreamReset)):
                        return answer
                line.sendall(talk.data_to_send())
        except OSError as error:
            raise Silent(_words(error)) from error
        except (library_errors.H2Error, KeyError, ValueError) as error:
            raise Silent(f"the answer is not HTTP/2: {error}") from error


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
