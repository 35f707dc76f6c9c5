from __future__ import annotations

from collections.abc import Callable

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.attribution import Attribution
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.changes import changes
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.comparing import compare, grouped
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.judging import Judge
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.pools import Pools
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.render import findings_of, summary
from ansible_collections.sluice.nginx.plugins.module_utils.config.derive import DerivedRequest
from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import Config

Conf = Callable[[str], Config]

FINE = {"status": "200", "body": "hello"}


def _server(inside: str, name: str = "s") -> str:
    return f"server {{ listen 80; server_name {name}; {inside} }}"


def _ask(target: str, host: str = "s") -> DerivedRequest:
    return DerivedRequest("GET", "http", host, 80, target)


@pytest.mark.parametrize(
    ("live", "candidate", "target", "causes"),
    [
        (
            "location / { root /a; } location /b { }",
            "location / { root /c; } location /b { }",
            "/x",
            ["root /a → /c"],
        ),
        ("location / { root /a; }", "etag off; location / { root /b; }", "/x", ["root /a → /b", "etag off added"]),
        ("location / { } location /b { root /a; }", "location / { } location /b { root /b; }", "/x", []),
        (
            "try_files $uri @app; location @app { proxy_pass http://a; }",
            "try_files $uri @app; location @app { proxy_pass http://b; }",
            "/x",
            ["proxy_pass http://a → http://b"],
        ),
        ("", "location /new { }", "/new", ["location /new added"]),
        (
            "index index.php; location ~ [.]php$ { fastcgi_pass a; }",
            "index index.php; location ~ [.]php$ { fastcgi_pass b; }",
            "/x/",
            ["fastcgi_pass a → b"],
        ),
        ("location /a/ { root /x; }", "location /a/ { root /y; }", "/a", ["root /x → /y"]),
        (
            "location /a { location /a/b { } etag on; }",
            "location /a { location /a/b { } etag off; }",
            "/a/b",
            ["etag on → off"],
        ),
        (
            "if ($host = a) { return 301 /a; }",
            "if ($host = a) { return 301 /b; }",
            "/",
            ["return 301 /a → 301 /b"],
        ),
        (
            "location / { try_files $uri $uri/ /index.php?$args; } location ~ \\.php$ { fastcgi_pass a:9000; }",
            "location / { try_files $uri $uri/ /index.php?$args; } location ~ \\.php$ { fastcgi_pass b:9000; }",
            "/a/page",
            ["fastcgi_pass a:9000 → b:9000"],
        ),
        (
            "if (!-e $request_filename) { rewrite ^/\\w+(/wp-.*) $1; } location ~ \\.php$ { fastcgi_pass a:9000; }",
            "if (!-e $request_filename) { rewrite ^/\\w+(/wp-.*) $1; } location ~ \\.php$ { fastcgi_pass b:9000; }",
            "/shop/wp-login.php",
            ["fastcgi_pass a:9000 → b:9000"],
        ),
        (
            "try_files $uri @app; location @app { rewrite ^ /run.php last; } location = /run.php { etag on; }",
            "try_files $uri @app; location @app { rewrite ^ /run.php last; } location = /run.php { etag off; }",
            "/a/page",
            ["etag on → off"],
        ),
        (
            "if ($arg_x) { rewrite ^/old /new redirect; } location /new { etag on; }",
            "if ($arg_x) { rewrite ^/old /new redirect; } location /new { etag off; }",
            "/old",
            [],
        ),
    ],
)
def test_the_lines_behind_a_change_are_those_on_its_way(
    conf: Conf, live: str, candidate: str, target: str, causes: list[str]
) -> None:
    before, after = conf(f"http {{ {_server(live)} }}"), conf(f"http {{ {_server(candidate)} }}")
    found = Attribution(before, after, changes(before, after)).of(_ask(target))
    assert [change.words.split(" ", 1)[1] for change in found] == causes


