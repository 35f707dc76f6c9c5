from __future__ import annotations

from collections.abc import Callable

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.attribution import Attribution
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.changes import changes
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.comparing import compare
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.judging import Judge
from ansible_collections.sluice.nginx.plugins.module_utils.config.derive import DerivedRequest
from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import Config

Conf = Callable[[str], Config]

FINE = {"status": "200", "body": "hello"}
OTHER = {"status": "200", "body": "bye"}


def _moved(target: str) -> dict[str, str]:
    return {"status": "301", "header location": target}


def _up(address: str = "10.0.0.1:80", **more: str) -> dict[str, str]:
    return {"status": "200", "upstream 0 address": address, **more}


def _judged(
    conf: Conf, live: str, candidate: str, target: str, before: dict[str, str], after: dict[str, str], place: str = ""
) -> list[str]:
    first, second = (
        conf(f"http {{ server {{ listen 80; server_name s; {inside} }} }}") for inside in (live, candidate)
    )
    changed = changes(first, second)
    attribution, judge = Attribution(first, second, changed), Judge(first, second, changed)
    request = DerivedRequest("GET", "http", "s", 80, target, place=place)
    return [one.judgement.sort for one in compare([request], [(before, before, after)], attribution, judge)]


@pytest.mark.parametrize(
    ("live", "candidate", "target", "before", "after", "sort"),
    [
        ("", "location = /ping { return 204; }", "/ping", FINE, {"status": "204"}, "intended"),
        ("", "rewrite ^/old$ /new permanent;", "/old", FINE, _moved("http://s/new"), "intended"),
        ("return 301 /a;", "return 301 /b;", "/", _moved("http://s/a"), _moved("http://s/b"), "intended"),
        (
            "location /a { proxy_pass http://old; }",
            "location /a { proxy_pass http://new; }",
            "/a",
            _up(),
            _up("10.0.0.2:80"),
            "intended",
        ),
        ("location /a { }", "location /a { deny all; }", "/a", FINE, {"status": "403"}, "intended"),
        ("location /a { }", "location /a { return 410; }", "/a", FINE, {"status": "410"}, "intended"),
        ("location /a { }", "location /a { auth_basic on; }", "/a", FINE, {"status": "401"}, "intended"),
        ("location /a { root /x; }", "", "/a", FINE, {"status": "404"}, "intended"),
        ("location /a { deny all; }", "location /a { allow 10.0.0.0/8; }", "/a", {"status": "403"}, FINE, "intended"),
        ("rewrite ^/a /b redirect;", "", "/a", _moved("http://s/b"), {"status": "404"}, "intended"),
        ("location /a { }", "location /a { return 444; }", "/a", FINE, {"status": "closed"}, "intended"),
        ("error_page 404 = /e;", "error_page 404 500 /e;", "/a", FINE, {"status": "404"}, "intended"),
        ("error_page 404 = /e;", "error_page 404 /f; error_page 404 = /e;", "/a", FINE, {"status": "404"}, "intended"),
        (
            "location /a { proxy_pass http://a; proxy_set_header Cookie ''; }",
            "location /a { proxy_pass http://a; proxy_pass_request_headers off; }",
            "/a",
            _up(**{"upstream 0 header user-agent": "x"}),
            _up(),
            "intended",
        ),
        ("error_page 404 /e;", "error_page 404 500 = /e;", "/a", FINE, {"status": "404"}, "regression"),
        ("", "error_page 404 /e; etag off;", "/a", FINE, {"status": "404"}, "regression"),
        (
            "location /a { proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection keep-alive; }",
            "location /a { proxy_set_header X-Real-IP $remote_addr; }",
            "/a",
            _up(**{"upstream 0 header upgrade": "websocket"}),
            _up(),
            "intended",
        ),
        (
            "location /a { proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; }",
            "location /a { proxy_set_header X-Real-IP $remote_addr; }",
            "/a",
            _up(**{"upstream 0 header upgrade": "websocket"}),
            _up(),
            "regression",
        ),
        (
            "location / { proxy_pass http://app; }",
            "location / { proxy_pass http://app; } location ~ ^/tool/ { proxy_pass http://tool; }",
            "/tool/a",
            _up(**{"upstream 0 header x-forwarded-for": "10.0.0.9"}),
            _up("10.0.0.2:80"),
            "intended",
        ),
        (
            "location / { proxy_pass http://app; }",
            "location / { proxy_pass http://app; } location ~ ^/tool/ { proxy_pass http://app; }",
            "/tool/a",
            _up(**{"upstream 0 header x-forwarded-for": "10.0.0.9"}),
            _up(),
            "regression",
        ),
        (
            "location /a { proxy_set_header X-Real-IP $remote_addr; }",
            "location /a { }",
            "/a",
            _up(**{"upstream 0 header x-real-ip": "10.0.0.9"}),
            _up(),
            "intended",
        ),
        (
            "location /a { add_header X-Frame-Options DENY; }",
            "location /a { }",
            "/a",
            {**FINE, "header x-frame-options": "DENY"},
            FINE,
            "intended",
        ),
    ],
)
def test_what_an_edit_sets_out_to_do_passes(
    conf: Conf, live: str, candidate: str, target: str, before: dict[str, str], after: dict[str, str], sort: str
) -> None:
    assert _judged(conf, live, candidate, target, before, after) == [sort]


