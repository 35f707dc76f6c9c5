"""A check and a contract: what a user wrote, validated, and the form in which it is shipped to hosts.

Pure: nothing here opens a connection.
"""

from __future__ import annotations

from typing import Any, Callable, Mapping, NamedTuple

from ..errors import InputError, json_form
from .impossible import refuse_impossible
from .protocols import (
    HEALTH_CHECK,
    HTTP,
    PROTOCOLS,
    read_grpc_status,
    read_health,
    read_hex,
    read_protocol,
    read_protocol_url,
    read_subprotocol,
    refuse_keys,
    words_of,
)
from .reading import (
    METHODS,
    read_address,
    read_body,
    read_expected,
    read_expected_headers,
    read_flag,
    read_headers,
    read_mapping,
    read_method,
    read_milliseconds,
    read_status,
    read_text,
    read_url,
    shown,
    split_address,
)
from .url import Url, parse_url

__all__ = [
    "CHECK",
    "Check",
    "Expect",
    "Field",
    "UpstreamExpectation",
    "from_json",
    "parse_contract",
    "to_json",
]

_HERE = "127.0.0.1"


class UpstreamExpectation(NamedTuple):
    """What an upstream must have seen; None and () ask for nothing."""

    method: str | None = None
    path: str | None = None
    headers: tuple[tuple[str, str | None], ...] = ()


class Expect(NamedTuple):
    """What must come back. Texts stand for themselves or are ``/regex/``; a header of None must be absent."""

    status: tuple[str, ...] = ("2xx",)
    location: str | None = None
    headers: tuple[tuple[str, str | None], ...] = ()
    body: str | None = None
    upstream: UpstreamExpectation | None = None
    max_ms: int | None = None
    reply: str | None = None
    reply_hex: str | None = None
    grpc_status: tuple[str, ...] = ()
    health: str | None = None
    subprotocol: str | None = None

    def allows(self, status: int) -> bool:
        """Return whether a status is one of those expected, as ``200`` or ``2xx``."""
        return any(text in (str(status), f"{status // 100}xx") for text in self.status)


class Check(NamedTuple):
    """One request and what must come back. ``source`` is the path of the user's variable, as ``nginx_checks[2]``.

    What speaks no HTTP has its name for a ``method``: ``TCP``, ``UDP``.
    """

    name: str
    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: str | None = None
    expect: Expect = Expect()
    follow: bool = False
    connect: str | None = None
    source: str = ""
    site: str = ""
    protocol: str = "h1"
    send: str | None = None
    send_hex: str | None = None
    service: str | None = None
    subprotocol: str | None = None

    @property
    def parts(self) -> Url:
        """The URL, taken apart."""
        return parse_url(self.url, PROTOCOLS[self.protocol].schemes)

    @property
    def scheme(self) -> str:
        """``http`` or ``https``; of what speaks no HTTP ``tcp``, ``tls`` or ``udp``."""
        scheme = self.parts.scheme
        return {"ws": "http", "wss": "https"}.get(scheme, scheme)

    @property
    def host(self) -> str:
        """The URL's host, lower case, without brackets: the TLS name."""
        return self.parts.host

    @property
    def port(self) -> int:
        """The URL's port, the scheme's own where it names none."""
        return self.parts.port

    @property
    def target(self) -> str:
        """Path and query, as they are sent; of a gRPC check that names no method that of health checks."""
        target = self.parts.target
        return HEALTH_CHECK if self.is_health_check and target == "/" else target

    @property
    def is_health_check(self) -> bool:
        """Return whether a gRPC server is asked how it feels."""
        return self.protocol == "grpc" and self.parts.target in ("/", HEALTH_CHECK)

    @property
    def words(self) -> str:
        """What is asked, for a person, as ``GET http://host/path``."""
        return _words(self.protocol, self.method, self.url)

    @property
    def address(self) -> tuple[str, int]:
        """Where the connection goes: ``connect``, else this machine and the URL's port."""
        host, port = split_address(self.connect or _HERE)
        return host, port or self.port


