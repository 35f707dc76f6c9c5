"""What a change does, for each construct: which requests, before and after, by which edit."""

from __future__ import annotations

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.config.derive import DerivedRequest

from .conftest import Works, rows, server


def returned(number: int) -> str:
    return f"return 200 {number};"


def text(number: int) -> str:
    return f"status 200 with a text: {number}"


CASES: dict[str, tuple[str, str, list[tuple[str, str, str]]]] = {
    "an exact location": (
        f"location / {{ {returned(1)} }}",
        f"location / {{ {returned(1)} }} location = /ping {{ {returned(2)} }}",
        [("/ping", text(1), text(2))],
    ),
    "a prefix": (
        f"location / {{ {returned(1)} }}",
        f"location / {{ {returned(1)} }} location /a/ {{ {returned(2)} }}",
        [("/a/", text(1), text(2))],
    ),
    "a longer prefix stays": (
        f"location / {{ {returned(1)} }} location /a/b {{ {returned(3)} }}",
        f"location / {{ {returned(2)} }} location /a/b {{ {returned(3)} }}",
        [("/", text(1), text(2))],
    ),
    "a regex goes before a prefix": (
        f"location / {{ {returned(1)} }}",
        rf"location / {{ {returned(1)} }} location ~ \.php$ {{ {returned(2)} }}",
        [("/.php", text(1), text(2))],
    ),
    "a prefix that asks no regex": (
        rf"location /a {{ {returned(1)} }} location ~ \.x$ {{ {returned(2)} }}",
        rf"location ^~ /a {{ {returned(1)} }} location ~ \.x$ {{ {returned(2)} }}",
        [("/a.x", text(2), text(1))],
    ),
    "the order of regexes": (
        f"location ~ ^/a {{ {returned(1)} }} location ~ b$ {{ {returned(2)} }}",
        f"location ~ b$ {{ {returned(2)} }} location ~ ^/a {{ {returned(1)} }}",
        [("/ab", text(1), text(2))],
    ),
    "a regex within a prefix goes before one beside it": (
        rf"location /a {{ {returned(1)} location ~ \.x$ {{ {returned(2)} }} }} location ~ x$ {{ {returned(3)} }}",
        rf"location /a {{ {returned(1)} location ~ \.y$ {{ {returned(2)} }} }} location ~ x$ {{ {returned(3)} }}",
        [("/a.x", text(2), text(3)), ("/a.y", text(1), text(2))],
    ),
    "a regex goes before a prefix within a prefix": (
        f"location /a {{ location /a/b {{ {returned(1)} }} }} location ~ ^/a/b/x$ {{ {returned(2)} }}",
        f"location /a {{ location /a/b {{ {returned(1)} }} }} location ~ ^/a/b/x$ {{ {returned(3)} }}",
        [("/a/b/x", text(2), text(3))],
    ),
    "a prefix within a prefix only keeps the regexes there from being asked": (
        f"location /a {{ location ^~ /a/b {{ {returned(1)} }} location ~ z$ {{ {returned(4)} }} }} "
        f"location ~ ^/a/b/z$ {{ {returned(2)} }}",
        f"location /a {{ location ^~ /a/b {{ {returned(1)} }} location ~ z$ {{ {returned(4)} }} }} "
        f"location ~ ^/a/b/z$ {{ {returned(3)} }}",
        [("/a/b/z", text(2), text(3))],
    ),
    "a prefix that asks no regex, around a prefix": (
        f"location ^~ /a {{ location /a/b {{ {returned(1)} }} }} location ~ ^/a/b/x$ {{ {returned(2)} }}",
        f"location ^~ /a {{ location /a/b {{ {returned(1)} }} }} location ~ ^/a/b/x$ {{ {returned(3)} }}",
        [],
    ),
    "a break within a condition ends all": (
        "location / { if ($arg_a) { break; } return 404; }",
        "location / { if ($arg_a) { set $x 1; } return 404; }",
        [("/", "files of html", "status 404")],
    ),
    "a rewrite within a condition leads on at once": (
        f"location / {{ if ($arg_a) {{ rewrite ^ /b last; }} return 404; }} location = /b {{ {returned(1)} }}",
        f"location / {{ if ($arg_a) {{ rewrite ^ /b last; }} return 404; }} location = /b {{ {returned(2)} }}",
        [("/", text(1), text(2)), ("/b", text(1), text(2))],
    ),
    "the last condition that holds has its settings alone": (
        "location / { if ($arg_a) { add_header X 1; } if ($arg_b) { set $y 1; } }",
        "location / { if ($arg_a) { add_header X 1; } }",
        [("/", "no add_header", "add_header X 1")],
    ),
    "a condition does not take over try_files": (
        "location / { try_files $uri =404; }",
        "location / { try_files $uri =404; if ($arg_a) { set $x 1; } }",
        [("/", "files of html, try_files $uri =404", "files of html")],
    ),
    "a query": (
        'if ($args = "a=1") { return 404; } return 204;',
        'if ($args = "a=2") { return 404; } return 204;',
        [("/?a=1", "status 404", "status 204"), ("/?a=2", "status 204", "status 404")],
    ),
    "a rewrite of the server's leads to an internal location": (
        f"rewrite ^/x$ /y; location = /y {{ internal; {returned(1)} }}",
        f"rewrite ^/x$ /y; location = /y {{ internal; {returned(2)} }}",
        [("/x", text(1), text(2))],
    ),
    "a rewrite of the server's leads below an internal location": (
        f"rewrite ^/x/(.*)$ /y/$1; location /y/ {{ internal; {returned(1)} }}",
        f"rewrite ^/x/(.*)$ /y/$1; location /y/ {{ internal; {returned(2)} }}",
        [("/x/", text(1), text(2))],
    ),
    "a blank": (
        f'location "/a b" {{ {returned(1)} }}',
        f'location "/a b" {{ {returned(2)} }}',
        [("/a%20b", text(1), text(2))],
    ),
    "no query": (
        'if ($args = "") { return 404; } return 204;',
        'if ($args = "") { return 403; } return 204;',
        [("/", "status 404", "status 403")],
    ),
    "a redirect's target": (
        "location /a { return 301 https://b.example$request_uri; }",
        "location /a { return 301 https://c.example$request_uri; }",
        [("/a", "301 to https://b.example$request_uri", "301 to https://c.example$request_uri")],
    ),
    "a rewrite that redirects": (
        "rewrite ^/old$ /new permanent; return 204;",
        "return 204;",
        [("/old", "301 to /new$is_args$args", "status 204")],
    ),
    "a rewrite that redirects by a variable": (
        "rewrite ^(.*)$ http://$server_name$1 permanent;",
        "rewrite ^(.*)$ http://b.example$1 permanent;",
        [("/", "301 to http://a.example$1$is_args$args", "301 to http://b.example$1$is_args$args")],
    ),
    "a rewrite that redirects by a variable, which is written out": (
        "rewrite ^(.*)$ http://$server_name$1 permanent;",
        "rewrite ^(.*)$ http://a.example$1 permanent;",
        [],
    ),
    "a rewrite to another location": (
        f"rewrite ^/x/(.*)$ /a/$1 last; location /a/b {{ {returned(1)} }} location / {{ {returned(2)} }}",
        f"rewrite ^/x/(.*)$ /a/$1 last; location /a/b {{ {returned(3)} }} location / {{ {returned(2)} }}",
        [("/x/b", text(1), text(3))],
    ),
    "a proxy": (
        "location / { proxy_pass http://10.0.0.1; } location /a { proxy_pass http://10.0.0.1/x; }",
        "location / { proxy_pass http://10.0.0.1; } location /a { proxy_pass http://10.0.0.1/y; }",
        [("/a", "proxy_pass http://10.0.0.1/x in place of /a", "proxy_pass http://10.0.0.1/y in place of /a")],
    ),
    "a proxy by a variable": (
        "location /a/ { proxy_pass http://10.0.0.1/; }",
        "location /a/ { set $to 10.0.0.1; proxy_pass http://$to/; }",
        [("/a/", "proxy_pass http://10.0.0.1/ in place of /a/", "proxy_pass http://10.0.0.1/ whatever the path")],
    ),
    "nginx's own slash": (
        f"location /a/ {{ proxy_pass http://10.0.0.1; }} location / {{ {returned(1)} }}",
        f"location /a/ {{ {returned(2)} }} location / {{ {returned(1)} }}",
        [("/a", "301 to /a/", text(1)), ("/a/", "proxy_pass http://10.0.0.1", text(2))],
    ),
    "a root": (
        "root /srv/a; location /b { root /srv/b; }",
        "root /srv/c; location /b { root /srv/b; }",
        [("/", "files of /srv/a", "files of /srv/c")],
    ),
    "an internal location": (
        "root /srv; location /a { }",
        "root /srv; location /a { internal; }",
        [("/a", "files of /srv", "status 404, as it is internal")],
    ),
    "a condition on the path": (
        "return 204;",
        'if ($uri ~ "^/b/") { return 403; } return 204;',
        [("/b/", "status 204", "status 403")],
    ),
    "what is set": (
        'set $t "/x"; return 301 $t;',
        'set $t "/y"; return 301 $t;',
        [("/", "301 to /x", "301 to /y")],
    ),
    "a setting of a location": (
        "location / { proxy_pass http://10.0.0.1; proxy_read_timeout 10s; }",
        "location / { proxy_pass http://10.0.0.1; proxy_read_timeout 20s; }",
        [("/", "proxy_read_timeout 10s", "proxy_read_timeout 20s")],
    ),
    "a setting of a server, and a location with its own": (
        "add_header X 1; location /a { add_header Y 1; return 204; }",
        "add_header X 2; location /a { add_header Y 1; return 204; }",
        [("/", "add_header X 1", "add_header X 2")],
    ),
    "a setting of a server that only its own redirect takes over": (
        "add_header X 1; if ($arg_a) { return 301 /b; } location / { add_header Y 1; return 204; }",
        "add_header X 2; if ($arg_a) { return 301 /b; } location / { add_header Y 1; return 204; }",
        [("/", "add_header X 1", "add_header X 2")],
    ),
    "a setting of a server that only a page for errors takes over": (
        "add_header X 1; location / { add_header Y 1; error_page 404 @c; return 404; } location @c { return 200; }",
        "add_header X 2; location / { add_header Y 1; error_page 404 @c; return 404; } location @c { return 200; }",
        [("/", "add_header X 1", "add_header X 2")],
    ),
    "an internal location answers with its own headers": (
        "location /a { internal; add_header X 1 always; }",
        "location /a { internal; add_header X 2 always; }",
        [("/a", "add_header X 1 always", "add_header X 2 always")],
    ),
    "nginx's own slash comes with the headers of the location": (
        "location /a/ { proxy_pass http://10.0.0.1; add_header X 1; }",
        "location /a/ { proxy_pass http://10.0.0.1; add_header X 2; }",
        [("/a", "add_header X 1", "add_header X 2"), ("/a/", "add_header X 1", "add_header X 2")],
    ),
    "nginx's own slash comes with the headers of the exact location": (
        "location = /a/ { add_header X 1; } location /a/ { proxy_pass http://10.0.0.1; }",
        "location = /a/ { add_header X 2; } location /a/ { proxy_pass http://10.0.0.1; }",
        [("/a", "add_header X 1", "add_header X 2"), ("/a/", "add_header X 1", "add_header X 2")],
    ),
    "a page for errors within another location": (
        "location = /b { error_page 404 /a; return 404; } location /a { add_header X 1; location ~ a { } }",
        "location = /b { error_page 404 /a; return 404; } location /a { add_header X 2; location ~ a { } }",
        [
            ("/a", "add_header X 1", "add_header X 2"),
            ("/b", "status 404", "status 404, where what it falls back to changed"),
        ],
    ),
    "a page for an error that is none of these": (
        "error_page 404 /a; return 301 /b;",
        "error_page 410 /a; return 301 /b;",
        [],
    ),
    "a header that is lost by inheritance": (
        "add_header X 1; location /a { return 204; }",
        "add_header X 1; location /a { add_header Y 1; return 204; }",
        [("/a", "add_header X 1", "add_header Y 1")],
    ),
    "a named location behind files": (
        "root /srv; location / { try_files $uri @b; } location @b { return 200 1; }",
        "root /srv; location / { try_files $uri @b; } location @b { return 200 2; }",
        [
            (
                "/",
                "files of /srv, try_files $uri @b",
                "files of /srv, try_files $uri @b, where what it falls back to changed",
            )
        ],
    ),
    "a server without a location": ("return 204;", "return 444;", [("/", "status 204", "the connection is closed")]),
    "comments and units": (
        "client_max_body_size 1m; location / { }",
        "# more\nclient_max_body_size 1024k;\nlocation / { }",
        [],
    ),
    "the order of blocks that exclude each other": (
        f"location /a {{ {returned(1)} }} location /b {{ {returned(2)} }}",
        f"location /b {{ {returned(2)} }} location /a {{ {returned(1)} }}",
        [],
    ),
}