@pytest.mark.parametrize(
    ("live", "candidate", "target", "before", "after"),
    [
        ("location /a { }", "location /a { etag off; }", "/a", FINE, {"status": "404"}),
        ("location /a { }", "location /a { deny all; }", "/a", FINE, {"status": "502"}),
        ("location /a { }", "location /a { ssi on; }", "/a", FINE, {"status": "200", "body": "<?php echo 1;"}),
        ("location /a { deny all; }", "location /a { }", "/a", {"status": "403"}, FINE),
        (
            "location /a { }",
            "location /a { add_header X-A b; }",
            "/a",
            {**FINE, "header x-frame-options": "DENY"},
            FINE,
        ),
        (
            "location /a { proxy_set_header Host $host; }",
            "location /a { }",
            "/a",
            _up(**{"upstream 0 header host": "s"}),
            _up(),
        ),
        (
            "location /a { fastcgi_param SCRIPT_FILENAME /a.php; }",
            "location /a { }",
            "/a",
            _up(**{"upstream 0 param SCRIPT_FILENAME": "/a.php"}),
            _up(),
        ),
    ],
)
def test_a_regression_fails_whoever_explains_it(
    conf: Conf, live: str, candidate: str, target: str, before: dict[str, str], after: dict[str, str]
) -> None:
    assert _judged(conf, live, candidate, target, before, after) == ["regression"]


CLOSED = "location / { return 403; }"
LET_IN = "location ~ ^/api/feed/ { try_files $uri @app; }"


@pytest.mark.parametrize(
    ("live", "candidate", "target", "before", "after", "sort"),
    [
        # All that no place is for is refused, and a place is written.
        (CLOSED, f"{CLOSED} {LET_IN}", "/api/feed/a", {"status": "403"}, FINE, "intended"),
        (
            f"{CLOSED} {LET_IN}",
            f"{CLOSED} location ~ ^/api/(?:feed|list)/ {{ try_files $uri @app; }}",
            "/api/list/a",
            {"status": "403"},
            FINE,
            "intended",
        ),
        (CLOSED, f"{CLOSED} location ~ ^/a {{ try_files $uri @app; }}", "/ab", {"status": "403"}, FINE, "regression"),
        (
            f"{CLOSED} location /api/ {{ if ($arg_user) {{ return 403; }} proxy_pass http://a; }}",
            f"{CLOSED} location /api/ {{ proxy_pass http://a; }}",
            "/api/a",
            {"status": "403"},
            FINE,
            "regression",
        ),
        # The limit of a place that has another path.
        (
            "location /old { client_max_body_size 50m; }",
            "location /new { client_max_body_size 50m; }",
            "/old",
            FINE,
            {"status": "413"},
            "intended",
        ),
        ("location /a { }", "client_max_body_size 1k; location /a { }", "/a", FINE, {"status": "502"}, "regression"),
        # Two patterns make a name up.
        ("location ~ /[.]ht { deny all; }", "", "/a/.ht.ppt", {"status": "403"}, FINE, "shown"),
        ("location ~ /[.]ht { deny all; }", "", "/a/.htaccess", {"status": "403"}, FINE, "regression"),
    ],
)
def test_who_is_let_in_by_an_edit_that_says_so(
    conf: Conf, live: str, candidate: str, target: str, before: dict[str, str], after: dict[str, str], sort: str
) -> None:
    assert _judged(conf, live, candidate, target, before, after) == [sort]


def test_a_header_of_a_list_around_all_servers_is_gone_by_the_line_that_named_it(conf: Conf) -> None:
    inside = "server { listen 80; server_name s; %s location / { proxy_pass http://a; } }"
    first = conf(f"http {{ proxy_set_header X-Real-IP $remote_addr; {inside % 'real_ip_header X-A;'} }}")
    second = conf(f"http {{ {inside % ''} }}")
    changed = changes(first, second)
    found = Attribution(first, second, changed).of(
        DerivedRequest("GET", "http", "s", 80, "/"), "upstream 0 header x-real-ip"
    )
    assert "proxy_set_header" in [each.name for each in found]


@pytest.mark.parametrize(
    ("live", "candidate", "header", "sort"),
    [
        # A header of CGI has no hyphens.
        (
            "uwsgi_param X-Forwarded-Ssl on;",
            "uwsgi_param HTTP_X_FORWARDED_SSL on;",
            "param X-Forwarded-Ssl",
            "intended",
        ),
        ("uwsgi_param HTTP_X-Scheme https;", "", "header x-scheme", "intended"),
        ("uwsgi_param HTTP_X_FORWARDED_PROTO https;", "uwsgi_param HTTPS on;", "header x-forwarded-proto", "intended"),
        ("uwsgi_param HTTP_X_TOKEN a;", "uwsgi_param HTTPS on;", "header x-token", "regression"),
        ("uwsgi_param HTTP_X_FORWARDED_PROTO https;", "uwsgi_param A b;", "header x-forwarded-proto", "regression"),
    ],
)
def test_a_parameter_that_no_program_reads_is_no_loss(
    conf: Conf, live: str, candidate: str, header: str, sort: str
) -> None:
    before, after = (f"location /a {{ {inside} }}" for inside in (live, candidate))
    assert _judged(conf, before, after, "/a", _up(**{f"upstream 0 {header}": "on"}), _up()) == [sort]


