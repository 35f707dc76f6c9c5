from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import yaml

from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import Check, parse_contract
from ansible_collections.sluice.nginx.plugins.module_utils.coverage.instrument import Copy
from ansible_collections.sluice.nginx.plugins.module_utils.coverage.measure import Answered, MeasuredCopy
from ansible_collections.sluice.nginx.plugins.module_utils.coverage.propose import Proposal, propose, to_yaml

Made = Callable[..., Copy]


class _Staged(MeasuredCopy):
    """Answers every check alike; ``reached`` says by number which blocks a request goes through."""

    def __init__(self, reached: Callable[[Check], Sequence[int]], status: str, location: str, body: str) -> None:
        self.asked: list[Check] = []
        self._reached, self._status, self._location, self._body = reached, status, location, body

    def ask(self, checks: Sequence[Check]) -> tuple[list[dict[str, Any]], list[Answered]]:
        self.asked = list(checks)
        answered = [
            Answered(number, check.method, check.target, self._status, self._location, tuple(self._reached(check)))
            for number, check in enumerate(checks)
        ]
        return [{"body_excerpt": self._body} for _ in checks], answered


def _proposed(
    copy: Copy,
    words: str,
    reached: Callable[[Check], Sequence[int]] | None = None,
    status: str = "200",
    location: str = "",
    body: str = "",
) -> tuple[Proposal | None, _Staged]:
    block = next(block for block in copy.blocks if block.words.startswith(words))
    staged = _Staged(reached or (lambda check: [block.number]), status, location, body)
    return propose(staged, [block]).get(block.number), staged


@pytest.mark.parametrize(
    ("http", "words", "check"),
    [
        ("server { listen 80; server_name a.example; }", "server", {"get": "http://a.example/"}),
        ("server { listen 8443 ssl; server_name a.example; }", "server", {"get": "https://a.example:8443/"}),
        (
            "server { listen 10.0.0.1:80; server_name a.example; }",
            "server",
            {"get": "http://a.example/", "connect": "10.0.0.1:80"},
        ),
        ("server { server_name a.example; location /b { } }", "location", {"get": "http://a.example/b"}),
        ("server { server_name a.example; location = /b { } }", "location", {"get": "http://a.example/b"}),
        (
            r"server { server_name a.example; location ~ \.(png|svg)$ { } }",
            "location",
            {"get": "http://a.example/x.png"},
        ),
        (
            "server { server_name a.example; location /b { limit_except GET { deny all; } } }",
            "limit_except",
            {"delete": "http://a.example/b"},
        ),
        (
            "server { server_name a.example; location /b { if ($request_method = POST) { return 204; } } }",
            "if",
            {"post": "http://a.example/b"},
        ),
        ("server { server_name a.example; if ($arg_id) { } }", "if", {"get": "http://a.example/?id=1"}),
        ("server { server_name a.example; if ($arg_id = 7) { } }", "if", {"get": "http://a.example/?id=7"}),
        (
            "server { server_name a.example; if ($http_user_agent ~* bot) { } }",
            "if",
            {"get": "http://a.example/", "headers": {"User-Agent": "bot"}},
        ),
        (
            "server { server_name a.example; if ($cookie_beta = yes) { } }",
            "if",
            {"get": "http://a.example/", "headers": {"Cookie": "beta=yes"}},
        ),
        (
            "server { server_name a.example *.b.example; if ($host = www.b.example) { } }",
            "if",
            {"get": "http://www.b.example/"},
        ),
        ("server { server_name a.example; if ($host != a.example) { } }", "if", {"get": "http://sluice/"}),
    ],
)
def test_a_check_is_proposed_for_a_block(made: Made, http: str, words: str, check: dict[str, Any]) -> None:
    status = "403" if words == "limit_except" else "204"
    proposal, _ = _proposed(made(http), words, status=status)
    assert proposal is not None
    assert proposal.check == {**check, "expect": {"status": int(status)}}


