from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import Config, parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.environment.production import (
    lends_modules,
    loaders,
    starts_as_unit,
)

FOLDER = "include /etc/nginx/modules-enabled/*.conf;"


def _config(folder: Path, text: str, *enabled: str) -> Config:
    (folder / "modules-enabled").mkdir(parents=True)
    (folder / "nginx.conf").write_text(f"{text}\nevents {{}}\n")
    for name in enabled:
        (folder / "modules-enabled" / name).write_text("load_module modules/x.so;\n")
    return parse_tree(folder)


@pytest.mark.parametrize(
    ("text", "enabled", "expected"),
    [
        ("", (), set()),
        (FOLDER, (), {"/etc/nginx/modules-enabled/*.conf"}),
        (FOLDER, ("50-x.conf",), {"modules-enabled/50-x.conf"}),
        ("include /usr/share/nginx/modules/*.conf;", (), {"/usr/share/nginx/modules/*.conf"}),
        # What a line names itself is there by that line.
        ("load_module modules/x.so;", (), set()),
    ],
)
def test_by_what_modules_come(tmp_path: Path, text: str, enabled: tuple[str, ...], expected: set[str]) -> None:
    assert loaders(_config(tmp_path, text, *enabled)) == expected


@pytest.mark.parametrize(
    ("live", "candidate", "lent"),
    [(FOLDER, FOLDER, True), (FOLDER, "", False), ("", "", True), ("", FOLDER, True), (None, "", True)],
)
def test_a_module_is_lent_while_the_release_keeps_what_loads_it(
    tmp_path: Path, live: str | None, candidate: str, lent: bool
) -> None:
    before = None if live is None else _config(tmp_path / "live", live)
    assert lends_modules(before, _config(tmp_path / "candidate", candidate)) is lent


@pytest.mark.parametrize(
    ("text", "as_unit"),
    [("user www-data;", True), ("daemon off;", False), ("master_process on;", False), (None, False)],
)
def test_nginx_starts_as_its_unit_says_where_live_can(tmp_path: Path, text: str | None, as_unit: bool) -> None:
    assert starts_as_unit(None if text is None else _config(tmp_path / "live", text)) is as_unit
