"""gRPC: one call with one message, over HTTP/2; a health check unless the URL names another method.

https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md has the form, which is HTTP/2 and five bytes.
"""

from __future__ import annotations

import struct
from urllib.parse import unquote

from ..answer import header_problems
from ..model import Check
from ..protocols import GRPC_STATUSES, HEALTH
from ..url import parse_url
from .common import Heard
from .h2 import exchange
from .messages import reply_problems

__all__ = ["ask", "health_of"]

_PREFIX = 5
_MOST_SHOWN = 100
_MOST_NUMBER = len(GRPC_STATUSES)


def ask(check: Check, seconds: float) -> Heard:
    """Call, and hold the answer to what is expected. Raises ``NoAnswer`` and ``Untested``."""
    url = parse_url(check.url)
    own = {name.lower(): value for name, value in check.headers}
    head = [
        (":method", "POST"),
        (":scheme", url.scheme),
        (":authority", own.pop("host", url.authority)),
        (":path", check.target),
    ]
    usual = {"content-type": "application/grpc", "te": "trailers", "user-agent": "sluice"}
    usual["grpc-timeout"] = f"{max(int(seconds * 1000), 1)}m"
    head += list({**usual, **own}.items())
    message = bytes.fromhex(check.send_hex) if check.send_hex else _question(check.service)
    answer, trailers = exchange(url, check.address, head, struct.pack(">BI", 0, len(message)) + message, seconds)
    fields = [*answer.headers, *trailers]
    problems = [answer.fault] if answer.fault else []
    if answer.status != 200:
        problems.append(f"expected gRPC, got an answer of HTTP with status {answer.status}")
        return Heard(answer.status, answer.body, problems)
    status, said = _status_of(fields)
    if status not in check.expect.grpc_status:
        why = f" ({said})" if said else ""
        problems.append(f"expected grpc-status {' or '.join(check.expect.grpc_status)}, got {status or 'none'}{why}")
    body = answer.body[_PREFIX : _PREFIX + int.from_bytes(answer.body[1:_PREFIX], "big")]
    if check.expect.health is not None and status == "OK":
        health = health_of(body)
        if health != check.expect.health:
            problems.append(f"expected the health {check.expect.health}, got {health}")
    if status == "OK":
        problems += reply_problems(check.expect, body)
    for name, expected in check.expect.headers:
        problems += header_problems(name, expected, [value for key, value in fields if key == name.lower()])
    return Heard(answer.status, body, problems)


def _question(service: str | None) -> bytes:
    """Write a HealthCheckRequest: its one field is the name of the service."""
    if not service:
        return b""
    name = service.encode()
    return b"\x0a" + _number(len(name)) + name


def _number(value: int) -> bytes:
    """Write a number as protobuf does: seven bits in each byte, the low ones first."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def health_of(message: bytes) -> str:
    """Read a HealthCheckResponse, whose one field is a number; what is none is said to be that."""
    if not message:
        return HEALTH[0]
    if len(message) == 2 and message[0] == 0x08 and message[1] < len(HEALTH):
        return HEALTH[message[1]]
    return f"a message that is no answer of a health check: {message[:20].hex()}"


def _status_of(fields: list[tuple[str, str]]) -> tuple[str, str]:
    """Return the status that a call ended with, by its name, and the words with it."""
    found = dict(fields)
    text = found.get("grpc-status", "")
    known = text.isascii() and text.isdigit() and len(text) <= 2 and int(text) < _MOST_NUMBER
    return GRPC_STATUSES[int(text)] if known else text[:_MOST_SHOWN], unquote(found.get("grpc-message", ""))[:200]