@pytest.mark.parametrize(
    ("live", "candidate", "request_", "before", "after", "kinds"),
    [
        ("location / { }", "location / { etag off; }", _ask("/x"), FINE, {"status": "500"}, [("broken", True)]),
        ("", "location /new { }", _ask("/new"), FINE, {"status": "200", "body": "new"}, [("document", False)]),
        ("", "location /new { }", _ask("/new"), FINE, {"status": "502"}, [("broken", True)]),
        ("", "location ~ ^/n { }", _ask("/new"), FINE, {"status": "200", "body": "new"}, [("document", False)]),
        ("location /i { internal; }", "location /i { }", _ask("/i"), {"status": "404"}, FINE, [("access", True)]),
        ("location /i { }", "location /i { etag off; }", _ask("/i"), {"status": "404"}, FINE, [("answers", False)]),
        ("location /f/ { root /a; }", "", _ask("/f/"), {"status": "403"}, FINE, [("answers", False)]),
        ("location /f/ { root /a; }", "", _ask("/f/x"), {"status": "403"}, FINE, [("access", True)]),
        ("location /f/ { root /a; deny all; }", "", _ask("/f/"), {"status": "403"}, FINE, [("access", True)]),
        ("location /f/ { root /a; } deny all;", "", _ask("/f/"), {"status": "403"}, FINE, [("access", True)]),
        ("location /f/ { proxy_pass http://a; }", "", _ask("/f/"), {"status": "403"}, FINE, [("access", True)]),
        ("return 200 a;", "return 200 b;", _ask("/"), FINE, {"status": "200", "body": "b"}, [("text", False)]),
    ],
)
def test_the_lines_tell_more_than_the_answers(
    conf: Conf,
    live: str,
    candidate: str,
    request_: DerivedRequest,
    before: dict[str, str],
    after: dict[str, str],
    kinds: list[tuple[str, bool]],
) -> None:
    first, second = conf(f"http {{ {_server(live)} }}"), conf(f"http {{ {_server(candidate)} }}")
    attribution = Attribution(first, second, changes(first, second))
    found = list(
        compare([request_], [(before, before, after)], attribution, Judge(first, second, changes(first, second)))
    )
    assert [(one.difference.kind, one.fails) for one in found] == kinds


def test_a_host_that_only_the_candidate_names_was_no_promise(conf: Conf) -> None:
    first = conf(f"http {{ {_server('')} }}")
    second = conf(f"http {{ {_server('')} {_server('', 'new')} }}")
    attribution = Attribution(first, second, changes(first, second))
    (one,) = compare(
        [_ask("/", "new")], [(FINE, FINE, {"status": "404"})], attribution, Judge(first, second, changes(first, second))
    )
    assert not one.fails


def test_the_same_change_over_many_requests_is_one_row_with_three_examples(conf: Conf) -> None:
    first = conf(f"http {{ {_server('location / { etag on; } location = /l { access_log off; }')} }}")
    second = conf(f"http {{ {_server('location / { etag off; } location = /l { access_log /l; }')} }}")
    changed = changes(first, second)
    attribution, judge = Attribution(first, second, changed), Judge(first, second, changed)
    requests = [_ask(f"/{number}") for number in range(20)]
    gone = {"status": "404", "body": ""}
    found = list(compare(requests, [(FINE, FINE, gone)] * 20, attribution, judge))
    rows = grouped(found, changed, {}, lambda one: "", judge)
    finding, log = findings_of(rows, strict=False)
    assert finding.what.startswith("status 200 → 404: what worked fails (nginx.conf:1 etag on → off)")
    assert finding.actual == "404 for GET http://s/0, GET http://s/1, GET http://s/2 and 17 more"
    assert (finding.warning, log.warning) == (False, True)
    assert "access_log off → /l: changed, and no request shows it" in log.what
    assert all(not found.warning for found in findings_of(rows, strict=True))
    told = "20 requests asked of both, 3 or more left out (gates_behaviour_requests), "
    told += "20 differences not explained by an edit"
    assert summary(rows, 20, 3) == told
    sample = "20 requests asked of both, 3 or more left out (the change does not reach them), "
    assert summary(rows, 20, 3, is_sample=True).startswith(sample)


def test_members_of_an_upstream_are_one_place_whatever_it_is_called(conf: Conf) -> None:
    live = conf("http { upstream app { server a; server b:81; } upstream one { server c; } }")
    candidate = conf("http { upstream renamed { server b:81; server a; } upstream one { server c; } }")
    pools = Pools(live, candidate, {"a": "198.19.0.1", "b": "198.19.0.2", "c": "198.19.0.3"})
    assert pools.place("198.19.0.1:80", False) == pools.place("198.19.0.2:81", True) == "a member of app"
    assert pools.place("198.19.0.3:80", True) == "198.19.0.3:80"
    assert pools.host("renamed") == pools.host("app") == "the upstream app"
    assert pools.host("shop.example") == "shop.example"