@pytest.mark.parametrize(("live", "candidate", "expected"), CASES.values(), ids=CASES)
def test_what_a_construct_does(work: Works, live: str, candidate: str, expected: list[tuple[str, str, str]]) -> None:
    found = work(server(live), server(candidate))
    assert rows(found) == expected
    assert found.is_exact, found.found


def test_maps_over_the_path(work: Works) -> None:
    table = "map $uri $to { default ''; /a /x; ~^/b/ /y; %s }"
    inside = server("if ($to) { return 301 $to; } return 404;")
    found = work(table % "" + inside, table % "/c /z; ~^/b/c /never;" + inside)
    assert rows(found) == [("/c", "status 404", "301 to /z")]
    assert found.found[0].paths == "/C, /c"
    assert "map" not in found.found[0].because


def test_a_map_over_what_is_sent_sees_the_query(work: Works) -> None:
    table = "map $request_uri $to { default ''; %s }"
    inside = server("if ($to) { return 301 $to; } return 404;")
    found = work(table % "" + inside, table % "/a?b=1 /x;" + inside)
    assert rows(found)[0][1:] == ("status 404", "301 to /x")
    assert "?b=1" in rows(found)[0][0].lower()


def test_letters_beyond_ascii_are_told_apart_by_samples(work: Works) -> None:
    both = f"location /é {{ {returned(1)} }} location /ü {{ {returned(2)} }}"
    found = work(server(both), server(both.replace("200 2", "200 3")))
    assert rows(found) == [("/%C3%BC", text(2), text(3))]
    assert not found.is_exact
    rest = server("return 200 $x;")
    assert rows(work("map $uri $x { /ü 1; }" + rest, "map $uri $x { /ü 2; }" + rest)) == [("/%C3%BC", text(1), text(2))]


