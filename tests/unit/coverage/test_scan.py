from __future__ import annotations

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.coverage.scan import scan

TRICKY = r"""
# server { in a comment }
server {  # and behind a statement {
    log_format a '{ "uri": "$uri" }' "}";
    if ($uri ~ "^/\d{2}(?<rest>.*)$") { return 200 "a;b{c"; }
    set $x ${uri}x\;y; return 200 'it''s';
    location ~ \.(png|jpe?g)$ { }
}
"""

LUA = """
location /lua {
    content_by_lua_block {
        -- a brace { in a comment, and a quote '
        local a = "}" .. '}' .. [[ } ]] --[[ } ]]
        if a then ngx.say({1, 2}) end
    }
    access_log off;
}
location /after { }
"""


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("", []),
        ("a b c;", [("a", 1, "", "a b c;")]),
        ("a { b; }", [("a", 1, " b; }", "a { b; }"), ("b", 1, "", "b;")]),
        ("a\n{\nb\n;\n}", [("a", 1, "\nb\n;\n}", "a\n{\nb\n;\n}"), ("b", 3, "", "b\n;")]),
        ("a{b;}c{}", [("a", 1, "b;}c{}", "a{b;}"), ("b", 1, "", "b;"), ("c", 1, "}", "c{}")]),
        ('"a b" "c;";', [("a b", 1, "", '"a b" "c;";')]),
        ("a ${b}{c;}", [("a", 1, "c;}", "a ${b}{c;}"), ("c", 1, "", "c;")]),
        ("a é; b;", [("a", 1, "", "a é;"), ("b", 1, "", "b;")]),
    ],
)
def test_statements_are_found_with_their_places(text: str, statements: list[tuple[str, int, str, str]]) -> None:
    found = [
        (each.name, each.line, text[each.opened :] if each.opened >= 0 else "", text[each.start : each.end])
        for each in scan(text)
    ]
    assert found == statements


def test_comments_quotes_regexes_and_variables_hide_no_statement() -> None:
    assert [(each.name, each.line, each.end_line) for each in scan(TRICKY)] == [
        ("server", 3, 8),
        ("log_format", 4, 4),
        ("if", 5, 5),
        ("return", 5, 5),
        ("set", 6, 6),
        ("return", 6, 6),
        ("location", 7, 7),
    ]


def test_lua_is_passed_over_whatever_is_in_it() -> None:
    assert [(each.name, each.line, each.end_line) for each in scan(LUA)] == [
        ("location", 2, 9),
        ("content_by_lua_block", 3, 7),
        ("access_log", 8, 8),
        ("location", 10, 10),
    ]


@pytest.mark.parametrize("text", ["a {", "}", "a", '"a', "a \\", "x_by_lua_block { '"])
def test_a_file_that_is_not_whole_ends_somewhere(text: str) -> None:
    assert len(scan(text)) <= 1
