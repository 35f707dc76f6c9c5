"""Whatever a configuration says, the effects are worked out in a bounded time, and say what is left out."""

from __future__ import annotations

import time

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.config.derive import DerivedRequest
from ansible_collections.sluice.nginx.plugins.module_utils.config.match import choose_server, trace
from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import Config, Directive
from ansible_collections.sluice.nginx.plugins.module_utils.effects.comparing import Comparison
from ansible_collections.sluice.nginx.plugins.module_utils.effects.effects import effects
from ansible_collections.sluice.nginx.plugins.module_utils.effects.terms import TooMuch

from .conftest import Reads, Works, rows, server

_BASE = "location / { return 404; }"
_HOSTILE = {
    # Of a longer word nginx reads nothing.
    "three thousand letters": "^/(" + "|".join(f"word{number}" for number in range(440)) + ")$",
    "nested quantifiers": "^/((((a+)+)+)+)+$",
    "doubling states": "a.{30}b.{30}c$",
    "deep": "(" * 200 + "a" + ")" * 200,
    "unbalanced by no more than PCRE allows": r"^/a\Qb(\E",
    "a control letter": r"^/a\x01b",
}


@pytest.mark.parametrize("pattern", _HOSTILE.values(), ids=_HOSTILE)
def test_hostile_expressions(work: Works, pattern: str) -> None:
    began = time.thread_time()
    found = work(server(_BASE), server(f'{_BASE} location ~ "{pattern}" {{ return 200 1; }}'), (), 1.0)
    assert time.thread_time() - began < 5
    assert found.found or found.unread or pattern == _HOSTILE["a control letter"]


def test_an_expression_that_grows_too_large_is_sampled_and_says_so(work: Works) -> None:
    other = "".join(
        f'location ~ "{letter}.{{{number}}}x" {{ return 200 {number}; }}'
        for number, letter in enumerate("abcdefgh", 12)
    )
    found = work(server(other + _BASE), server(other + "location / { return 403; }"), (), 0.5)
    assert rows(found)[0] == ("/", "status 404", "status 403")
    assert found.found[0].is_exact or "too long" in found.found[0].because


def test_two_thousand_locations(work: Works) -> None:
    many = "".join(f"location /section-{number}/ {{ return 200 {number}; }}" for number in range(2000))
    began = time.thread_time()
    found = work(server(_BASE + many), server(_BASE + many.replace("200 1234;", "200 x;")))
    assert rows(found) == [("/section-1234/", "status 200 with a text: 1234", "status 200 with a text: x")]
    assert found.is_exact
    assert time.thread_time() - began < 10


def test_a_thousand_servers(work: Works) -> None:
    many = "".join(server(f"location / {{ return 200 {number}; }}", f"s{number}.example") for number in range(1000))
    found = work(many, many.replace("return 200 77;", "return 403;"))
    assert [(each.where, each.after) for each in found.found] == [("s77.example, port 80", "status 403")]
    found = work("keepalive_timeout 10s;" + many, "keepalive_timeout 20s;" + many)
    assert [(each.before, each.after) for each in found.found] == [("keepalive_timeout 10s", "keepalive_timeout 20s")]
    assert found.found[0].where.endswith("more places")


def test_nothing_is_nothing(read: Reads) -> None:
    nothing = Config()
    assert effects(nothing, nothing, []).to_json() == {"rows": [], "more": 0, "unread": [], "exact": True}
    found = effects(nothing, read(server("return 204;")), [])
    assert [each.before for each in found.found] == ["nothing listens"]


def test_odd_directives(work: Works) -> None:
    odd = (
        "if ($a) { } set $b; rewrite ^; location ~ { } location @a { } location = / { } return; error_page; map; "
        "try_files; if ($uri ~ '(') { return 403; } if (a b c d) { return 1; } proxy_pass;"
    )
    work(server(odd), server(odd + "location /x { return 204; }"))


def test_rewrites_in_a_circle(work: Works) -> None:
    circle = "location /a { rewrite ^/a(.*)$ /b$1 last; } location /b { rewrite ^/b(.*)$ /a$1 last; }"
    found = work(server(circle), server(circle + "location /c { return 204; }"))
    assert ("/c", "files of html", "status 204") in rows(found)