@pytest.mark.parametrize(
    ("live", "candidate"),
    [
        ("map $http_user_agent $x { ~a 1; }", "map $http_user_agent $x { ~a 1; ~b 1; }"),
        ("geo $x { default 0; 10.0.0.0/8 1; }", "geo $x { default 0; 10.0.0.0/9 1; }"),
    ],
)
def test_a_condition_on_what_is_defined_otherwise(work: Works, live: str, candidate: str) -> None:
    rest = server("location / { if ($x) { return 403; } return 204; }")
    found = work(live + rest, candidate + rest)
    assert rows(found) == [("/", "status 403", "status 204")]
    assert not found.is_exact


def test_a_map_over_the_query(work: Works) -> None:
    rest = server("return 200 $x;")
    found = work(f"map $args $x {{ a=1 1; '' 0; }} {rest}", f"map $args $x {{ a=1 2; '' 0; b=2 3; }} {rest}")
    assert rows(found) == [
        ("/?a=1", text(1), text(2)),
        ("/?b=2", "status 200 with a text: ", text(3)),
    ]


def test_of_several_names_with_an_asterisk_the_longest_decides(work: Works) -> None:
    names = "map $host $x {{ hostnames; *.example 1; *.b.example {0}; www.* 3; }} "
    rest = server("return 200 $x;", "*.b.example www.example")
    assert rows(work(names.format(2) + rest, names.format(4) + rest)) == [("/", text(2), text(4))]
    servers = server(returned(1), "*.example") + server(returned(2), "*.B.example")
    found = work(servers, servers.replace("200 2", "200 3"))
    assert [(each.where, each.after) for each in found.found] == [("*.B.example, port 80", text(3))]