@pytest.mark.parametrize(
    ("live", "candidate", "target"),
    [
        ("location /papers/ { }", "location /papers/ { } location ~* [.](css|js)$ { expires 1d; }", "/papers/a.css"),
        ("location /papers/ { }", "location /papers/ { } location ~ ^/(.*)/x.css$ { expires 1d; }", "/papers/x.css"),
        ("location /deep/er/ { }", "location /deep/er/ { } rewrite ^/deep /x;", "/deep/er/"),
        ("location ~ ^/a { } location ~ ^/a/b { }", "location ~ ^/a/b { } location ~ ^/a { }", "/z"),
    ],
)
def test_an_edit_that_takes_requests_from_a_line_left_alone_is_collateral(
    conf: Conf, live: str, candidate: str, target: str
) -> None:
    assert _judged(conf, live, candidate, target, FINE, OTHER) == ["collateral"]


@pytest.mark.parametrize(
    ("live", "candidate", "target"),
    [
        ("location /a/ { }", "location /a/ { } location /a/b/ { expires 1d; }", "/a/b/c"),
        ("location /a/ { }", "location /a/ { } location ~ ^/a/(b|c)/ { expires 1d; }", "/a/b/c"),
        ("location / { }", "location / { } location ~ [.]css$ { expires 1d; }", "/a.css"),
        ("location /a { }", "location /a { } location = /a { expires 1d; }", "/a"),
        (
            "location ~ ^/guide/(.*)$ { }",
            "location ~ ^/([a-z-]*/)?(3|3.12)/library/(cgi|smtpd).html$ { expires 1d; } location ~ ^/guide/(.*)$ { }",
            "/guide/3/library/cgi.html",
        ),
        (
            "rewrite ^/about/x /1 permanent; location ~ [.]js$ { }",
            "rewrite ^/about /2 permanent; location ~ [.]js$ { }",
            "/about/a.js",
        ),
    ],
)
def test_an_edit_that_names_its_path_is_meant(conf: Conf, live: str, candidate: str, target: str) -> None:
    assert _judged(conf, live, candidate, target, FINE, OTHER) == ["intended"]


@pytest.mark.parametrize(
    ("live", "candidate"),
    [
        ("index index.php;", "index index.phpp;"),
        ("try_files $uri /index.php;", "try_files $uri /indx.php;"),
        ("alias /srv/shop/;", "alias /srv/shop/shop/;"),
        ("expires 30d;", "expires 30;"),
        ("client_max_body_size 2m;", "client_max_body_size 2k;"),
        ("proxy_pass http://a;", "proxy_pass http://a/;"),
        ("proxy_pass http://a:50051;", "proxy_pass http://a:50501;"),
        ("proxy_pass http://a:8080;", "proxy_pass http://a:880;"),
        ("proxy_pass http://shop.internal;", "proxy_pass http://shop.test.internal;"),
        ("rewrite ^/(.*)-(.*)$ /$1/$2;", "rewrite ^/(.*)-(.*)$ /$1;"),
        ("rewrite ^/(.*)-(.*)$ /$1/$2;", "rewrite ^/(.*)-(.*)$ /$2/$1;"),
        ("rewrite ^/jpe?g$ /b;", "rewrite ^/jpeg$ /b;"),
        ("deny 10.0.0.1; deny all;", "deny all; deny 10.0.0.1;"),
        ("root /srv;", "root /srv/a/;"),
        ("proxy_pass http://b:80/api/;", "proxy_pass http://$b/api/;"),
    ],
)
def test_an_edit_that_looks_like_a_slip_fails(conf: Conf, live: str, candidate: str) -> None:
    first, second = (f"location /a {{ {inside} }}" for inside in (live, candidate))
    assert _judged(conf, first, second, "/a", FINE, OTHER) == ["slip"]


@pytest.mark.parametrize(
    ("live", "candidate"),
    [
        ("root /srv/app1;", "root /srv/app2;"),
        ("alias /srv/favicon;", "alias /srv/favicons;"),
        ("proxy_buffer_size 4k;", "proxy_buffer_size 64k;"),
        ("proxy_read_timeout 60;", "proxy_read_timeout 600;"),
        ("proxy_pass http://a/$1$is_args$args;", "proxy_pass http://a/;"),
        ("alias /srv/spanish/;", "alias /srv/espanol/;"),
        ("proxy_pass http://a:8080;", "proxy_pass http://a:8081;"),
        ("proxy_pass http://10.0.0.12;", "proxy_pass http://10.0.0.21;"),
        ("proxy_pass http://shop.test.internal;", "proxy_pass http://shop.internal;"),
        ("rewrite ^/a /b;", "rewrite ^/a$ /b;"),
    ],
)
def test_an_ordinary_edit_is_no_slip(conf: Conf, live: str, candidate: str) -> None:
    first, second = (f"location /a {{ {inside} }}" for inside in (live, candidate))
    assert _judged(conf, first, second, "/a", FINE, OTHER) == ["intended"]


def test_a_redirect_that_loses_the_query_looks_like_a_slip(conf: Conf) -> None:
    live, candidate = "return 301 /b$is_args$args;", "return 301 /b;"
    before, after = _moved("http://s/b?c=1"), _moved("http://s/b")
    assert _judged(conf, "return 301 http://$host/b;", "return 301 $host/b;", "/a", before, after) == ["slip"]
    assert _judged(conf, "return 301 /b;", "return 301 //b;", "/a", before, _moved("http://s//b")) == ["slip"]
    assert _judged(conf, live, candidate, "/a", before, after) == ["slip"]
    assert _judged(conf, live, "return 301 /other;", "/a", before, after) == ["intended"]