def test_conditions_without_end(work: Works) -> None:
    many = "".join(f"if ($http_x{number}) {{ set $y {number}; }}" for number in range(40)) + "return 200 $y;"
    found = work(server(many), server(many.replace("return 200", "return 201")), (), 1.0)
    assert found.unread or found.found


@pytest.mark.parametrize(
    "line", ["rewrite ^/old-{0}$ /new-{0} permanent;", "if ($uri = /old-{0}) { return 301 /new-{0}; }"]
)
def test_five_hundred_redirects(work: Works, line: str) -> None:
    many = "".join(line.replace("{0}", str(number)) for number in range(500))
    found = work(server(many), server(many.replace("/new-77;", "/x;").replace("/new-77 ", "/x ")), (), 30.0)
    assert [row[0] for row in rows(found)] == ["/old-77"]
    assert found.is_exact


def test_a_text_of_many_maps_that_no_automaton_reads(work: Works) -> None:
    maps = "".join(f'map $uri $m{number} {{ "~(a{number})\\1$" 1; default 0; }}' for number in range(24))
    text = "".join(f"$m{number}" for number in range(24))
    began = time.thread_time()
    found = work(maps + server(f"return 200 {text};"), maps + server(f"return 200 {text}x;"), (), 0.5)
    assert time.thread_time() - began < 5
    assert not found.is_exact
    assert found.unread or found.found


def test_what_was_not_found_in_time_is_not_called_unchanged(work: Works) -> None:
    many = "".join(rf"location ~ \.foo{number}$ {{ return 200 {number}; }}" for number in range(1500))
    found = work(server(many), server(many.replace("200 1499;", "200 x;")), (), 0.3)
    assert found.found or found.unread
    assert not found.is_exact


@pytest.mark.parametrize("error", [TooMuch("enough"), RecursionError(), IndexError()])
def test_a_request_that_cannot_be_followed_may_be_in_a_set(
    work: Works, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def follow(*_: object) -> list[object]:
        raise error

    found = work(server("return 204;"), server("return 403;"))
    monkeypatch.setattr(Comparison, "counts_for", follow)
    assert found.covers(DerivedRequest("GET", "http", "a.example", 80, "/"))


@pytest.mark.parametrize(
    ("before", "after", "path", "covered"),
    [
        ("return 204;", "return 204;", "/", False),
        ("location /a { return 204; }", "location /a { return 403; }", "/a", True),
        ("location /a { return 204; }", "location /a { return 403; }", "/b", False),
        # Of what no automaton reads all of the server may be in a set.
        (r"location ~ ^/(a)\1 { return 204; }", r"location ~ ^/(a)\1 { return 403; }", "/b", True),
    ],
)
def test_a_request_beside_a_set_is_in_none(work: Works, before: str, after: str, path: str, covered: bool) -> None:
    found = work(server(before), server(after))
    asked = DerivedRequest("GET", "http", "a.example", 80, path)
    assert found.covers(asked) == covered
    assert found.covers(asked._replace(headers=(("X", "1"),), method="HEAD")) == covered


def test_where_tls_comes_all_requests_may_be_in_a_set(work: Works) -> None:
    text = "server {{ listen 443{}; server_name a.example; return 204; }}"
    found = work(text.format(""), text.format(" ssl"))
    assert found.covers(DerivedRequest("GET", "https", "a.example", 443, "/any"))


def test_a_server_with_a_thousand_names_is_read_once(work: Works) -> None:
    names = " ".join(f"n{number}.example" for number in range(1000))
    many = "".join(f"location /section-{number}/ {{ return 200 {number}; }}" for number in range(1000))
    began = time.thread_time()
    found = work(server(many, names), server(many.replace("200 77;", "200 x;"), names), (), 30.0)
    assert [row[0] for row in rows(found)] == ["/section-77/"]
    assert time.thread_time() - began < 3


def test_a_nested_regex_ends_the_search(read: Reads) -> None:
    config = read(server(r"location /a { location ~ x$ { return 200 1; } } location ~ ^/a { return 200 2; }"))
    assert choose_server(config, "a.example", 80) is not None
    last = trace(config, "a.example", 80, "/ax").last
    assert isinstance(last, Directive)
    assert last.args == ["200", "1"]
