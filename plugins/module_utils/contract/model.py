"""A check and a contract: what a user wrote, validated, and the form in which it is shipped to hosts.

Pure: nothing here opens a connection.
"""

from __future__ import annotations

from typing import Mapping, NamedTuple

from ..errors import InputError
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

__all__ = ["Check", "Expect", "Upstream", "from_json", "parse_contract", "status_holds", "to_json"]

_REQUEST_KEYS = ("method", "url", "headers", "body")
_UPSTREAM_KEYS = ("method", "path", "headers")
_EXPECT_KEYS = ("status", "location", "headers", "body", "upstream", "max_ms")
_CHECK_KEYS = (*METHODS, "name", "request", "headers", "body", "expect", "follow", "connect")
_HERE = "127.0.0.1"


class Upstream(NamedTuple):
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
    upstream: Upstream | None = None
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


def parse_contract(rows: object, where: str, site: str = "") -> list[Check]:
    """Read the checks that a user wrote at ``where``. Raises ``InputError`` that says what is wrong, and where."""
    if not isinstance(rows, (list, tuple)):
        raise InputError(where, f"{shown(rows)} is not a list of checks")
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


def _read_check(row: object, source: str, site: str) -> Check:
    check = read_mapping(row, source, _CHECK_KEYS)
    method, url, parts, where = _read_request(check, source)
    headers = read_headers(parts["headers"], f"{where}.headers") if "headers" in parts else ()
    body = None
    if "body" in parts:
        body, is_form = read_body(parts["body"], f"{where}.body")
        if is_form and not any(name.lower() == "content-type" for name, _ in headers):
            headers = (*headers, ("Content-Type", "application/x-www-form-urlencoded"))
    name = read_text(check["name"], f"{source}.name").strip() if "name" in check else f"{method} {url}"
    if not name:
        raise InputError(f"{source}.name", "is empty; leave it out to have it named by its request")
    return Check(
        name=name,
        method=method,
        url=url,
        headers=headers,
        body=body,
        expect=_read_expect(check.get("expect", {}), f"{source}.expect"),
        follow=read_flag(check.get("follow", False), f"{source}.follow"),
        connect=read_address(check["connect"], f"{source}.connect") if "connect" in check else None,
        source=source,
        site=site,
    )


def _read_request(check: Mapping[str, object], source: str) -> tuple[str, str, Mapping[str, object], str]:
    """Return method, URL, the mapping that holds headers and body, and the path of that mapping."""
    given = [key for key in (*METHODS, "request") if key in check]
    if not given:
        raise InputError(source, "asks for nothing; add a request such as `get: http://host/path`")
    if len(given) > 1:
        raise InputError(source, f"asks for {' and '.join(given)} at once; make them checks of their own")
    key = given[0]
    if key != "request":
        return key.upper(), read_url(check[key], f"{source}.{key}"), check, source
    where = f"{source}.request"
    request = read_mapping(check["request"], where, _REQUEST_KEYS)
    for outside in ("headers", "body"):
        if outside in check:
            raise InputError(f"{source}.{outside}", f"stands beside `request`; write it as `request.{outside}`")
    if "url" not in request:
        raise InputError(where, "has no url")
    if "method" not in request:
        raise InputError(where, f"has no method; use {', '.join(METHODS)}")
    return read_method(request["method"], f"{where}.method"), read_url(request["url"], f"{where}.url"), request, where


def _read_expect(value: object, path: str) -> Expect:
    expect = read_mapping(value, path, _EXPECT_KEYS)
    default = ("3xx",) if "location" in expect else ("2xx",)
    return Expect(
        status=read_status(expect["status"], f"{path}.status") if "status" in expect else default,
        location=read_expected(expect["location"], f"{path}.location", is_path=True) if "location" in expect else None,
        headers=read_expected_headers(expect["headers"], f"{path}.headers") if "headers" in expect else (),
        body=read_expected(expect["body"], f"{path}.body") if "body" in expect else None,
        upstream=_read_upstream(expect["upstream"], f"{path}.upstream") if "upstream" in expect else None,
        max_ms=read_milliseconds(expect["max_ms"], f"{path}.max_ms") if "max_ms" in expect else None,
    )


def _read_upstream(value: object, path: str) -> Upstream:
    upstream = read_mapping(value, path, _UPSTREAM_KEYS)
    if not upstream:
        raise InputError(path, f"is empty; expected some of {', '.join(_UPSTREAM_KEYS)}")
    return Upstream(
        method=read_method(upstream["method"], f"{path}.method") if "method" in upstream else None,
        path=read_expected(upstream["path"], f"{path}.path", is_path=True) if "path" in upstream else None,
        headers=read_expected_headers(upstream["headers"], f"{path}.headers") if "headers" in upstream else (),
    )


def status_holds(expected: tuple[str, ...], status: int) -> bool:
    """Say whether ``status`` is one of those expected, as ``200`` or ``2xx``."""
    return any(text in (str(status), f"{status // 100}xx") for text in expected)


# Thousands of checks expect the same few.
_STATUSES: dict[tuple[str, ...], list[int]] = {}


def _statuses(expected: tuple[str, ...]) -> list[int]:
    if expected not in _STATUSES:
        _STATUSES[expected] = [status for status in range(100, 600) if status_holds(expected, status)]
    return _STATUSES[expected]


def _refuse_impossible(check: Check) -> None:
    """Refuse what no answer could fulfil: such a check would be blamed on the release."""
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
