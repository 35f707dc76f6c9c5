from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import (
    Check,
    Expect,
    UpstreamExpectation,
    from_json,
    parse_contract,
    to_json,
)
from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError

URL = "http://shop.example/orders"
FORM = ("Content-Type", "application/x-www-form-urlencoded")


def one(row: object) -> Check:
    (check,) = parse_contract([row], "nginx_checks", "shop")
    return check


@pytest.mark.parametrize(
    ("row", "fields"),
    [
        ({"get": URL}, {"name": f"GET {URL}", "method": "GET", "url": URL, "expect": Expect(), "follow": False}),
        ({"get": URL, "name": "Orders"}, {"name": "Orders"}),
        ({"head": URL}, {"method": "HEAD"}),
        ({"delete": URL, "headers": {"X-Token": 42}}, {"method": "DELETE", "headers": (("X-Token", "42"),)}),
        ({"post": URL, "body": "raw"}, {"method": "POST", "body": "raw", "headers": ()}),
        ({"post": URL, "body": ""}, {"body": ""}),
        ({"post": URL, "body": {"id": 42, "who": "Ü&b"}}, {"body": "id=42&who=%C3%9C%26b", "headers": (FORM,)}),
        ({"post": URL, "body": {"tag": ["a", "b"]}}, {"body": "tag=a&tag=b"}),
        (
            {"post": URL, "body": {"a": "b"}, "headers": {"content-type": "text/x"}},
            {"headers": (("content-type", "text/x"),)},
        ),
        (
            {"request": {"method": "put", "url": URL, "headers": {"A": "b"}, "body": "c"}},
            {"method": "PUT", "url": URL, "headers": (("A", "b"),), "body": "c"},
        ),
        ({"get": URL, "follow": True}, {"follow": True}),
        ({"get": URL}, {"connect": None, "address": ("127.0.0.1", 80)}),
        ({"get": "https://shop.example"}, {"address": ("127.0.0.1", 443), "scheme": "https", "target": "/"}),
        ({"get": "http://[::1]:81/x?y"}, {"host": "::1", "port": 81, "target": "/x?y", "address": ("127.0.0.1", 81)}),
        ({"get": URL, "connect": "10.0.0.1"}, {"address": ("10.0.0.1", 80)}),
        ({"get": URL, "connect": "10.0.0.1:8080"}, {"address": ("10.0.0.1", 8080)}),
        ({"get": URL, "connect": "::1"}, {"address": ("::1", 80)}),
        ({"get": URL, "connect": "[::1]"}, {"address": ("::1", 80)}),
        ({"get": URL, "connect": "[::1]:8080"}, {"address": ("::1", 8080)}),
        ({"get": URL, "connect": "localhost:8080"}, {"address": ("localhost", 8080)}),
        ({"get": URL}, {"source": "nginx_checks[0]", "site": "shop"}),
    ],
)
def test_a_check_is_read(row: object, fields: dict[str, object]) -> None:
    check = one(row)
    assert {name: getattr(check, name) for name in fields} == fields