def _words(protocol: str, method: str, url: str) -> str:
    if protocol == "h1":
        return f"{method} {url}"
    return f"{method} {url} ({words_of(protocol)})" if protocol in HTTP else f"{words_of(protocol)} {url}"


class Field(NamedTuple):
    """A key that a user may write: its reader, what an argument spec says of it, and the keys of what is a mapping."""

    read: Callable[[object, str], Any]
    type: str
    description: str
    required: bool = False
    fields: Mapping[str, Field] | None = None


def _read_fields(given: Mapping[str, object], path: str, fields: Mapping[str, Field]) -> dict[str, Any]:
    return {name: fields[name].read(value, f"{path}.{name}") for name, value in given.items()}


def _read_target(value: object, path: str) -> str:
    return read_expected(value, path, is_path=True)


_UPSTREAM = {
    "method": Field(read_method, "str", "The method."),
    "path": Field(_read_target, "str", "The path with its query."),
    "headers": Field(read_expected_headers, "dict", "Names of headers and their values; V(null) must be absent."),
}


def _read_upstream(value: object, path: str) -> UpstreamExpectation:
    given = read_mapping(value, path, _UPSTREAM)
    if not given:
        raise InputError(path, f"is empty; expected some of {', '.join(_UPSTREAM)}")
    return UpstreamExpectation(**_read_fields(given, path, _UPSTREAM))


_EXPECT = {
    "status": Field(
        read_status,
        "raw",
        "V(200), V([200, 204]) or V(2xx), or a list of these; V(2xx) unless given, V(3xx) with C(location).",
    ),
    "location": Field(_read_target, "str", "The target of a redirect (or of a V(201))."),
    "headers": Field(read_expected_headers, "dict", "Names of headers and their values; V(null) must be absent."),
    "body": Field(read_expected, "str", "A text that the body must contain."),
    "upstream": Field(_read_upstream, "dict", "What the upstream saw, in staging only.", fields=_UPSTREAM),
    "max_ms": Field(read_milliseconds, "int", "A bound on the time, in milliseconds."),
    "reply": Field(read_expected, "str", "A text that the answer over TCP, UDP, WebSocket or gRPC must contain."),
    "reply_hex": Field(read_hex, "str", "Bytes that it must contain, in hexadecimal digits."),
    "grpc_status": Field(
        read_grpc_status, "raw", "A status of gRPC, by name or number, or a list of these; V(OK) unless given."
    ),
    "health": Field(
        read_health, "str", "What a gRPC health check must answer; V(SERVING) unless given, where the status is V(OK)."
    ),
    "subprotocol": Field(read_subprotocol, "str", "The protocol inside WebSocket that the server must choose."),
}


def _read_expect(value: object, path: str) -> Expect:
    found = _read_fields(read_mapping(value, path, _EXPECT), path, _EXPECT)
    return Expect(**{"status": ("3xx",) if "location" in found else ("2xx",), **found})


_BODY = {
    "headers": Field(read_headers, "dict", "Headers to send, name to value."),
    "body": Field(read_body, "raw", "A text that is sent as it is, or a mapping that is sent as a form."),
}
_REQUEST = {
    "method": Field(read_method, "str", "The method.", required=True),
    "url": Field(read_url, "str", "The URL.", required=True),
    **_BODY,
}


def _read_request(value: object, path: str) -> dict[str, Any]:
    given = read_mapping(value, path, _REQUEST)
    if "url" not in given:
        raise InputError(path, "has no url")
    if "method" not in given:
        raise InputError(path, f"has no method; use {', '.join(METHODS)}")
    return _read_fields(given, path, _REQUEST)


def _read_name(value: object, path: str) -> str:
    name = read_text(value, path).strip()
    if not name:
        raise InputError(path, "is empty; leave it out to have it named by its request")
    return name


