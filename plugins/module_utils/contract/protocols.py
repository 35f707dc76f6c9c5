"""The protocols that a check can speak: what each of them is asked and answers, and what makes no sense with it.

Pure: nothing here opens a connection.
"""

from __future__ import annotations

from typing import Collection, Mapping, NamedTuple

from ..closest_match import closest_matches
from ..errors import InputError
from .reading import METHODS, read_text, shown
from .url import parse_url

__all__ = [
    "GRPC_STATUSES",
    "HEALTH",
    "HEALTH_CHECK",
    "HTTP",
    "PROTOCOLS",
    "bytes_of",
    "read_grpc_status",
    "read_health",
    "read_hex",
    "read_protocol",
    "read_protocol_url",
    "read_subprotocol",
    "refuse_keys",
    "words_of",
]


class Protocol(NamedTuple):
    """A protocol: ``schemes`` of its URLs, the keys of its requests and those of its expectations."""

    schemes: tuple[str, ...]
    asks: frozenset[str]
    expects: frozenset[str]


_ALWAYS = ("name", "protocol", "expect", "connect")
_OF_HTTP = Protocol(
    ("http", "https"),
    frozenset((*_ALWAYS, *METHODS, "request", "headers", "body", "follow")),
    frozenset(("status", "location", "headers", "body", "upstream", "max_ms")),
)
_BYTES = frozenset(("reply", "reply_hex", "max_ms"))

PROTOCOLS: Mapping[str, Protocol] = {
    "h1": _OF_HTTP,
    "h2": _OF_HTTP,
    "h3": _OF_HTTP,
    "grpc": Protocol(
        ("http", "https"),
        frozenset((*_ALWAYS, "url", "service", "send_hex", "headers")),
        _BYTES | {"grpc_status", "health", "headers", "upstream"},
    ),
    "tcp": Protocol(("tcp", "tls"), frozenset((*_ALWAYS, "url", "send", "send_hex")), _BYTES),
    "udp": Protocol(("udp",), frozenset((*_ALWAYS, "url", "send", "send_hex")), _BYTES),
    "websocket": Protocol(
        ("ws", "wss"),
        frozenset((*_ALWAYS, "url", "send", "send_hex", "subprotocol", "headers")),
        _BYTES | {"status", "subprotocol", "headers", "upstream"},
    ),
}
"""What a check can speak. ``h1`` is HTTP/1.1, which it speaks unless it says otherwise."""

_EXPECTED = frozenset(key for each in PROTOCOLS.values() for key in each.expects)

HTTP = ("h1", "h2", "h3")
"""Those that have a method, a path and a page."""

HEALTH_CHECK = "/grpc.health.v1.Health/Check"
"""What a gRPC check asks for whose URL names no method."""

HEALTH = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
"""What a health check answers, by number: https://github.com/grpc/grpc/blob/master/doc/health-checking.md."""

GRPC_STATUSES = (
    *("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS"),
    *("PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED"),
    *("INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"),
)
"""The statuses of gRPC, by number: https://github.com/grpc/grpc/blob/master/doc/statuscodes.md."""

