"""Lua in a configuration is Lua: its braces, quotes and semicolons are none of nginx's."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import parse_tree


@pytest.mark.parametrize(
    ("block", "lua"),
    [
        ("content_by_lua_block", 'ngx.say("}")'),
        ("preread_by_lua_block", "local line = 1\n  if line then line = 2 end"),
        ("ssl_client_hello_by_lua_block", "local t = { { 1 }, a = '{' }"),
        ("access_by_lua_block", "-- it's a comment }\n  return"),
        ("access_by_lua_block", "--[[ it's\n } long ]] return"),
        ("access_by_lua_block", "--[==[ ]] } ]==] return"),
        ("log_by_lua_block", "local s = [[ } ' ]] .. [=[ ]] } ]=]"),
        ("log_by_lua_block", "local s = t[u[1]] - -1"),
        ("rewrite_by_lua_block", 'local s = "say \\"}\\""'),
        ("balancer_by_lua_block", ""),
    ],
)
def test_a_block_of_lua_is_one_word_whatever_is_in_it(tmp_path: Path, block: str, lua: str) -> None:
    (tmp_path / "nginx.conf").write_text(f"http {{\n{block} {{ {lua}\n}}\ngzip on;\n}}\n")
    config = parse_tree(tmp_path)
    assert config.problems == []
    (http,) = config.directives
    assert [(found.name, found.block) for found in http.block or []] == [(block, None), ("gzip", None)]
    assert (http.block or [])[0].args[0].strip() == lua
    assert (http.block or [])[1].line == 4 + lua.count("\n")


def test_the_variable_that_is_set_comes_before_the_block(tmp_path: Path) -> None:
    (tmp_path / "nginx.conf").write_text("set_by_lua_block $sum { return 1 + 1 }\n")
    (found,) = parse_tree(tmp_path).directives
    assert (found.name, found.args) == ("set_by_lua_block", ["$sum", " return 1 + 1 "])


def test_a_block_that_does_not_end_is_told_with_the_last_line(tmp_path: Path) -> None:
    (tmp_path / "nginx.conf").write_text("content_by_lua_block {\nif x then\n")
    (problem,) = parse_tree(tmp_path).problems
    assert problem.what == 'unexpected end of file, expecting "}"'
    assert problem.line in (2, 3)


@pytest.mark.parametrize("row", ['"{"', "'{'", "\\{", "${x}", "#{\n1"])
def test_a_brace_that_is_none_to_nginx_begins_no_block(tmp_path: Path, row: str) -> None:
    hidden = 'server { listen 80; set $a "}"; set $b ""; }'
    (tmp_path / "nginx.conf").write_text(f"http {{ map $a $b {{ set_by_lua_block {row}; }} {hidden} }}\n")
    (problem,) = parse_tree(tmp_path).problems
    assert problem.what.startswith("between set_by_lua_block and its block stands ")
