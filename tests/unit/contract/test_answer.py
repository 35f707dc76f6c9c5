from __future__ import annotations

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.contract.answer import (
    BODY_LIMIT,
    Answer,
    SeenRequest,
    judge,
    judge_upstream,
)
from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import Expect, UpstreamExpectation

URL = "http://shop.example/old/page"


def moved(location: str) -> Answer:
    return Answer(301, (("Location", location),))


def page(body: str, *headers: tuple[str, str]) -> Answer:
    return Answer(200, headers, body.encode())


@pytest.mark.parametrize(
    ("expect", "answer", "problems"),
    [
        (Expect(), Answer(204), []),
        (Expect(), Answer(404), ["expected status 2xx, got 404"]),
        (Expect(status=("200", "204")), Answer(500), ["expected status 200 or 204, got 500"]),
        (Expect(status=("3xx",), location="/new"), moved("/new"), []),
        (Expect(status=("3xx",), location="/new"), moved("http://shop.example/new"), []),
        (Expect(status=("3xx",), location="http://shop.example/new"), moved("/new"), []),
        (Expect(status=("3xx",), location="/new"), moved("/newer"), ["expected Location /new, got /newer"]),
        (
            Expect(status=("3xx",), location="/new"),
            moved("https://shop.example/new"),
            ["expected Location /new, got https://shop.example/new"],
        ),
        (Expect(status=("3xx",), location="/new/"), moved("/new/"), []),
        (Expect(status=("3xx",), location="/new/"), moved("/new/er"), ["expected Location /new/, got /new/er"]),
        (Expect(status=("3xx",), location=r"/^https:.*\/new$/"), moved("https://shop.example/new"), []),
        (
            Expect(status=("3xx",), location="/^https:/"),
            moved("http://shop.example/"),
            ["expected Location /^https:/, got http://shop.example/"],
        ),
        (Expect(status=("302",), location="/x"), Answer(302), ["expected Location /x, got none"]),
        (Expect(headers=(("cache-control", "no-store"),)), page("", ("Cache-Control", "no-store")), []),
        (
            Expect(headers=(("Cache-Control", "no-store"),)),
            page("", ("Cache-Control", "max-age=5")),
            ["expected header Cache-Control: no-store, got max-age=5"],
        ),
        (Expect(headers=(("Vary", "a, b"),)), page("", ("Vary", "a"), ("Vary", "b")), []),
        (Expect(headers=(("Vary", "b"),)), page("", ("Vary", "a"), ("Vary", "b")), []),
        (Expect(headers=(("Content-Type", "/json/"),)), page("", ("Content-Type", "application/json")), []),
        (Expect(headers=(("ETag", "/./"),)), page(""), ["expected header ETag: /./, got none"]),
        (Expect(headers=(("X-Powered-By", None),)), page(""), []),
        (
            Expect(headers=(("X-Powered-By", None),)),
            page("", ("x-powered-by", "PHP/8.2")),
            ["expected no header X-Powered-By, got PHP/8.2"],
        ),
        (Expect(body="Order 42"), page("<b>Order 42</b>"), []),
        (Expect(body="Order 42"), page("Order 4"), ["expected the body to contain 'Order 42', got Order 4"]),
        (Expect(body="Order 42"), page(""), ["expected the body to contain 'Order 42', got an empty body"]),
        (Expect(body=r"/Order \d+/"), page("an Order 7"), []),
        (Expect(body=r"/Order \d+/"), page("Order"), [r"expected the body to match /Order \d+/, got Order"]),
        (Expect(body="Grüße"), page("Grüße"), []),
        (Expect(body="ü"), Answer(200, (("Content-Type", "text/html; charset=ISO-8859-1"),), b"\xfc"), []),
        (Expect(body="ü"), Answer(200, (("Content-Type", "text/html; charset=nonsense"),), "ü".encode()), []),
        (
            Expect(body="end"),
            Answer(200, (), b"x" * BODY_LIMIT),
            [f"expected the first MiB of the body to contain 'end', got {'x' * 199}…"],
        ),
        (Expect(max_ms=100), Answer(200), ["expected at most 100 ms, took 120 ms"]),
        (Expect(max_ms=121), Answer(200), []),
        (Expect(), Answer(200, fault="the answer was cut off"), ["the answer was cut off"]),
        (
            Expect(status=("200",), body="x", headers=(("A", "b"),)),
            Answer(500, (), b"\x00\x1b[31mno\n\n way"),
            [
                "expected status 200, got 500",
                "expected header A: b, got none",
                "expected the body to contain 'x', got [31mno way",
            ],
        ),
    ],
)
def test_an_answer_is_held_to_what_was_expected(expect: Expect, answer: Answer, problems: list[str]) -> None:
    assert judge(expect, answer, URL, 120.4) == problems


@pytest.mark.parametrize(
    ("body", "excerpt"),
    [(b"", ""), (b"a\r\n\tb", "a b"), (b"\xff", "\ufffd"), (b"y" * 200, "y" * 200), (b"y" * 201, "y" * 199 + "…")],
)
def test_an_excerpt_is_one_printable_line(body: bytes, excerpt: str) -> None:
    assert Answer(200, (), body).excerpt == excerpt


def seen(method: str, path: str, **headers: str) -> SeenRequest:
    return {"method": method, "path": path, "headers": headers, "address": "app:8001"}


@pytest.mark.parametrize(
    ("upstream", "requests", "problems"),
    [
        (UpstreamExpectation(path="/v2"), [], ["expected a request to an upstream, none came"]),
        (UpstreamExpectation(method="GET", path="/v2"), [seen("GET", "/v2")], []),
        (UpstreamExpectation(path="/api/"), [seen("GET", "/api/")], []),
        (
            UpstreamExpectation(path="/api/"),
            [seen("GET", "/api/x")],
            ["expected the upstream to see path /api/, it saw /api/x"],
        ),
        (UpstreamExpectation(path=r"/^\/v\d/"), [seen("GET", "/v3/x")], []),
        (UpstreamExpectation(path="/v2"), [seen("GET", "/v1"), seen("GET", "/v2")], []),
        (
            UpstreamExpectation(method="POST", path="/v2"),
            [seen("GET", "/v1")],
            [
                "expected the upstream to see method POST, it saw GET",
                "expected the upstream to see path /v2, it saw /v1",
            ],
        ),
        (UpstreamExpectation(headers=(("host", "app"), ("Cookie", None))), [seen("GET", "/", Host="app")], []),
        (
            UpstreamExpectation(headers=(("Host", "app"),)),
            [seen("GET", "/", Host="shop")],
            ["at the upstream: expected header Host: app, got shop"],
        ),
    ],
)
def test_what_the_upstream_saw_is_held_to_what_was_expected(
    upstream: UpstreamExpectation, requests: list[SeenRequest], problems: list[str]
) -> None:
    assert judge_upstream(upstream, requests) == problems