@pytest.mark.parametrize(
    ("condition", "check", "note"),
    [
        ("$http_x_token = S3CR3T-1", {"headers": {"X-Token": "…redacted…"}}, "a value of X-Token is not shown"),
        ("$cookie_sid = S3CR3T-1", {"headers": {"Cookie": "…redacted…"}}, "a value of Cookie is not shown"),
        ("$arg_token = S3CR3T-1", {"get": "http://a.example/?token=…"}, "a value of the URL is not shown"),
    ],
)
def test_what_a_condition_keeps_secret_is_left_for_a_person_to_write(
    made: Made, condition: str, check: dict[str, Any], note: str
) -> None:
    proposal, _ = _proposed(made(f"server {{ server_name a.example; if ({condition}) {{ }} }}"), "if", status="204")
    assert proposal is not None
    assert check.items() <= proposal.check.items()
    assert note in proposal.note
    assert "S3CR3T" not in f"{proposal.check}{proposal.note}"


@pytest.mark.parametrize(
    ("answer", "expect", "note"),
    [
        ({"status": "404", "body": "gone"}, {"status": 404}, ""),
        ({"status": "301", "location": "http://a.example/new"}, {"status": 301, "location": "/new"}, ""),
        ({"status": "301", "location": "https://b.example/"}, {"status": 301, "location": "https://b.example/"}, ""),
        ({"body": "your basket is empty"}, {"status": 200, "body": "your basket is empty"}, ""),
        (
            {"body": "<html><head><title>All of tea</title></head><body>x</body></html>"},
            {"status": 200, "body": "All of tea"},
            "",
        ),
        ({"body": "<p>There is nothing in your basket at all</p>"}, {"status": 200, "body": "There is nothing"}, ""),
        ({"body": ""}, {"status": 200}, ""),
        ({"body": '{"stub": {"path": "/"}}'}, {"status": 200}, "a stub answered for the upstream"),
        ({"status": "500"}, {"status": 500}, "this is an error"),
    ],
)
def test_the_answer_that_staging_gave_is_what_is_expected(
    made: Made, answer: dict[str, str], expect: dict[str, Any], note: str
) -> None:
    said = {name: answer.get(name, usual) for name, usual in (("status", "200"), ("location", ""), ("body", ""))}
    copy = made("server { server_name a.example; }")
    proposal, _ = _proposed(copy, "server", None, said["status"], said["location"], said["body"])
    assert proposal is not None
    assert proposal.check["expect"] == expect
    assert proposal.note.startswith(note)
    assert bool(proposal.note) == bool(note)


def test_only_a_request_that_reached_the_block_is_proposed(made: Made) -> None:
    copy = made("server { server_name a.example; location / { } location = / { } }")
    prefix, _ = _proposed(copy, "location /", lambda check: [3] if check.target == "/" else [2])
    assert prefix is not None
    assert prefix.check["get"] == "http://a.example/x"
    nothing, staged = _proposed(copy, "location /", lambda check: [3])
    assert nothing is None
    assert [check.target for check in staged.asked] == ["/", "/x"]


@pytest.mark.parametrize("condition", ["$invalid_referer", "$http_x = ''", "-f /x"])
def test_a_condition_that_no_plain_request_meets_asks_little(made: Made, condition: str) -> None:
    _, staged = _proposed(made(f"server {{ if ({condition}) {{ }} }}"), "if")
    assert len(staged.asked) <= 1


def test_what_is_proposed_can_be_pasted_and_read(made: Made) -> None:
    proposal, _ = _proposed(made("server { server_name a.example; }"), "server", body="it's: \u00e9")
    assert proposal is not None
    text = to_yaml([proposal])
    assert text.startswith("# server, nginx.conf:1\n- get: http://a.example/\n  expect: {status: 200, body: ")
    (check,) = parse_contract(yaml.safe_load(text), "nginx_checks")
    assert (check.url, check.expect.status, check.expect.body) == ("http://a.example/", ("200",), "it's: \u00e9")
