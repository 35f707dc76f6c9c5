"""Which findings are the live release's as well, where a line was written anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.lint.catalogue import LintFinding
from ansible_collections.sluice.nginx.plugins.module_utils.lint.context import LintContext
from ansible_collections.sluice.nginx.plugins.module_utils.lint.pairing import as_in_live
from ansible_collections.sluice.nginx.plugins.module_utils.lint.rules.headers import headers_not_inherited

_BEFORE = 'add_header Set-Cookie "face=deleted; path=/; Expires=Thu, Jan 01 1970 00:00:00 UTC";'
_NOW = "add_header X-Sent-To home always;"


@pytest.mark.parametrize(
    ("place", "line", "outer", "same"),
    [
        ("/old", _NOW, "", [True]),
        ("/other", _NOW, "", [False]),
        ("/old", _NOW, "add_header Referrer-Policy no-referrer;", [False]),
    ],
)
def test_a_line_that_was_written_anew_has_the_finding_that_it_had(
    tmp_path: Path, place: str, line: str, outer: str, same: list[bool]
) -> None:
    configs = []
    for name, where, header, more in (("live", "/old", _BEFORE, ""), ("candidate", place, line, outer)):
        (tmp_path / name).mkdir()
        inside = f"add_header X-Frame-Options DENY; {more} location {where} {{ {header} return 302 /; }}"
        (tmp_path / name / "nginx.conf").write_text(f"events {{ }}\nhttp {{ server {{ {inside} }} }}\n")
        configs.append(parse_tree(tmp_path / name))
    live, config = configs
    before, now = (
        [LintFinding("headers_not_inherited", "medium", "high", found) for found in found_in]
        for found_in in (list(headers_not_inherited.run(each, LintContext())) for each in (live, config))
    )
    assert as_in_live(now, config, before, live) == same