@pytest.mark.parametrize(
    ("expect", "wanted"),
    [
        ({}, Expect()),
        ({"status": 200}, Expect(status=("200",))),
        ({"status": "404"}, Expect(status=("404",))),
        ({"status": [200, "3XX"]}, Expect(status=("200", "3xx"))),
        ({"location": "/new"}, Expect(status=("3xx",), location="/new")),
        ({"location": "/new/", "status": 301}, Expect(status=("301",), location="/new/")),
        ({"location": "/orders/7", "status": 201}, Expect(status=("201",), location="/orders/7")),
        (
            {"headers": {"Server": None, "Age": 0, "Vary": "/^Accept/"}},
            Expect(headers=(("Server", None), ("Age", "0"), ("Vary", "/^Accept/"))),
        ),
        ({"body": r"/Order \d+/"}, Expect(body=r"/Order \d+/")),
        ({"body": 42}, Expect(body="42")),
        ({"max_ms": 250}, Expect(max_ms=250)),
        (
            {"upstream": {"method": "get", "path": "/v2/", "headers": {"Host": "app", "Cookie": None}}},
            Expect(upstream=UpstreamExpectation("GET", "/v2/", (("Host", "app"), ("Cookie", None)))),
        ),
    ],
)
def test_an_expectation_is_read(expect: object, wanted: Expect) -> None:
    assert one({"get": URL, "expect": expect}).expect == wanted


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("get /", "nginx_checks[0]: 'get /' is not a mapping; expected some of get, head,"),
        (None, "nginx_checks[0]: null is not a mapping"),
        ({}, "nginx_checks[0]: asks for nothing; add a request such as `get: http://host/path`"),
        ({"name": "x"}, "nginx_checks[0]: asks for nothing"),
        ({"gte": URL}, "nginx_checks[0]: unknown key 'gte'; did you mean 'get'?"),
        ({"GET": URL}, "nginx_checks[0]: unknown key 'GET'; did you mean 'get'?"),
        ({"get": URL, "expects": {}}, "nginx_checks[0]: unknown key 'expects'; did you mean 'expect'?"),
        ({"get": URL, "json": {}}, "nginx_checks[0]: unknown key 'json'; use get, head, post,"),
        ({"get": URL, True: 1}, "nginx_checks[0]: unknown key true;"),
        ({"get": URL, "post": URL}, "nginx_checks[0]: asks for get and post at once; make them checks of their own"),
        ({"get": URL, "request": {}}, "nginx_checks[0]: asks for get and request at once"),
        ({"get": "/orders"}, "nginx_checks[0].get: '/orders' is not a whole URL; use http://host/path"),
        ({"get": None}, "nginx_checks[0].get: null is not a URL"),
        ({"get": [URL]}, "nginx_checks[0].get: ['http://shop.example/orders'] is not a URL"),
        ({"request": URL}, "nginx_checks[0].request: 'http://shop.example/orders' is not a mapping"),
        ({"request": {"method": "get"}}, "nginx_checks[0].request: has no url"),
        ({"request": {"url": URL}}, "nginx_checks[0].request: has no method; use get, head"),
        ({"request": {"method": "purge", "url": URL}}, "nginx_checks[0].request.method: 'purge' is not a method; use"),
        ({"request": {"method": "get", "uri": URL}}, "nginx_checks[0].request: unknown key 'uri'; did you mean 'url'?"),
        (
            {"request": {"method": "get", "url": URL}, "headers": {}},
            "nginx_checks[0].headers: stands beside `request`; write it as `request.headers`",
        ),
        ({"get": URL, "name": " "}, "nginx_checks[0].name: is empty; leave it out"),
        ({"get": URL, "name": 1.5}, "nginx_checks[0].name: 1.5 is not text; write it in quotes"),
        ({"get": URL, "follow": "yes"}, "nginx_checks[0].follow: 'yes' is neither true nor false"),
        ({"get": URL, "headers": ["A: b"]}, "nginx_checks[0].headers: this is not a mapping; expected header"),
        ({"get": URL, "headers": {"X-Api-Key": ["S"]}}, "nginx_checks[0].headers.X-Api-Key: a list is not text; write"),
        ({"get": URL, "headers": {"Cookie": {"a": "S"}}}, "nginx_checks[0].headers.Cookie: a mapping is not text; wri"),
        ({"get": URL, "headers": {"X-Pin": 1234.5}}, "nginx_checks[0].headers.X-Pin: this is not text; write it in"),
        ({"post": URL, "body": {"pin": 1234.5}}, "nginx_checks[0].body.pin: this is not text; write it in"),
        ({"get": URL, "headers": {"A b": "c"}}, "nginx_checks[0].headers: 'A b' is not a header's name"),
        ({"get": URL, "headers": {"A": True}}, "nginx_checks[0].headers.A: true is not text; write it in quotes"),
        ({"get": URL, "headers": {"A": "b\nC: d"}}, "nginx_checks[0].headers.A: the value holds a line break"),
        ({"get": URL, "headers": {"a": "b", "A": "c"}}, "nginx_checks[0].headers: 'a' and 'A' are the same header"),
        ({"post": URL, "body": ["a"]}, "nginx_checks[0].body: a list is not a body; use a text, or a mapping"),
        ({"post": URL, "body": {"a": None}}, "nginx_checks[0].body.a: null is not text"),
        ({"head": URL, "body": "a"}, "nginx_checks[0].body: a HEAD request sends no body"),
        (
            {"get": URL, "connect": 8080},
            "nginx_checks[0].connect: 8080 is not an address; use 127.0.0.1, 127.0.0.1:8080",
        ),
        ({"get": URL, "connect": "10.0.0.1:8o"}, "nginx_checks[0].connect: '10.0.0.1:8o' is not an address"),
        ({"get": URL, "connect": "10.0.0.1:0"}, "nginx_checks[0].connect: '10.0.0.1:0' is not an address"),
        ({"get": URL, "connect": "http://a/"}, "nginx_checks[0].connect: 'http://a/' is not an address"),
    ],
)
def test_a_wrong_check_is_refused_in_words(row: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        one(row)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"expect": 200}, "expect: 200 is not a mapping; expected some of status, location,"),
        ({"expect": None}, "expect: null is not a mapping"),
        ({"expect": {"stauts": 200}}, "expect: unknown key 'stauts'; did you mean 'status'?"),
        ({"expect": {"status": "ok"}}, "expect.status: 'ok' is not a status; use 200, [200, 204] or 2xx"),
        ({"expect": {"status": 42}}, "expect.status: 42 is not a status"),
        ({"expect": {"status": True}}, "expect.status: true is not a status"),
        ({"expect": {"status": "6xx"}}, "expect.status: '6xx' is not a status"),
        ({"expect": {"status": []}}, "expect.status: an empty list holds no status"),
        ({"expect": {"status": [200, [204]]}}, "expect.status[1]: [204] is not a status"),
        ({"expect": {"body": "/Order (/"}}, "expect.body: '/Order (/' is not a regular expression: missing )"),
        ({"expect": {"body": ""}}, "expect.body: '' is true of anything; expected a text or /regex/"),
        ({"expect": {"body": "//"}}, "expect.body: '//' is true of anything"),
        ({"expect": {"body": None}}, "expect.body: null is not text"),
        ({"expect": {"location": "/[/"}}, "expect.location: '/[/' is not a regular expression"),
        ({"expect": {"headers": {"Vary": "/[/"}}}, "expect.headers.Vary: '/[/' is not a regular expression"),
        ({"expect": {"max_ms": -1}}, "expect.max_ms: -1 is not a time; use a whole number of milliseconds above 0"),
        ({"expect": {"max_ms": "1s"}}, "expect.max_ms: '1s' is not a time"),
        ({"expect": {"upstream": {}}}, "expect.upstream: is empty; expected some of method, path, headers"),
        ({"expect": {"upstream": {"url": "/"}}}, "expect.upstream: unknown key 'url'"),
        ({"expect": {"location": "/new", "status": 200}}, "expect.location: an answer of status 200 has no Location"),
        ({"expect": {"location": "/n"}, "follow": True}, "expect.location: `follow` goes on where a Location is"),
        ({"expect": {"status": [301, 302]}, "follow": True}, "expect.status: 301, 302 is never the end"),
        ({"expect": {"status": "3xx"}, "follow": True}, "expect.status: 3xx is never the end"),
        ({"expect": {"location": "/n", "headers": {"location": None}}}, "expect.headers: Location stands in"),
        ({"expect": {"status": 204, "body": "x"}}, "expect.body: an answer of status 204 has no body"),
        ({"expect": {"status": ["1xx", 304], "body": "x"}}, "expect.body: an answer of status 1xx, 304 has no body"),
    ],
)
def test_an_expectation_that_makes_no_sense_is_refused_in_words(row: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_contract([{"get": "http://shop.example/"}, {"get": URL, **row}], "nginx_sites[0].checks")
    assert str(caught.value).startswith(f"nginx_sites[0].checks[1].{message}")


def test_the_answer_to_head_has_no_body() -> None:
    with pytest.raises(InputError, match=r"^nginx_checks\[0\].expect.body: the answer to a HEAD request has no body"):
        one({"head": URL, "expect": {"body": "x"}})


@pytest.mark.parametrize("rows", [None, "checks", {"get": URL}, 1])
def test_a_contract_is_a_list(rows: object) -> None:
    with pytest.raises(InputError, match=r"^nginx_checks: .* is not a list of checks$"):
        parse_contract(rows, "nginx_checks")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[]", "[]"),
        ('[{"get": "/"}]', '[{"get": "/"}]'),
        ("['get']", "..."),
        ("[" + " " * 99 + "]", "..."),
        ("[\n]", "..."),
    ],
)
def test_a_list_that_arrived_as_text_is_given_as_json(text: str, shown: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_contract(text, "nginx_checks")
    assert str(caught.value).endswith(
        f" is not a list of checks; on the command line give it as JSON: -e '{{\"nginx_checks\": {shown}}}'"
    )
    with pytest.raises(InputError, match=r"is not a list of checks$"):
        parse_contract(text, "nginx_sites[0].checks")


def test_two_checks_of_one_contract_have_two_names() -> None:
    rows = [{"post": URL, "body": "a"}, {"post": URL, "body": "b"}]
    with pytest.raises(InputError) as caught:
        parse_contract(rows, "nginx_checks")
    assert str(caught.value) == (
        f"nginx_checks[1]: 'POST {URL}' is the name of nginx_checks[0] too; give each its own `name`"
    )


def test_an_empty_contract_is_one() -> None:
    assert parse_contract([], "nginx_checks") == []


@pytest.mark.parametrize(
    "row",
    [
        {"get": URL},
        {"post": URL, "name": "Ordered Ü", "body": {"id": 1}, "headers": {"X": "y"}, "connect": "[::1]:81"},
        {"get": URL, "follow": True, "expect": {"status": [200, "4xx"], "body": "/a/", "max_ms": 9}},
        {"get": URL, "expect": {"location": "/x", "headers": {"A": None, "B": "c"}}},
        {"get": URL, "expect": {"upstream": {"path": "/x"}}},
        {"get": URL, "expect": {"upstream": {"method": "post", "headers": {"A": None}}}},
        {"put": URL, "body": ""},
    ],
)
def test_a_check_survives_the_way_to_a_host(row: object) -> None:
    check = one(row)
    assert from_json(json.loads(json.dumps(to_json(check)))) == check


def test_what_is_no_check_is_refused_on_the_host_too() -> None:
    with pytest.raises(InputError, match=r"^nginx_checks\[3\]: unknown key 'surprise'"):
        from_json({**to_json(one({"get": URL})), "source": "nginx_checks[3]", "surprise": 1})


@pytest.mark.parametrize(
    ("expected", "status", "holds"),
    [
        (("200",), 200, True),
        (("200",), 201, False),
        (("2xx",), 204, True),
        (("2xx",), 304, False),
        (("200", "4xx"), 404, True),
    ],
)
def test_a_status_holds(expected: tuple[str, ...], status: int, holds: bool) -> None:
    assert Expect(status=expected).allows(status) is holds