def test_a_server_that_looks_at_its_port_or_host_is_compared_for_each(work: Works) -> None:
    ports = "listen 81; if ($server_port = 81) { return 404; }"
    found = work(server(ports), server(ports.replace("404", "403")))
    assert [(each.where, each.after) for each in found.found] == [("a.example, any other name, port 81", "status 403")]
    maps = "map $host $a { b.example 1; default 0; } map $a $b { 1 one; default 0; } "
    rest = server("return 200 $b;", "a.example b.example")
    found = work(maps + rest, maps.replace("one", "two") + rest)
    assert [(each.where, each.before, each.after) for each in found.found] == [
        ("b.example, port 80", "status 200 with a text: one", "status 200 with a text: two")
    ]


def test_an_upstream(work: Works) -> None:
    inside = server("location /a { proxy_pass http://api; } location / { return 204; }")
    found = work("upstream api { server 10.0.0.1; }" + inside, "upstream api { server 10.0.0.2; }" + inside)
    assert rows(found) == [("/a", "proxy_pass http://api (server 10.0.0.1)", "proxy_pass http://api (server 10.0.0.2)")]
    assert [change.words.partition(" ")[2] for change in found.found[0].edits] == ["server 10.0.0.1 → 10.0.0.2"]


def test_names_and_ports(work: Works) -> None:
    first, second = server("return 200 1;"), server("return 200 2;", "b.example")
    found = work(first, first + second)
    assert [(each.where, each.before, each.after) for each in found.found] == [("b.example, port 80", text(1), text(2))]
    found = work(first, first.replace("listen 80", "listen 80; listen 81"))
    assert [(each.where, each.before) for each in found.found] == [
        ("a.example, any other name, port 81", "nothing listens")
    ]