_URL_FORMS = {
    "grpc": "https://host, http://host:port without TLS, or either with /package.Service/Method",
    "tcp": "tcp://host:port, or tls://host:port",
    "udp": "udp://host:port",
    "websocket": "ws://host/path or wss://host/path",
}
# What stands for a key that another protocol has.
_INSTEAD = {
    ("grpc", "body"): "a message is bytes: send_hex",
    ("grpc", "send"): "a message is bytes: send_hex",
    ("grpc", "expect.status"): "gRPC has statuses of its own: grpc_status",
    ("grpc", "expect.body"): "a message is looked at by reply or reply_hex",
    ("websocket", "body"): "a message is sent by send",
    ("websocket", "expect.body"): "a message is looked at by reply",
    ("tcp", "body"): "bytes are sent by send",
    ("udp", "body"): "bytes are sent by send",
    ("tcp", "expect.body"): "bytes are looked at by reply",
    ("udp", "expect.body"): "bytes are looked at by reply",
}
_NAMES = {"h1": "HTTP/1.1", "h2": "HTTP/2", "h3": "HTTP/3", "grpc": "gRPC", "tcp": "TCP", "udp": "UDP"}
_HEX = frozenset("0123456789abcdefABCDEF")
_TOKEN = frozenset("!#$%&'*+.^_`|~-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


def words_of(protocol: str) -> str:
    """Return the name that people know a protocol by."""
    return _NAMES.get(protocol, "WebSocket")


def read_protocol(value: object, path: str) -> str:
    """Read the name of a protocol."""
    if isinstance(value, str) and value in PROTOCOLS:
        return str(value)
    near = closest_matches(str(value).lower(), list(PROTOCOLS), 1)
    hint = f"did you mean {near[0]!r}?" if near else f"use {', '.join(PROTOCOLS)}"
    raise InputError(path, f"{shown(value)} is not a protocol; {hint}")


def read_protocol_url(protocol: str, value: object, path: str) -> str:
    """Read the URL of a check whose protocol has no methods."""
    form = f"use {_URL_FORMS[protocol]}"
    if not isinstance(value, str):
        raise InputError(path, f"{shown(value)} is not a URL; {form}")
    try:
        url = parse_url(value, PROTOCOLS[protocol].schemes, form)
    except ValueError as error:
        raise InputError(path, str(error)) from None
    if protocol in ("tcp", "udp") and url.target != "/":
        raise InputError(path, f"{value!r} has a path, and {words_of(protocol)} knows none; {form}")
    if protocol == "grpc" and url.target != "/":
        service, _, method = url.target[1:].partition("/")
        if not service or not method or not _TOKEN.issuperset(service + method):
            raise InputError(path, f"{value!r} names no method of a service; {form}")
    return str(value)


def read_hex(value: object, path: str) -> str:
    """Read bytes in hexadecimal digits; spaces between them are dropped."""
    text = "".join(read_text(value, path).split()).lower()
    if not text or len(text) % 2 or not _HEX.issuperset(text):
        raise InputError(path, f"{shown(value)} is no bytes in hexadecimal digits; write two of 0-9a-f for each byte")
    return text


def read_grpc_status(value: object, path: str) -> tuple[str, ...]:
    """Read one status of gRPC or a list of them, by name or number."""
    rows = value if isinstance(value, (list, tuple)) else [value]
    if not rows:
        raise InputError(path, "an empty list holds no status; use OK, NOT_FOUND or [OK, 5]")
    return tuple(_one_grpc_status(row, path) for row in rows)


def _one_grpc_status(value: object, path: str) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(GRPC_STATUSES):
        return GRPC_STATUSES[value]
    text = str(value).upper()
    if isinstance(value, str) and text in GRPC_STATUSES:
        return text
    near = closest_matches(text, list(GRPC_STATUSES), 1)
    hint = f"did you mean {near[0]}?" if near else f"use {', '.join(GRPC_STATUSES)} or its number"
    raise InputError(path, f"{shown(value)} is not a status of gRPC; {hint}")


def read_health(value: object, path: str) -> str:
    """Read what a health check must answer."""
    if isinstance(value, str) and value.upper() in HEALTH:
        return value.upper()
    raise InputError(path, f"{shown(value)} is no answer of a health check; use {', '.join(HEALTH)}")


def read_subprotocol(value: object, path: str) -> str:
    """Read the name of a protocol inside WebSocket, as ``graphql-ws``."""
    text = read_text(value, path)
    if not text or not _TOKEN.issuperset(text):
        raise InputError(path, f"{shown(value)} is not a subprotocol; use one name, as graphql-ws")
    return text


def bytes_of(text: str | None, digits: str | None) -> bytes | None:
    """Return what is written as a text or in hexadecimal digits, as bytes; None where it is neither."""
    if digits is not None:
        return bytes.fromhex(digits)
    return None if text is None else text.encode()


def refuse_keys(protocol: str, source: str, asked: Collection[str], expected: Mapping[str, object]) -> None:
    """Refuse what makes no sense with a protocol, or with what else is asked. Raises ``InputError``."""
    known = PROTOCOLS[protocol]
    for key in asked:
        if key not in known.asks:
            raise InputError(f"{source}.{key}", _strange(protocol, key, "check", known.asks))
    for key in expected:
        # What nobody knows is refused where it is read.
        if key in _EXPECTED and key not in known.expects:
            raise InputError(f"{source}.expect.{key}", _strange(protocol, f"expect.{key}", "answer", known.expects))
    for one, other, path in (("send", "send_hex", source), ("reply", "reply_hex", f"{source}.expect")):
        held = asked if path == source else expected
        if one in held and other in held:
            raise InputError(f"{path}.{other}", f"`{one}` stands there too; keep one of the two")
    if protocol == "udp" and not {"send", "send_hex"}.intersection(asked):
        raise InputError(source, "sends nothing; a server answers no datagram that nobody sent: add `send`")
    refused = "status" in expected and "101" not in str(expected["status"])
    if protocol == "websocket" and refused and {"reply", "reply_hex", "subprotocol"}.intersection(expected):
        raise InputError(f"{source}.expect.status", "nothing is spoken after another status than 101; drop it")


def _strange(protocol: str, key: str, what: str, known: Collection[str]) -> str:
    name = key.rpartition(".")[2]
    instead = _INSTEAD.get((protocol, key))
    begin = f"{'an' if what == 'answer' else 'a'} {what} of {words_of(protocol)}"
    if name in METHODS:
        return f"{begin} has no method; use `url: {_URL_FORMS[protocol].split(',')[0]}`"
    if name == "url":
        return f"{begin} has a method; use `get:` or another one with the URL, or say its `protocol`"
    hint = instead or f"use {', '.join(sorted(set(known) - set(METHODS) - {'name', 'protocol'}))}"
    return f"{begin} has no `{name}`; {hint}"