def test_targets_of_two_lines_that_changed_places_look_like_a_slip(conf: Conf) -> None:
    first, second = (
        conf(f"http {{ map $uri $to {{ /a {one}; /b {two}; }} server {{ return 301 $to; }} }}")
        for one, two in (("/x", "/y"), ("/y", "/x"))
    )
    changed = changes(first, second)
    judge = Judge(first, second, changed)
    assert [judge.judge_text(change).sort for change in changed] == ["slip", "slip"]


def test_a_key_of_a_map_is_read_as_a_word(conf: Conf) -> None:
    first, second = (
        conf(f"http {{ map $http_origin $to {{ https://{name}.example 1; }} server {{ }} }}")
        for name in ("partner", "parnter")
    )
    changed = changes(first, second)
    judge = Judge(first, second, changed)
    assert [judge.judge_text(change).sort for change in changed if change.new] == ["slip"]


def test_a_header_that_no_edited_line_names_is_lost_by_inheritance(conf: Conf) -> None:
    live, candidate = "location /a { }", "location /a { add_header X-New 1; }"
    before = {**FINE, "header access-control-allow-origin": "*"}
    assert _judged(conf, live, candidate, "/a", before, {**FINE, "header x-new": "1"}) == ["collateral", "shown"]


def test_a_modifier_that_shuts_a_regex_out_is_collateral(conf: Conf) -> None:
    regex = "location ~ Delete$ { return 204; }"
    live, candidate = (f"location {path} {{ root /l; }} {regex}" for path in ("/ledger/", "^~ /ledger/"))
    assert _judged(conf, live, candidate, "/ledger/Delete", FINE, OTHER) == ["collateral"]


def test_what_no_edit_is_about_is_collateral(conf: Conf) -> None:
    live = "location /a { } location /b { root /x; }"
    candidate = "location /a { } location /b { root /y; }"
    assert _judged(conf, live, candidate, "/a", FINE, OTHER) == ["collateral"]


def test_what_yesterdays_visitors_asked_for_is_refused_by_nobody(conf: Conf) -> None:
    found = _judged(
        conf, "location /a { }", "location /a { return 410; }", "/a", FINE, {"status": "410"}, place="access log"
    )
    assert found == ["regression"]


def test_a_cache_answers_instead_of_the_upstream(conf: Conf) -> None:
    live, candidate = "location /a { }", "location /a { proxy_cache pages; }"
    before = _up(**{"upstream 0 header x-real-ip": "10.0.0.9"})
    assert _judged(conf, live, candidate, "/a", before, _up()) == ["intended"]


def test_a_credential_that_a_line_kept_back_is_not_handed_on(conf: Conf) -> None:
    before, after = _up(), _up(**{"upstream 0 header x-api-key": "1"})
    kept = 'location /a { proxy_set_header X-Api-Key ""; }'
    assert _judged(conf, kept, "location /a { }", "/a", before, after) == ["regression"]
    assert _judged(conf, "location /a { }", "location /a { etag off; }", "/a", before, after) == ["intended"]


def test_a_key_of_a_map_says_what_its_condition_says(conf: Conf) -> None:
    first, second = (
        conf(f"http {{ map $http_user_agent $bad {{ {keys} }} server {{ listen 80; if ($bad) {{ return 403; }} }} }}")
        for keys in ("~A 1;", "~A 1; ~B 1;")
    )
    changed = changes(first, second)
    attribution, judge = Attribution(first, second, changed), Judge(first, second, changed)
    refused = [(FINE, FINE, {"status": "403"})]
    (one,) = compare([DerivedRequest("GET", "http", "s", 80, "/", (("User-Agent", "B"),))], refused, attribution, judge)
    assert one.judgement.sort == "intended"


def test_a_row_of_a_map_may_lead_fewer_paths_on(conf: Conf) -> None:
    first, second = (
        conf(f"http {{ map $uri $to {{ {key} /b; }} server {{ listen 80; if ($to) {{ return 301 $to; }} }} }}")
        for key in ("~^/wiki/?", "~^/wiki/?$")
    )
    changed = changes(first, second)
    attribution, judge = Attribution(first, second, changed), Judge(first, second, changed)
    answers = [(_moved("http://s/b"), _moved("http://s/b"), {"status": "404"})]
    (one,) = compare([DerivedRequest("GET", "http", "s", 80, "/wikix")], answers, attribution, judge)
    assert one.judgement.sort == "intended"


def test_a_place_that_serves_files_may_have_them_where_staging_has_none(conf: Conf) -> None:
    first, second = (
        conf(f"http {{ server {{ listen 80; server_name s; location ~ [.]({kinds})$ {{ expires 1d; }} {rest} }} }}")
        for kinds, rest in (("css", "location / { fastcgi_pass a; }"), ("css|svg", "location / { fastcgi_pass a; }"))
    )
    changed = changes(first, second)
    attribution = Attribution(first, second, changed)
    for known, sort in ((False, "intended"), (True, "regression")):
        judge = Judge(first, second, changed, files_known=known)
        request = DerivedRequest("GET", "http", "s", 80, "/a.svg")
        (one,) = compare([request], [(FINE, FINE, {"status": "404"})], attribution, judge)
        assert one.judgement.sort == sort