def test_a_condition_that_only_a_request_can_finalize(work: Works) -> None:
    live = "location / { if (-f /srv/down) { return 503; } return 200 1; }"
    found = work(server(live), server(live.replace("200 1", "200 2")))
    assert rows(found) == [("/", text(1), text(2))]
    assert found.found[0].when == "not -f /srv/down"
    assert found.is_exact


def test_a_condition_on_what_an_expression_captured_is_not_taken_for_false(work: Works) -> None:
    inside = 'location ~ ^/(\\w+)/ {{ set $x a$1; if ($x = "ab") {{ return {}; }} return 204; }}'
    found = work(server(inside.format(403)), server(inside.format(404)))
    (effect,) = found.found
    assert (effect.before, effect.after, effect.when) == ("status 403", "status 404", "a$1 = ab")


def test_other_methods_do_not_come_to_the_rewrites_beside_limit_except(work: Works) -> None:
    inside = "location / {{ limit_except GET {{ deny all; }} add_header X {}; return 301 /b; }}"
    (effect,) = work(server(inside.format(1)), server(inside.format(2))).found
    assert (effect.when, effect.cases) == (
        "not the method is GET",
        ["the method is GET: add_header X 1 → add_header X 2"],
    )


def test_what_no_sample_shows_is_found_where_a_setting_of_the_server_changes(work: Works) -> None:
    inside = "add_header X {}; location ~ ^/(?!ab) {{ add_header Y 1; }}"
    found = work(server(inside.format(1)), server(inside.format(2)))
    assert rows(found) == [("/ab", "add_header X 1", "add_header X 2")]


