"""TCP, TLS and UDP: what is sent, and what comes back."""

from __future__ import annotations

import socket

from ..http1 import Deadline
from ..model import Check
from ..protocols import bytes_of
from ..transport import NoAnswer, at, connected, in_words
from ..url import Url
from .common import Heard
from .messages import holds, reply_problems

__all__ = ["ask"]

_READ = 64 << 10
_MOST = 1 << 20
# nginx accepts a connection before it knows whether its upstream does: so long it must stay open.
_STAYS = 0.3


def ask(check: Check, seconds: float) -> Heard:
    """Send, and hear until what is expected has come. Raises ``NoAnswer``."""
    url, deadline = check.parts, Deadline(seconds)
    expects = check.expect.reply is not None or check.expect.reply_hex is not None
    sent = bytes_of(check.send, check.send_hex)
    try:
        if check.protocol == "udp":
            return _datagram(check, sent or b"", deadline)
        with connected(url, check.address, deadline, url.scheme == "tls") as line:
            if sent:
                line.sendall(sent)
            if not expects:
                return _stays(line, check.address, deadline)
            heard, ended = _hear(check, line, deadline)
    except (OSError, ValueError) as error:
        raise NoAnswer(_words(error, check.address, url, seconds)) from error
    problems = reply_problems(check.expect, heard)
    if problems and not heard:
        problems = [f"{problem}; {ended}" for problem in problems]
    return Heard(None, heard, problems)


def _hear(check: Check, line: socket.socket, deadline: Deadline) -> tuple[bytes, str]:
    heard = b""
    while len(heard) < _MOST and not (heard and holds(check.expect, heard)):
        try:
            line.settimeout(deadline.left())
            part = line.recv(_READ)
        except socket.timeout:
            return heard, "nothing came in time"
        except ConnectionResetError:
            return heard, "the connection was reset"
        if not part:
            return heard, "the connection was closed"
        heard += part
    return heard, ""


def _stays(line: socket.socket, address: tuple[str, int], deadline: Deadline) -> Heard:
    """Hold a connection of which no answer is expected to staying open, or to being answered."""
    line.settimeout(min(_STAYS, deadline.left()))
    try:
        heard = line.recv(_READ)
    except socket.timeout:
        return Heard(None, b"", [])
    except ConnectionResetError:
        heard = b""
    closed = f"{at(address)} accepts the connection and closes it at once, as nginx does whose upstream refuses it"
    return Heard(None, heard, [] if heard else [closed])


def _datagram(check: Check, sent: bytes, deadline: Deadline) -> Heard:
    family = socket.AF_INET6 if ":" in check.address[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as line:
        line.connect(check.address)
        line.send(sent)
        line.settimeout(deadline.left())
        heard = line.recv(_READ)
    return Heard(None, heard, reply_problems(check.expect, heard))


def _words(error: Exception, address: tuple[str, int], url: Url, seconds: float) -> str:
    if url.scheme == "udp" and isinstance(error, ConnectionRefusedError):
        return f"nothing listens for datagrams at {at(address)}"
    return in_words(error, address, url, seconds)