def test_a_place_that_takes_more_paths_says_what_stands_in_it(conf: Conf) -> None:
    live, candidate = (f"location ~ ^/({names}) {{ return 403; }}" for names in ("a", "a|b"))
    assert _judged(conf, live, candidate, "/b", FINE, {"status": "403"}) == ["intended"]


def test_a_condition_says_what_stands_in_it(conf: Conf) -> None:
    live, candidate = (f"if ($http_user_agent ~ {bots}) {{ return 403; }}" for bots in ("A", "(A|B)"))
    assert _judged(conf, live, candidate, "/", FINE, {"status": "403"}) == ["intended"]


def test_an_upstream_that_fails_because_it_is_asked_to_is_asked_now(conf: Conf) -> None:
    first, second = (
        conf(f"http {{ server {{ listen 80; server_name s; location /a {{ {inside} }} }} }}")
        for inside in ("return 302 /b;", "proxy_pass http://b;")
    )
    changed = changes(first, second)
    attribution, judge = Attribution(first, second, changed), Judge(first, second, changed)
    request = DerivedRequest("GET", "http", "s", 80, "/a", (("X-Sluice-Answer", '{"status": 500}'),), late=2)
    before = {"status": "302", "header location": "/b", "place": "nginx's own answer"}
    after = {"status": "500", "place": "the upstream's own answer"}
    (one,) = compare([request], [(before, before, after)], attribution, judge)
    assert (one.difference.kind, one.judgement.sort) == ("place", "intended")


def test_a_certificate_of_the_default_is_that_of_servers_without_one(conf: Conf) -> None:
    text = (
        "http {{ server {{ listen 192.0.2.1:443 ssl default_server; ssl_certificate {}; }} "
        "server {{ listen 443 ssl; ssl_certificate other; }} "
        "server {{ listen 192.0.2.1:443 ssl; server_name s; location / {{ }} }} }}"
    )
    first, second = (conf(text.format(path)) for path in ("old", "new"))
    changed = changes(first, second)
    attribution, judge = Attribution(first, second, changed), Judge(first, second, changed)
    request = DerivedRequest("TLS", "https", "s", 443, "", connect="192.0.2.1", speaks="handshake", tls="TLSv1.2")
    before, after = ({"status": "accepted", "tls certificate": path} for path in ("old, s", "new, s"))
    (one,) = compare([request], [(before, before, after)], attribution, judge)
    assert one.judgement.sort == "intended"
    assert [change.name for change in one.causes] == ["ssl_certificate"]


def test_a_new_place_may_take_what_was_only_redirected(conf: Conf) -> None:
    old = "location /specs/ { return 301 /; }"
    new = f"location ~ /(drafts|papers) {{ autoindex on; }} {old}"
    moved, there = _moved("http://s/"), _moved("http://s/papers/")
    assert _judged(conf, old, new, "/specs/papers", moved, {"status": "404"}) == ["intended"]
    assert _judged(conf, old, new, "/specs/papers", moved, there) == ["intended"]
    assert _judged(conf, old, new, "/specs/papers", moved, {"status": "502"}) == ["regression"]
    edited = old.replace("/specs/", "~ /specs/"), new.replace("/specs/", "~ /specs/")
    assert _judged(conf, *edited, "/specs/papers", moved, there) == ["intended"]
    narrow, wide = (f"{old} location ~ {words} {{ expires 1d; }}" for words in ("^/pap", "/(drafts|pap)"))
    assert _judged(conf, narrow, wide, "/specs/drafts", moved, FINE) == ["collateral"]


def test_a_word_more_takes_what_its_neighbours_took_before(conf: Conf) -> None:
    taken = "location ~ ^/private/ { deny all; }"
    live, candidate = (rf"location ~ \.({kinds})$ {{ expires 1d; }} {taken}" for kinds in ("jpg|css", "jpg|css|svg"))
    refused, absent = {"status": "403"}, {"status": "404"}
    assert _judged(conf, live, candidate, "/private/a.svg", refused, absent) == ["shown"]
    new = rf"location ~ \.svg$ {{ expires 1d; }} {live}"
    assert _judged(conf, live, new, "/private/a.svg", refused, absent) == ["collateral"]


@pytest.mark.parametrize(
    ("listen", "sort"),
    [("192.0.2.1:80", "intended"), ("[::]:80", "intended"), ("81", "regression"), ("192.0.2.1:81", "regression")],
)
def test_who_asks_where_a_listener_was_is_refused(conf: Conf, listen: str, sort: str) -> None:
    first, second = (conf(f"http {{ server {{ listen {each}; server_name s; }} }}") for each in ("80", listen))
    changed = changes(first, second)
    attribution, judge = Attribution(first, second, changed), Judge(first, second, changed)
    request = DerivedRequest("GET", "http", "s", 80, "/")
    answers = [(FINE, FINE, {"status": "the connection was refused"})]
    (one,) = compare([request], answers, attribution, judge)
    assert one.judgement.sort == sort


