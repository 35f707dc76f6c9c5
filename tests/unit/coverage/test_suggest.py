from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from ansible_collections.sluice.nginx.plugins.module_utils.coverage.suggest import suggestions_text
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import Verdict

CHECK = "# location /{0}, conf.d/x.conf:1\n- get: http://x.example/{0}\n  expect: {{status: 200}}\n"


def _row(site: str, path: str) -> dict[str, str]:
    return {"site": site, "yaml": CHECK.format(path)}


def _suggested(rows: Sequence[Mapping[str, str]], unreached: Sequence[str] = ()) -> Verdict:
    evidence: dict[str, Any] = {"rows": rows, "unreached": unreached}
    return Verdict("pass", "", evidence=evidence)


def test_checks_stand_below_the_variable_that_they_belong_to() -> None:
    text = suggestions_text(
        [_suggested([_row("shop", "a"), _row("", "raw"), _row("blog", "b"), _row("shop", "c")])],
    )
    said = yaml.safe_load(text)
    assert [site["name"] for site in said["nginx_sites"]] == ["shop", "blog"]
    assert [check["get"] for check in said["nginx_sites"][0]["checks"]] == ["http://x.example/a", "http://x.example/c"]
    assert [check["get"] for check in said["nginx_checks"]] == ["http://x.example/raw"]
    assert "      # location /a, conf.d/x.conf:1\n      - get: http://x.example/a\n" in text


def test_what_several_releases_lack_is_told_once() -> None:
    text = suggestions_text([_suggested([_row("", "a")]), _suggested([_row("", "a"), _row("", "b")])])
    assert [check["get"] for check in yaml.safe_load(text)["nginx_checks"]] == [
        "http://x.example/a",
        "http://x.example/b",
    ]


def test_what_no_request_reaches_is_a_comment() -> None:
    text = suggestions_text([_suggested([], ["if ($x), conf.d/x.conf:3"])])
    assert text == "# No plain request was found that reaches:\n#   if ($x), conf.d/x.conf:3"


def test_nothing_to_propose_is_said() -> None:
    assert suggestions_text([_suggested([])]) == "# Every block that can answer is reached by a check."
