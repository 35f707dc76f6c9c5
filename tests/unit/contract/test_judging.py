"""Nothing is raised out of the judge: a fault of ours is an outcome, and so are any bytes at all."""

from __future__ import annotations

import time
from threading import Thread
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.sluice.nginx.plugins.module_utils.contract import client
from ansible_collections.sluice.nginx.plugins.module_utils.contract.answer import Answer, judge
from ansible_collections.sluice.nginx.plugins.module_utils.contract.client import Outcome, run_checks, run_rows
from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import (
    Check,
    Expect,
    parse_contract,
    to_json,
)
from tests.unit.contract.servers import OK, TIMEOUT, Server, ask


class _Refusing:
    """A witness that has gone."""

    def mark(self) -> object:
        return None

    def since(self, mark: object) -> list[Any]:
        raise ConnectionError("the stub is gone")


def test_a_witness_that_is_gone_is_an_outcome(server: Server) -> None:
    server.parts = lambda: iter([OK + b"\r\n"])
    row = {"get": f"http://shop.example:{server.port}/", "expect": {"upstream": {"path": "/"}}}
    (outcome,) = run_checks(parse_contract([row], "x"), timeout=TIMEOUT, witness=_Refusing())
    assert "could not judge this check (ConnectionError: the stub is gone)" in outcome.problems[0]


@pytest.mark.parametrize("error", [UnicodeError("label empty"), MemoryError(), RecursionError(), KeyError("\x1b[2J")])
def test_a_fault_of_ours_in_judging_is_an_outcome_and_the_others_are_judged(
    server: Server, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fails(expect: Expect, answer: Answer, url: str, ms: float) -> list[str]:
        if url.endswith("/bad"):
            raise error
        return judge(expect, answer, url, ms)

    monkeypatch.setattr(client, "judge", fails)
    server.parts = lambda: iter([OK + b"\r\n"])
    base = f"http://shop.example:{server.port}"
    noted: list[Outcome] = []
    checks = parse_contract([{"get": f"{base}/"}, {"get": f"{base}/bad"}, {"get": f"{base}/2"}], "nginx_checks")
    outcomes = run_checks(checks, timeout=5.0, noted=noted.append)
    assert [outcome.ok for outcome in outcomes] == [True, False, True]
    assert outcomes[1].problems[0].startswith(f"Sluice could not judge this check ({type(error).__name__}: ")
    assert outcomes[1].problems[0].isprintable()
    assert sorted(outcome.source for outcome in noted) == [f"nginx_checks[{number}]" for number in range(3)]


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
def test_the_end_of_the_process_is_no_outcome(monkeypatch: pytest.MonkeyPatch, end: type[BaseException]) -> None:
    def ends(*_: object) -> Outcome:
        raise end

    monkeypatch.setattr(client, "_run", ends)
    with pytest.raises(end):
        run_checks(parse_contract([{"get": "http://shop.example/"}], "x"))


def test_a_stored_row_that_is_no_check_is_an_outcome(server: Server) -> None:
    server.parts = lambda: iter([OK + b"\r\n"])
    (check,) = parse_contract([{"name": "good", "get": f"http://shop.example:{server.port}/"}], "x")
    rows: list[Any] = [{"name": "bad", "get": "ftp://x"}, to_json(check), 5, {"name": "odd", "request": {"method": 1}}]
    noted: list[Outcome] = []
    outcomes = run_rows(rows, timeout=5.0, noted=noted.append)
    assert [(outcome.name, outcome.ok) for outcome in outcomes] == [
        ("bad", False), ("good", True), ("", False), ("odd", False),
    ]  # fmt: skip
    assert len(noted) == 4


def test_checks_are_made_where_no_thread_can_be(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    class NoThread(Thread):
        def start(self) -> None:
            raise RuntimeError("can't start new thread")

    monkeypatch.setattr(client, "Thread", NoThread)
    server.parts = lambda: iter([OK + b"\r\n"])
    rows = [{"get": f"http://shop.example:{server.port}/{number}"} for number in range(3)]
    assert all(outcome.ok for outcome in run_checks(parse_contract(rows, "x")))


# Pieces that servers are made of, so that what is drawn comes further than random bytes do.
_PIECES = st.sampled_from(
    [
        *[OK, b"HTTP/1.1 302 Found\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"\r\n", b"\r\n\r\n", b"\n"],
        *[b"Location: ", b"Location: /x\r\n", b"http://[", b"http://shop.example:", b"Content-Length: ", b"5", b"0"],
        *[b"Content-Type: text/html; charset=", b"idna", b"utf-16", b"Set-Cookie: a=b; Expires=", b"\0", b";", b"-"],
        *[b"Transfer-Encoding: chunked\r\n\r\n", b"5\r\nhello\r\n", b"0\r\n\r\n", "²".encode(), b"_"],
    ]
)
_BYTES = st.lists(st.one_of(_PIECES, st.binary(max_size=30)), max_size=12).map(b"".join)
_ROWS: list[dict[str, Any]] = [
    {"follow": True},
    {"expect": {"body": "/(h+e?)+llo/", "headers": {"Content-Type": "/^text/", "X": None}}},
    {"expect": {"location": "/new", "status": ["2xx", 302]}},
    {"expect": {"location": "/^http:.*x$/"}},
]


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_BYTES, st.sampled_from(_ROWS))
def test_any_bytes_are_an_outcome(server: Server, answer: bytes, row: dict[str, Any]) -> None:
    began = time.monotonic()
    outcome = ask(server, answer, 1.0, **row)
    assert time.monotonic() - began < 10
    assert not any("Sluice could not judge" in text for text in outcome.problems), outcome.problems
    assert all(text.isprintable() and len(text) < 5000 for text in outcome.problems)
    assert len(outcome.body_excerpt) <= 200
    assert outcome.body_excerpt.isprintable()


@settings(max_examples=200, deadline=None)
@given(
    st.integers(100, 999),
    st.lists(
        st.tuples(st.sampled_from(["Location", "Content-Type", "X", "Set-Cookie"]), st.text(max_size=60)), max_size=5
    ),
    st.binary(max_size=300),
)
def test_any_answer_is_judged(status: int, headers: list[tuple[str, str]], body: bytes) -> None:
    expect = Expect(("200",), "/new", (("X", "/a.*b/"), ("Y", None)), "/(a|b)+c/")
    problems = judge(expect, Answer(status, tuple(headers), body), "http://shop.example/", 1.0)
    assert all(isinstance(text, str) for text in problems)


def test_a_check_whose_url_is_none_is_an_outcome() -> None:
    (outcome,) = run_checks([Check("odd", "GET", "nonsense")])
    assert "could not judge this check (ValueError" in outcome.problems[0]