def test_a_line_that_was_moved_may_be_needed_where_it_was(conf: Conf) -> None:
    header = "proxy_set_header X-Real-IP $remote_addr;"
    place = "location / {{ proxy_pass http://a; {} }} location /api {{ proxy_pass http://b; {} }}"
    before, after = _up(**{"upstream 0 header x-real-ip": "192.0.2.1"}), _up()
    live = place.format(header, "")
    assert _judged(conf, live, place.format("", header), "/", before, after) == ["regression"]
    assert _judged(conf, live, place.format("", ""), "/", before, after) == ["intended"]


@pytest.mark.parametrize(("edited", "sort"), [(True, "intended"), (False, "regression")])
def test_a_file_that_the_release_brings_is_known(conf: Conf, edited: bool, sort: str) -> None:
    first, second = (
        conf(f"http {{ server {{ listen 80; server_name s; {inside} location /a {{ root /etc/nginx/html; }} }} }}")
        for inside in ("", "location ~ html$ { expires 1d; }")
    )
    changed = changes(first, second)
    attribution = Attribution(first, second, changed)
    judge = Judge(first, second, changed, files={"http://s/a.html": edited})
    (one,) = compare(
        [DerivedRequest("GET", "http", "s", 80, "/a.html")], [(FINE, FINE, {"status": "404"})], attribution, judge
    )
    assert one.judgement.sort == sort


def test_a_path_for_the_upstream_without_a_slash_is_a_slip(conf: Conf) -> None:
    live = "location /api/ { proxy_pass http://app/; }"
    rewritten = "location /api/ { rewrite ^/api/(.*)$ $1 break; proxy_pass http://app; }"
    before, after = _up(**{"upstream 0 path": "/v1"}), _up(**{"upstream 0 path": "v1"})
    assert _judged(conf, live, rewritten, "/api/v1", before, after) == ["slip"]


def test_an_age_that_is_taken_out_is_no_header_that_is_lost(conf: Conf) -> None:
    live, candidate = "expires 1M; add_header X-Cache a;", "add_header X-Cache b;"
    before, after = {**FINE, "header expires": "present"}, FINE
    assert _judged(conf, live, candidate, "/", before, after) == ["intended"]


def test_a_word_more_in_a_pattern_opens_nothing_that_it_had_not_opened(conf: Conf) -> None:
    hidden = "location /cache/ { internal; }"
    live, wider = (
        rf"location ~ /api/.*\.({kinds})$ {{ rewrite ^/cache(.*)$ $1 break; proxy_pass http://app; }} {hidden}"
        for kinds in ("jpg|png", "jpg|png|gif")
    )
    absent = {"status": "404"}
    assert _judged(conf, live, wider, "/cache/api/.gif", absent, _up()) == ["intended"]
    assert _judged(conf, hidden, wider, "/cache/api/.gif", absent, _up()) != ["intended"]


@pytest.mark.parametrize(
    ("live", "candidate", "sort"),
    [
        ("listen 127.0.0.1:80;", "listen 127.0.0.1:6010;", "intended"),
        ("listen 80;", "listen 81;", "regression"),
        ("listen 127.0.0.1:80;", "listen 81;", "regression"),
    ],
)
def test_a_listener_at_another_port_is_not_asked_at_the_old_one(
    conf: Conf, live: str, candidate: str, sort: str
) -> None:
    first, second = (conf(f"http {{ server {{ {inside} server_name s; }} }}") for inside in (live, candidate))
    changed = changes(first, second)
    explained = Attribution(first, second, changed), Judge(first, second, changed)
    request, refused = DerivedRequest("GET", "http", "s", 80, "/"), {"status": "the connection was refused"}
    assert [one.judgement.sort for one in compare([request], [(FINE, FINE, refused)], *explained)] == [sort]


def _kinds(
    conf: Conf, live: str, candidate: str, request: DerivedRequest, before: dict[str, str], after: dict[str, str]
) -> list[str]:
    first, second = (conf(f"http {{ {inside} }}") for inside in (live, candidate))
    changed = changes(first, second)
    attribution, judge = Attribution(first, second, changed), Judge(first, second, changed)
    return [one.judgement.sort for one in compare([request], [(before, before, after)], attribution, judge)]


@pytest.mark.parametrize(("host", "sort"), [("unknown.invalid", "intended"), ("shop.example", "regression")])
def test_a_host_that_no_server_has_may_be_refused_instead_of_sent_to_tls(conf: Conf, host: str, sort: str) -> None:
    secure = "server { listen 443 ssl; server_name shop.example; }"
    live = "server { listen 80 default_server; location / { return 301 https://$host$request_uri; } }"
    # The name is mistyped, so that the site itself is refused as well.
    named = live.replace("80 default_server;", "80; server_name shpo.example;")
    default = "server { listen 80 default_server; return 421; }"
    request = DerivedRequest("GET", "http", host, 80, "/")
    before = {**_moved(f"https://{host}/"), "scheme": "http"}
    after = {"status": "421", "scheme": "http"}
    assert _kinds(conf, live + secure, named + default + secure, request, before, after) == [sort]