CHECK: Mapping[str, Field] = {
    **{
        method: Field(read_url, "str", "The method, with the URL as its value; one of them in each check.")
        for method in METHODS
    },
    "name": Field(
        _read_name,
        "str",
        "What the check is called in tables; method and URL unless given. No two checks of a contract share a name.",
    ),
    "request": Field(_read_request, "dict", "The same in one place.", fields=_REQUEST),
    **_BODY,
    "protocol": Field(
        read_protocol,
        "str",
        "V(h1), V(h2), V(h3), V(grpc), V(tcp), V(udp) or V(websocket); V(h1), which is HTTP/1.1, unless given.",
    ),
    "url": Field(read_text, "str", "Where a check of V(grpc), V(tcp), V(udp) or V(websocket) goes: it has no method."),
    "service": Field(read_text, "str", "The service that a gRPC health check asks about; the server unless given."),
    "send": Field(read_text, "str", "A text to send over TCP, UDP or WebSocket."),
    "send_hex": Field(read_hex, "str", "Bytes to send, in hexadecimal digits; over gRPC the message."),
    "subprotocol": Field(read_subprotocol, "str", "The protocol inside WebSocket that is offered, as V(graphql-ws)."),
    "expect": Field(_read_expect, "dict", "What must come back.", fields=_EXPECT),
    "follow": Field(read_flag, "bool", "Whether redirects are followed, and the end is held to C(expect)."),
    "connect": Field(
        read_address,
        "str",
        "Where the connection goes: C(address) or C(address:port); V(127.0.0.1) and the URL's port unless given.",
    ),
}
"""What a user may write in a check."""


def _read_check(row: object, source: str, site: str) -> Check:
    given = read_mapping(row, source, CHECK)
    protocol = read_protocol(given.get("protocol", "h1"), f"{source}.protocol")
    key = _request_key(given, source, protocol)
    expected = given.get("expect")
    refuse_keys(protocol, source, given, expected if isinstance(expected, Mapping) else {})
    found = _read_fields(given, source, CHECK)
    headers: tuple[tuple[str, str], ...] = ()
    body: str | None = None
    request: dict[str, Any] = {}
    if key == "url":
        request = {"method": _METHODS.get(protocol, protocol.upper())}
        request["url"] = read_protocol_url(protocol, found["url"], f"{source}.url")
        headers = found.get("headers", ())
    else:
        request = found["request"] if key == "request" else {**found, "method": key.upper(), "url": found[key]}
        headers = request.get("headers", ())
    if "body" in request:
        body, is_form = request["body"]
        if is_form and not any(name.lower() == "content-type" for name, _ in headers):
            headers = (*headers, ("Content-Type", "application/x-www-form-urlencoded"))
    return Check(
        name=found.get("name", _words(protocol, request["method"], request["url"])),
        method=request["method"],
        url=request["url"],
        headers=headers,
        body=body,
        expect=_complete(found.get("expect", Expect()), protocol, given),
        follow=found.get("follow", False),
        connect=found.get("connect"),
        source=source,
        site=site,
        protocol=protocol,
        **{name: found.get(name) for name in _SPOKEN},
    )


# What a check of these protocols sends as its method.
_METHODS = {"grpc": "POST", "websocket": "GET"}
_SPOKEN = ("send", "send_hex", "service", "subprotocol")


def _complete(expect: Expect, protocol: str, given: Mapping[str, object]) -> Expect:
    """Return an expectation with what goes without saying for its protocol."""
    said = given.get("expect")
    named: Mapping[str, object] = said if isinstance(said, Mapping) else {}
    if protocol == "websocket" and "status" not in named:
        return expect._replace(status=("101",))
    if protocol in ("tcp", "udp"):
        return expect._replace(status=())
    if protocol != "grpc":
        return expect
    expect = expect._replace(status=("200",), grpc_status=expect.grpc_status or ("OK",))
    is_health = parse_url(str(given["url"])).target in ("/", HEALTH_CHECK)
    if is_health and expect.health is None and "OK" in expect.grpc_status:
        return expect._replace(health="SERVING")
    return expect