def test_a_place_that_fails_so_in_live_is_no_fault_of_who_leads_there(conf: Conf) -> None:
    place = "location /health { try_files $uri $uri/index.html; }"
    first, second = conf(f"http {{ {_server(place + 'location ~ json$ { }')} }}"), conf(f"http {{ {_server(place)} }}")
    changed = changes(first, second)
    explained = Attribution(first, second, changed), Judge(first, second, changed)
    asked, same = _ask("/health/a.json"), _ask("/health/a")
    answers = [({"status": "404"}, {"status": "404"}, {"status": "500"})]
    loops = ({"status": "500"}, {"status": "500"}, {"status": "500"})
    assert [one.judgement.sort for one in compare([asked], answers, *explained)] == ["regression"]
    assert [one.judgement.sort for one in compare([asked, same], [*answers, loops], *explained)] == ["shown"]


def test_a_condition_that_refused_is_gone_also_where_a_path_ends_with_a_slash(conf: Conf) -> None:
    inside = "location ~ ^/list/ {{ {0} try_files $uri @app; }} location @app {{ proxy_pass http://a; }}"
    first = conf(f"http {{ {_server(inside.format('if ($arg_user) { return 403; }'))} }}")
    second = conf(f"http {{ {_server(inside.format(''))} }}")
    changed = changes(first, second)
    explained = Attribution(first, second, changed), Judge(first, second, changed)
    answers = [({"status": "403"}, {"status": "403"}, {"status": "200"})]
    assert [one.judgement.sort for one in compare([_ask("/list/?user=a")], answers, *explained)] == ["regression"]


def test_a_place_with_another_path_and_the_same_upstream_fails_as_before(conf: Conf) -> None:
    place = "location /{0} {{ proxy_pass http://console$request_uri; }} location / {{ }}"
    first, second = (conf(f"http {{ {_server(place.format(path))} }}") for path in ("center", "console"))
    changed = changes(first, second)
    explained = Attribution(first, second, changed), Judge(first, second, changed)
    fails, works = {"status": "502"}, {"status": "200"}
    moved, left = (works, works, fails), (fails, fails, works)
    asked = [_ask("/console"), _ask("/center")]
    assert [one.judgement.sort for one in compare(asked[:1], [moved], *explained)] == ["regression"]
    assert [one.judgement.sort for one in compare(asked, [moved, left], *explained)] == ["shown", "shown"]


def test_an_upstream_that_had_to_fail_is_shunned_by_chance(conf: Conf) -> None:
    first, second = (conf(f"http {{ {_server(f'location / {{ proxy_pass http://a:{port}; }}')} }}") for port in (1, 2))
    explained = Attribution(first, second, edits := changes(first, second)), Judge(first, second, edits)
    answers = [({"status": "404"}, {"status": "404"}, {"status": "502"})]
    asked = _ask("/")
    assert [one.judgement.sort for one in compare([asked], answers, *explained)] == ["regression"]
    assert [one.judgement.sort for one in compare([asked._replace(late=2)], answers, *explained)] == ["shown"]


@pytest.mark.parametrize(("page", "sort"), [("502 504 =503", "intended"), ("500 =503", "regression")])
def test_a_failure_that_was_asked_for_may_have_another_code_by_an_error_page(conf: Conf, page: str, sort: str) -> None:
    around = f"error_page {page} /down.html; location /map"
    lines = "return 302 https://cdn.s/map;", "proxy_pass http://cdn.s;"
    first, second = (conf(f"http {{ {_server(f'{around} {{ {line} }}')} }}") for line in lines)
    explained = Attribution(first, second, edits := changes(first, second)), Judge(first, second, edits)
    asked = _ask("/map")._replace(late=2, headers=(("X-Sluice-Answer", '{"close": true}'),))
    answers = [({"status": "302"}, {"status": "302"}, {"status": "503"})]
    assert [one.judgement.sort for one in compare([asked], answers, *explained)] == [sort]