@pytest.mark.parametrize(
    ("names", "sort"),
    [
        ("api.shop.example, api.shop.example, www.shop.example", "intended"),
        ("shop.example, shop.example, www.shop.example", "regression"),
        ("one.other.example, one.other.example, two.other.example", "regression"),
    ],
)
def test_a_certificate_of_several_sites_may_be_for_another_one(conf: Conf, names: str, sort: str) -> None:
    site = "server {{ listen 443 ssl; server_name blog.shop.example; ssl_certificate /etc/tls/live/{}/chain.pem; }}"
    live, candidate = site.format("blog"), site.format("shared")
    request = DerivedRequest("TLS", "https", "blog.shop.example", 443, "", speaks="handshake", tls="TLSv1.3")
    known = {"status": "accepted", "host": "blog.shop.example"}
    before = {**known, "tls certificate": "/etc/tls/live/blog/chain.pem, blog.shop.example"}
    after = {**known, "tls certificate": f"/tls/live/shared/chain.pem, {names}"}
    assert _kinds(conf, live, candidate, request, before, after) == [sort]
    # What a real certificate says of its subject is no path: its names are known.
    real = {**known, "tls certificate": f"Shop, {names}"}
    assert _kinds(conf, live, candidate, request, before, real) == ["regression"]


@pytest.mark.parametrize(
    ("row", "value", "sort"),
    [
        ("/api/", '""', "intended"),
        ("/api/", "public", "regression"),
        ("default", '""', "regression"),
    ],
)
def test_a_row_that_gives_a_header_nothing_says_so(conf: Conf, row: str, value: str, sort: str) -> None:
    live = "map $uri $keeping {{ {} /a max-age=1; }} server {{ listen 80; server_name s; {} }}"
    header = "add_header Cache-Control $keeping; location /api/ { proxy_pass http://app; }"
    request = DerivedRequest("GET", "http", "s", 80, "/api/")
    before = {**FINE, "header cache-control": "no-store"}
    candidate = live.format(f"{row} {value};", header)
    assert _kinds(conf, live.format("", header), candidate, request, before, FINE) == [sort]


@pytest.mark.parametrize(
    ("variable", "value", "sort"),
    [
        ("$http_x_forwarded_proto", '"max-age=31536000; preload"', "intended"),
        ("$http_x_forwarded_proto", "max-age=60", "regression"),
        ("$http_user_agent", "max-age=31536000", "regression"),
    ],
)
def test_tls_may_be_demanded_over_tls_only(conf: Conf, variable: str, value: str, sort: str) -> None:
    live = "server { listen 80; server_name s; add_header Strict-Transport-Security max-age=31536000; }"
    candidate = (
        f"map {variable} $demand {{ https {value}; }} "
        "server { listen 80; server_name s; add_header Strict-Transport-Security $demand; }"
    )
    request = DerivedRequest("GET", "http", "s", 80, "/")
    before = {**FINE, "header strict-transport-security": "max-age=31536000"}
    assert _kinds(conf, live, candidate, request, before, FINE) == [sort]


@pytest.mark.parametrize(
    ("port", "rest", "sort"),
    [
        (6667, "", "intended"),
        (6667, "location / { proxy_pass http://localhost:6667; }", "regression"),
        (443, "", "regression"),
    ],
)
def test_a_service_may_be_taken_out_with_its_port(conf: Conf, port: int, rest: str, sort: str) -> None:
    other = f"server {{ listen 80; server_name shop.example; {rest} }}"
    gone = f"server {{ listen {port}; server_name localhost; location / {{ proxy_pass http://app; }} }}"
    request = DerivedRequest("GET", "http", "localhost", port, "/")
    refused = {"status": "the connection was refused"}
    assert _kinds(conf, other + gone, other, request, FINE, refused) == [sort]


def test_nothing_of_a_server_that_is_gone_is_let_in(conf: Conf) -> None:
    other = "server { listen 80 default_server; location / { } }"
    gone = "server { listen 80; server_name s; location / { auth_request /may; } }"
    request = DerivedRequest("GET", "http", "s", 80, "/x")
    assert _kinds(conf, other + gone, other, request, {"status": "404"}, FINE) == ["shown"]
    assert _kinds(conf, other + gone, other, request, {"status": "403"}, FINE) == ["regression"]


@pytest.mark.parametrize(
    ("old", "new", "led", "sort"),
    [
        (8181, 9999, 9999, "intended"),
        (8181, 9999, 8181, "regression"),
        (8181, 9999, 9998, "regression"),
        (80, 9999, 9999, "regression"),
    ],
)
def test_a_service_may_move_with_those_who_ask_it(conf: Conf, old: int, new: int, led: int, sort: str) -> None:
    text = (
        "upstream u {{ server localhost:{}; }} server {{ listen {}; server_name s; location / {{ }} }} "
        "server {{ listen 81; location / {{ proxy_pass http://u; }} }}"
    )
    request, refused = DerivedRequest("GET", "http", "s", old, "/"), {"status": "the connection was refused"}
    assert _kinds(conf, text.format(old, old), text.format(led, new), request, FINE, refused) == [sort]


@pytest.mark.parametrize(("rest", "sort"), [("", "intended"), ("server_name s;", "regression")])
def test_a_site_that_is_gone_does_not_fail(conf: Conf, rest: str, sort: str) -> None:
    default = (
        f"server {{ listen 80 default_server; location / {{ auth_request /may; }} }} server {{ listen 81; {rest} }}"
    )
    gone = "server { listen 80; server_name s; location / { root /srv; } }"
    request = DerivedRequest("GET", "http", "s", 80, "/x")
    assert _kinds(conf, default + gone, default, request, {"status": "404"}, {"status": "500"}) == [sort]


