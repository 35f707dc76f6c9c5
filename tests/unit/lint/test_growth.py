"""Configurations of tens of thousands of lines that stand side by side take time that grows with them, no more."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.changes import changes
from ansible_collections.sluice.nginx.plugins.module_utils.config.match import choose_location
from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import Config, parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.coverage.instrument import instrument
from ansible_collections.sluice.nginx.plugins.module_utils.coverage.propose import propose
from ansible_collections.sluice.nginx.plugins.module_utils.culprit.change import read_change
from ansible_collections.sluice.nginx.plugins.module_utils.lint.acceptance import read_acceptances
from ansible_collections.sluice.nginx.plugins.module_utils.lint.catalogue import LintFinding
from ansible_collections.sluice.nginx.plugins.module_utils.lint.context import LintContext
from ansible_collections.sluice.nginx.plugins.module_utils.lint.pairing import as_in_live
from ansible_collections.sluice.nginx.plugins.module_utils.lint.rules.locations import (
    empty_capture,
    redirect_loop,
    shadowed_regex,
    shadowed_rewrite,
)
from ansible_collections.sluice.nginx.plugins.module_utils.lint.rules.references import ssl_preread_missing
from ansible_collections.sluice.nginx.plugins.module_utils.needs.reading import needs_of

_SECONDS = 3.0
_MANY = 5000

Work = Callable[[Config, Config, Path], object]


def _server(rows: str) -> str:
    return f"events {{}}\nhttp {{\nserver {{\nlisten 80;\n{rows}\n}}\n}}\n"


def _rows(row: str) -> str:
    return "".join(row % number for number in range(_MANY))


class _Nobody:
    def ask(self, checks: list[object]) -> tuple[list[object], list[object]]:
        return [{} for _ in checks], []


def _propose(live: Config, config: Config, folder: Path) -> object:
    return propose(_Nobody(), instrument(config, folder / "tree").blocks)  # type: ignore[arg-type]


def _locations(live: Config, config: Config, folder: Path) -> object:
    (server,) = config.servers()
    return [choose_location(server, f"/p{number}/x") for number in range(_MANY)]


def _paired(live: Config, config: Config, folder: Path) -> object:
    now, before = (
        [LintFinding("shadowed_regex", "high", "high", each) for each in shadowed_regex.run(of, LintContext())]
        for of in (config, live)
    )
    assert len(now) >= _MANY - 1
    return as_in_live(now, config, before, live)


_SHADOWED = _server("location ~ ^/ { return 301 /b; }\n" + _rows("location ~ ^/p%d { return 301 /a; }\n"))
_MAP = "events {}\nhttp { map $uri $a {\n" + _rows("~^/x%d 1;\n") + "}\n}\n"
_MADE = "".join(f"map $ssl_preread_server_name $v{n} {{ default $v{n + 1}; }}\n" for n in range(_MANY))
_STREAM = f"events {{}}\nstream {{\n{_MADE}server {{ listen 1; proxy_pass $v0; }} }}\n"
_REDIRECTS = _server(_rows("location = /a%d { return 301 /b; }\n"))
_PREFIXES = _server(_rows("location /p%d/ { root /a; }\n"))
_CONDITIONS = _server(_rows("if ($http_x%d) { return 403; }\n"))
_PAGES = _server(_rows("location /p%d { error_page 404 /e.html; root /a; }\n"))
_CAPTURES = _server(_rows("rewrite ^/p%d/(.*)$ /a/$1 permanent;\n") + _rows("location /q%d { return 301 /b/$1; }\n"))
_COMMENTS = _server(_rows("# sluice: accept typo_in_identifier: x\nset $a%d 1;\n"))
_ONE_LINE = _server("server_name " + _rows("n%d.example ") + ";")

_CASES: dict[str, tuple[str, Work]] = {
    "map": (_MAP, lambda live, config, folder: list(shadowed_regex.run(config, LintContext()))),
    "redirects": (_REDIRECTS, lambda live, config, folder: list(redirect_loop.run(config, LintContext()))),
    "preread": (_STREAM, lambda live, config, folder: list(ssl_preread_missing.run(config, LintContext()))),
    "rewrites": (_CAPTURES, lambda live, config, folder: list(shadowed_rewrite.run(config, LintContext()))),
    "captures": (_CAPTURES, lambda live, config, folder: list(empty_capture.run(config, LintContext()))),
    "pairing": (_SHADOWED, _paired),
    "locations": (_PREFIXES, _locations),
    "changes": (_PREFIXES, lambda live, config, folder: changes(live, config)),
    "conditions": (_CONDITIONS, _propose),
    "error_pages": (_PAGES, lambda live, config, folder: needs_of(config, ())),
    "acceptances": (_COMMENTS, lambda live, config, folder: read_acceptances(folder / "tree", config.files)),
    "one_line": (_ONE_LINE, lambda live, config, folder: read_change(folder / "live", folder / "tree")),
}


@pytest.mark.parametrize(("text", "work"), _CASES.values(), ids=_CASES)
def test_time_grows_with_the_lines(tmp_path: Path, text: str, work: Work) -> None:
    for name, content in (("live", text), ("tree", text.replace("/p", "/q").replace("n1", "m1"))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "nginx.conf").write_text(content)
    live, config = parse_tree(tmp_path / "live"), parse_tree(tmp_path / "tree")
    assert config.problems == []
    began = time.process_time()
    work(live, config, tmp_path)
    assert time.process_time() - began < _SECONDS