def test_a_variable_that_is_set_shows_in_what_speaks_of_it(work: Works) -> None:
    inside = """
        set $skip {}; if ($args != "") {{ set $skip 1; }}
        location / {{ try_files $uri /index.php?$args; }}
        location ~ \\.php$ {{ fastcgi_pass 127.0.0.1:9000; fastcgi_cache_bypass $skip; }}
        location /plain {{ return 204; }}
    """
    found = work(server(inside.format(0)), server(inside.format(1)))
    assert rows(found) == [("/", "$skip 0", "$skip 1"), ("/.php", "$skip 0", "$skip 1")]
    assert found.is_exact
    assert ["set $skip 0 → $skip 1" in edit.words for each in found.found for edit in each.edits] == [True, True]


def test_what_is_no_regular_language_is_sampled(work: Works) -> None:
    before, after = (
        rf"location ~ ^/(a+)-\1{end}$ {{ return 200 1; }} location / {{ return 200 2; }}" for end in ("x", "y")
    )
    found = work(server(before), server(after))
    assert not found.is_exact
    assert "a back-reference" in found.found[0].because


def test_a_back_reference_that_takes_a_part_of_a_removed_place_is_told(work: Works) -> None:
    after = rf"location ~ ^/a/([a-z])x\1$ {{ {returned(2)} }}"
    found = work(server(f"location /a {{ {returned(1)} }}"), server(after))
    assert not found.is_exact
    assert any("a back-reference" in effect.because for effect in found.found)


def test_a_map_over_a_header_that_changed_is_sampled(work: Works) -> None:
    table = "map $http_upgrade $hop { default upgrade; '' %s; }"
    inside = server("location / { proxy_pass http://10.0.0.1; proxy_set_header Connection $hop; }")
    (effect,) = work(table % "close" + inside, table % "''" + inside).found
    assert effect.because == "the values of a variable changed, which only a request can tell"
    assert [change.words.partition(" ")[2] for change in effect.edits]


def test_an_unchanged_back_reference_leaves_the_others_exact(work: Works) -> None:
    same = r"location ~ ^/(a)-\1$ { return 200 1; } location / { return 200 2; }"
    found = work(server(same), server(same + "location = /b { return 200 3; }"))
    assert rows(found) == [("/b", text(2), text(3))]
    assert found.is_exact


def test_an_effect_names_its_edit_and_its_share_of_a_log(work: Works) -> None:
    live, candidate = (
        server("location / { return 200 1; }"),
        server("location / { return 200 1; } location /a { return 403; }"),
    )
    log = [DerivedRequest("GET", "http", "a.example", 80, target) for target in ("/", "/a", "/ab?c=1", "/b")]
    (effect,) = work(live, candidate, log).found
    assert effect.to_json() == {
        "edits": ["nginx.conf:4 location /a added"],
        "file": "nginx.conf",
        "line": 4,
        "where": "a.example, any other name, port 80",
        "paths": "such as /a: what `location /a → return 403` decides now "
        "and `location / → return 200 1` decided before",
        "when": "",
        "cases": [],
        "before": text(1),
        "after": "status 403",
        "witness": "http://a.example/a",
        "exact": True,
        "because": "",
        "requests": 2,
        "asked": 4,
    }


def test_a_witness_is_asked_before_all_else(work: Works) -> None:
    found = work(server("return 204;"), server("return 403;"))
    assert [(each.url, each.weight) for each in found.witnesses()] == [("http://a.example/", -10)]


def test_at_most_fifty_are_shown(work: Works) -> None:
    many = "".join(f"location = /{number} {{ return 200 {number}; }}" for number in range(60))
    found = work(server("location / { return 404; }"), server("location / { return 404; }" + many))
    shown = found.to_json()
    assert (len(shown["rows"]), shown["more"], shown["exact"]) == (50, 10, True)
