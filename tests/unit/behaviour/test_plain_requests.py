"""What excuses an answer that nginx gave badly: a line of a log that a release can write itself is not enough."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.plain_requests import asked_plainly
from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.staging.stage import Stage

LINE = '2026/11/28 21:00:00 [error] 7#7: *1 {0}, client: 127.0.0.1, server: shop.example, request: "GET / HTTP/1.1"{1}'
UPSTREAM = LINE.format("upstream prematurely closed connection", ', upstream: "http://198.18.1.1:80/"')
LUA = LINE.format("[lua] content_by_lua: it failed", "")


class _Stage:
    """Answers 500 to everything, and logs a line."""

    def __init__(self, line: str) -> None:
        self._line = line

    def ask(self, what: str, rows: list[object]) -> dict[str, object]:
        answer = {"status": 500, "headers": [], "passed": False}
        return {"answers": [answer] * (len(rows) - 1), "errors": [self._line], "seconds": 0.1}


@pytest.mark.parametrize(
    ("location", "line", "excused"),
    [
        ("return 500;", UPSTREAM, False),
        ("rewrite ^ /again last;", UPSTREAM, False),
        ("rewrite ^ /again last;", LUA, False),
        ("proxy_pass http://app;", UPSTREAM, True),
        ("proxy_pass http://app;", LUA, False),
        ("content_by_lua_file /srv/app.lua;", LUA, True),
    ],
)
def test_a_line_excuses_only_what_the_configuration_has(
    tmp_path: Path, location: str, line: str, excused: bool
) -> None:
    text = f"server {{ listen 80; server_name shop.example; location / {{ {location} }} }}"
    (tmp_path / "nginx.conf").write_text(f"events {{}} http {{ {text} }}")
    _, _, problems = asked_plainly(cast(Stage, _Stage(line)), parse_tree(tmp_path))
    assert [problem.environment for problem in problems] == [excused] * len(problems)
    assert problems