def _request_key(given: Mapping[str, object], source: str, protocol: str) -> str:
    """Return the key that says what is asked for."""
    asked = [key for key in (*METHODS, "request", "url") if key in given]
    if not asked and protocol in HTTP:
        raise InputError(source, "asks for nothing; add a request such as `get: http://host/path`")
    if not asked:
        form = {"grpc": "https://host", "websocket": "wss://host/path"}.get(protocol, f"{protocol}://host:port")
        raise InputError(source, f"asks for nothing; add `url: {form}`")
    if len(asked) > 1:
        raise InputError(source, f"asks for {' and '.join(asked)} at once; make them checks of their own")
    for outside in _BODY:
        if asked == ["request"] and outside in given:
            raise InputError(f"{source}.{outside}", f"stands beside `request`; write it as `request.{outside}`")
    return asked[0]


def parse_contract(rows: object, where: str, site: str = "") -> list[Check]:
    """Read the checks that a user wrote at ``where``. Raises ``InputError`` that says what is wrong, and where."""
    if not isinstance(rows, (list, tuple)):
        raise InputError(where, f"{shown(rows)} is not a list of checks{json_form(where, rows)}")
    names: dict[str, str] = {}
    contract: list[Check] = []
    for number, row in enumerate(rows):
        check = _read_check(row, f"{where}[{number}]", site)
        refuse_impossible(check)
        if check.name in names:
            raise InputError(
                check.source, f"{check.name!r} is the name of {names[check.name]} too; give each its own `name`"
            )
        names[check.name] = check.source
        contract.append(check)
    return contract


def to_json(check: Check) -> dict[str, object]:
    """Turn a check into plain values: the form that a user writes, with every value said, and where it came from."""
    if check.protocol in HTTP:
        asked: dict[str, object] = {
            "request": _without_none(
                {"method": check.method, "url": check.url, "headers": dict(check.headers), "body": check.body}
            )
        }
        # Without it where nothing is said of it: a check of HTTP/1.1 keeps the id by which monitors know it.
        asked.update({} if check.protocol == "h1" else {"protocol": check.protocol}, follow=check.follow)
    else:
        asked = {"protocol": check.protocol, "url": check.url}
        asked.update({"headers": dict(check.headers)} if check.headers else {})
        asked.update(_without_none({name: getattr(check, name) for name in _SPOKEN}))
    return {
        "name": check.name,
        **asked,
        "expect": _expect_to_json(check.expect, check.protocol),
        **_without_none({"connect": check.connect}),
        "source": check.source,
        "site": check.site,
    }


def _expect_to_json(expect: Expect, protocol: str) -> dict[str, object]:
    upstream = expect.upstream
    seen = upstream and _without_none(
        {"method": upstream.method, "path": upstream.path, "headers": dict(upstream.headers)}
    )
    written = _without_none(
        {
            "status": list(expect.status),
            "location": expect.location,
            "headers": dict(expect.headers),
            "body": expect.body,
            "upstream": seen,
            "max_ms": expect.max_ms,
            "reply": expect.reply,
            "reply_hex": expect.reply_hex,
            "grpc_status": list(expect.grpc_status) or None,
            "health": expect.health,
            "subprotocol": expect.subprotocol,
        }
    )
    return {key: value for key, value in written.items() if key in PROTOCOLS[protocol].expects}


def _without_none(values: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in values.items() if value is not None}


def from_json(row: Mapping[str, object]) -> Check:
    """Read what ``to_json`` wrote. Raises ``InputError`` when it is not that."""
    rest = {key: value for key, value in row.items() if key not in ("source", "site")}
    return _read_check(rest, str(row.get("source", "")), str(row.get("site", "")))