def test_what_a_map_carries_on_is_not_lost(conf: Conf) -> None:
    live = "server {{ listen 80; server_name s; location /a {{ return 301 /b{}; }} }}"
    old, new = live.format("/one$is_args$args"), live.format("/one$rest")
    request = DerivedRequest("GET", "http", "s", 80, "/a?c=1")
    before, after = _moved("http://s/b/one?c=1"), _moved("http://s/b/one?single=1&c=1")
    for value, sort in (("?single=1&$args", "slip"), ("${is_args}single=1&$args", "intended")):
        rows = f"map $arg_c $rest {{ default {value}; }}"
        assert _kinds(conf, rows + old, rows + new, request, before, after) == [sort]


def test_a_tag_that_is_switched_off_is_named(conf: Conf) -> None:
    candidate = "location /a { add_header Cache-Control no-store; etag off; }"
    before, after = {**FINE, "header etag": "present"}, {**FINE, "header cache-control": "no-store"}
    assert _judged(conf, "location /a { }", candidate, "/a", before, after) == ["intended", "shown"]


def test_a_place_that_refuses_may_be_put_before_expressions(conf: Conf) -> None:
    place = r"location ~ \.php$ {{ fastcgi_pass a; }} location {} /login.php {{ {} }}"
    live, refusing, open_ = (
        place.format("", "deny all;"),
        place.format("^~", "deny all;"),
        place.format("^~", "etag off;"),
    )
    request = ("/login.php", {"status": "404"}, {"status": "403"})
    assert _judged(conf, live, refusing, *request) == ["shown"]
    assert _judged(conf, place.format("", "etag off;"), open_, *request) == ["collateral"]


@pytest.mark.parametrize(
    ("target", "inside", "sort"),
    [("/.a.mp4", "expires 1d;", "shown"), ("/.a.mp4", "proxy_pass http://a;", "collateral")],
)
def test_nobody_asks_for_hidden_pictures(conf: Conf, target: str, inside: str, sort: str) -> None:
    hidden = r"location ~ /\.(?!well-known) { deny all; }"
    live, candidate = hidden, rf"location ~ \.(mp4|webm)$ {{ {inside} }} {hidden}"
    assert _judged(conf, live, candidate, target, {"status": "403"}, {"status": "404"}) == [sort]


_WIDER = "location ~ /v2/[^/]+{}/blobs/ {{ proxy_pass http://b; }} location /scanning/ {{ proxy_pass http://a; }}"


@pytest.mark.parametrize(
    ("live", "target", "sort"),
    [
        (_WIDER.format("/[^/]+"), "/scanning/v2/a/b/c/blobs/", "intended"),
        (_WIDER.format("/[^/]+").replace("~ /", "~ ^/"), "/scanning/v2/a/b/c/blobs/", "collateral"),
        (_WIDER.format("/(.*)"), "/scanning./v2/a/b/c/blobs/", "intended"),
    ],
)
def test_a_pattern_may_take_more_names_from_a_place_that_it_took_such_paths_from(
    conf: Conf, live: str, target: str, sort: str
) -> None:
    assert _judged(conf, live, _WIDER.format("(/[^/]+)+"), target, _up(), _up("10.0.0.2:80")) == [sort]


@pytest.mark.parametrize(
    ("line", "live", "sort"),
    [
        ("proxy_pass http://a/;", "proxy_pass http://a/;", "intended"),
        ("proxy_pass http://a/;", "proxy_pass http://a;", "slip"),
    ],
)
def test_a_place_that_was_left_alone_does_with_a_path_what_it_did_with_others(
    conf: Conf, line: str, live: str, sort: str
) -> None:
    inside = "location ~ {}(/one|/two) {{ proxy_pass http://a; }} location /in {{ {} }}"
    before, after = _up(**{"upstream 0 path": "/in/one"}), _up(**{"upstream 0 path": "//one"})
    assert _judged(conf, inside.format("", live), inside.format("^", line), "/in/one", before, after) == [sort]


@pytest.mark.parametrize(("elsewhere", "sort"), [("", "intended"), ("proxy_set_header X-Peer a;", "regression")])
def test_a_header_that_no_upstream_is_told_any_more_was_given_up(conf: Conf, elsewhere: str, sort: str) -> None:
    passes = "proxy_pass http://a;"
    other = f"location /other {{ {elsewhere} {passes} }} location /in"
    live = f"proxy_set_header X-Peer $remote_addr; {other} {{ {passes} }}"
    candidate = f"{other} {{ proxy_set_header X-Place here; {passes} }}"
    told = _up(**{"upstream 0 header x-peer": "192.0.2.1"})
    assert _judged(conf, live, candidate, "/in", told, _up()) == [sort]


@pytest.mark.parametrize(
    ("line", "sort"),
    [("proxy_set_header X-Peer $remote_addr;", "intended"), ("add_header Referrer-Policy origin;", "regression")],
)
def test_a_line_for_the_upstream_takes_the_place_of_no_header_for_visitors(conf: Conf, line: str, sort: str) -> None:
    passes = "location / { proxy_pass http://a; }"
    told = _up(**{"header x-content-type-options": "nosniff"})
    live = f"add_header X-Content-Type-Options nosniff; {passes}"
    assert _judged(conf, live, f"{line} {passes}", "/", told, _up()) == [sort]
