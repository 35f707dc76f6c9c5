"""A check and a contract: what a user wrote, validated, and the form in which it is shipped to hosts.

Pure: nothing here opens a connection.
"""

from __future__ import annotations

from typing import Any, Callable, Mapping, NamedTuple

from ..errors import InputError, json_form
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
from .url import parse_url

__all__ = [
    "CHECK",
    "Check",
    "Expect",
    "Field",
    "UpstreamExpectation",
    "from_json",
    "parse_contract",
    "status_holds",
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


class Check(NamedTuple):
    """One request and what must come back. ``source`` is the path of the user's variable, as ``nginx_checks[2]``."""

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

    @property
    def scheme(self) -> str:
        """``http`` or ``https``."""
        return parse_url(self.url).scheme

    @property
    def host(self) -> str:
        """The URL's host, lower case, without brackets: the TLS name."""
        return parse_url(self.url).host

    @property
    def port(self) -> int:
        """The URL's port, the scheme's own where it names none."""
        return parse_url(self.url).port

    @property
    def target(self) -> str:
        """Path and query, as they are sent."""
        return parse_url(self.url).target

    @property
    def address(self) -> tuple[str, int]:
        """Where the connection goes: ``connect``, else this machine and the URL's port."""
        host, port = split_address(self.connect or _HERE)
        return host, port or self.port


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
    key = _request_key(given, source)
    found = _read_fields(given, source, CHECK)
    request = found["request"] if key == "request" else {**found, "method": key.upper(), "url": found[key]}
    headers, body = request.get("headers", ()), None
    if "body" in request:
        body, is_form = request["body"]
        if is_form and not any(name.lower() == "content-type" for name, _ in headers):
            headers = (*headers, ("Content-Type", "application/x-www-form-urlencoded"))
    return Check(
        name=found.get("name", f"{request['method']} {request['url']}"),
        method=request["method"],
        url=request["url"],
        headers=headers,
        body=body,
        expect=found.get("expect", Expect()),
        follow=found.get("follow", False),
        connect=found.get("connect"),
        source=source,
        site=site,
    )


def _request_key(given: Mapping[str, object], source: str) -> str:
    """Return the key that says what is asked for."""
    asked = [key for key in (*METHODS, "request") if key in given]
    if not asked:
        raise InputError(source, "asks for nothing; add a request such as `get: http://host/path`")
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
        _refuse_impossible(check)
        if check.name in names:
            raise InputError(
                check.source, f"{check.name!r} is the name of {names[check.name]} too; give each its own `name`"
            )
        names[check.name] = check.source
        contract.append(check)
    return contract


def status_holds(expected: tuple[str, ...], status: int) -> bool:
    """Return whether ``status`` is one of those expected, as ``200`` or ``2xx``."""
    return any(text in (str(status), f"{status // 100}xx") for text in expected)


# Thousands of checks expect the same few.
_STATUSES: dict[tuple[str, ...], list[int]] = {}


def _statuses(expected: tuple[str, ...]) -> list[int]:
    if expected not in _STATUSES:
        _STATUSES[expected] = [status for status in range(100, 600) if status_holds(expected, status)]
    return _STATUSES[expected]


def _refuse_impossible(check: Check) -> None:
    """Refuse what no answer could fulfil: such a check would be held against the release."""
    expect, path = check.expect, f"{check.source}.expect"
    statuses = _statuses(expect.status)
    wanted = ", ".join(expect.status)
    if check.method == "HEAD" and check.body is not None:
        raise InputError(f"{check.source}.body", "a HEAD request sends no body; use post, put or patch")
    if check.follow and expect.location is not None:
        raise InputError(f"{path}.location", "`follow` goes on where a Location is; keep one of the two")
    if check.follow and all(300 <= status < 400 for status in statuses):
        raise InputError(f"{path}.status", f"{wanted} is never the end when redirects are followed; drop `follow`")
    if expect.location is not None and not any(status == 201 or 300 <= status < 400 for status in statuses):
        raise InputError(f"{path}.location", f"an answer of status {wanted} has no Location; use 3xx or 201")
    if expect.location is not None and any(name.lower() == "location" for name, _ in expect.headers):
        raise InputError(f"{path}.headers", "Location stands in `expect.location` too; keep that one")
    if expect.body is not None and check.method == "HEAD":
        raise InputError(f"{path}.body", "the answer to a HEAD request has no body; use get")
    if expect.body is not None and all(status < 200 or status in (204, 304) for status in statuses):
        raise InputError(f"{path}.body", f"an answer of status {wanted} has no body")


def to_json(check: Check) -> dict[str, object]:
    """Turn a check into plain values: the form that a user writes, with every value said, and where it came from."""
    return {
        "name": check.name,
        "request": _without_none(
            {"method": check.method, "url": check.url, "headers": dict(check.headers), "body": check.body}
        ),
        "expect": _expect_to_json(check.expect),
        "follow": check.follow,
        **_without_none({"connect": check.connect}),
        "source": check.source,
        "site": check.site,
    }


def _expect_to_json(expect: Expect) -> dict[str, object]:
    upstream = expect.upstream
    seen = upstream and _without_none(
        {"method": upstream.method, "path": upstream.path, "headers": dict(upstream.headers)}
    )
    return _without_none(
        {
            "status": list(expect.status),
            "location": expect.location,
            "headers": dict(expect.headers),
            "body": expect.body,
            "upstream": seen,
            "max_ms": expect.max_ms,
        }
    )


def _without_none(values: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in values.items() if value is not None}


def from_json(row: Mapping[str, object]) -> Check:
    """Read what ``to_json`` wrote. Raises ``InputError`` when it is not that."""
    rest = {key: value for key, value in row.items() if key not in ("source", "site")}
    return _read_check(rest, str(row.get("source", "")), str(row.get("site", "")))
