from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.gates.lint import run
from ansible_collections.sluice.nginx.plugins.module_utils.lint.audit import LEVELS, UNJUDGED, Issue, audit
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import GateOptions, Subject

MAIN = "events {}\nhttp {\n    server_tokens off;\n    include conf.d/*.conf;\n}\n"
TRAVERSAL = "\nserver {\n    listen 80;\n    location /i {\n        alias /srv/images/;\n    }\n}\n"


def audited(root: Path, files: Mapping[str, str]) -> list[Issue]:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    config = parse_tree(root)
    assert config.problems == []
    return audit(root, config)


@pytest.mark.parametrize(
    ("files", "place"),
    [
        ({"nginx.conf": MAIN, "conf.d/a.conf": TRAVERSAL}, ("conf.d/a.conf", 5)),
        ({"nginx.conf": MAIN, "conf.d/a.conf": "# a\n" * 40, "conf.d/b.conf": TRAVERSAL}, ("conf.d/b.conf", 5)),
        ({"nginx.conf": MAIN, "conf.d/a.conf": "# no end of line", "conf.d/b.conf": TRAVERSAL}, ("conf.d/b.conf", 5)),
        ({"nginx.conf": "events {}\nhttp {\nserver_tokens off;\n" + TRAVERSAL + "}\n"}, ("nginx.conf", 8)),
        (
            {"nginx.conf": MAIN.replace("conf.d", "/etc/nginx/conf.d"), "conf.d/ü.conf": "# ü\n" + TRAVERSAL},
            ("conf.d/ü.conf", 6),
        ),
    ],
)
def test_issues_have_the_place_in_the_tree(tmp_path: Path, files: Mapping[str, str], place: tuple[str, int]) -> None:
    (issue,) = [issue for issue in audited(tmp_path, files) if issue.rule == "alias_traversal"]
    assert (issue.file, issue.line) == place
    assert issue.level in LEVELS
    assert issue.what


@pytest.mark.parametrize("files", [{"nginx.conf": "events {}\nhttp { server_tokens off; }\n"}, {"nginx.conf": ""}])
def test_a_configuration_without_fault_has_no_high_issue(tmp_path: Path, files: Mapping[str, str]) -> None:
    assert [issue for issue in audited(tmp_path, files) if issue.level == "high"] == []


@pytest.mark.parametrize(
    ("lines", "rule", "level"),
    [
        ("location /a { if ($arg_a) { set $a 1; } }", "if_is_evil", "medium"),
        ("location /a { return 301 https://shop.example$uri; }", "http_splitting", "high"),
        ("location ~ ^/a/([^/]+)$ { return 301 https://shop.example/$1; }", "http_splitting", "high"),
        ("location ~ ^/a/(.*)$ { return 301 https://shop.example/$1; }", "http_splitting", "medium"),
    ],
)
def test_advice_is_never_high(tmp_path: Path, lines: str, rule: str, level: str) -> None:
    files = {"nginx.conf": MAIN, "conf.d/a.conf": f"server {{\n    listen 80;\n    {lines}\n}}\n"}
    assert {issue.level for issue in audited(tmp_path, files) if issue.rule == rule} == {level}


def test_a_regex_that_gixy_cannot_read_leaves_no_line_without_a_place(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    site = "server {\nlocation ~ ^/a/[\\\\\\]+ { return 301 https://shop.example/$1; }\n}\n"
    audited(tmp_path, {"nginx.conf": MAIN, "conf.d/a.conf": site})
    assert caplog.records == []


def test_files_of_this_machine_are_not_read(tmp_path: Path) -> None:
    outside = tmp_path / "outside.conf"
    outside.write_text("http {" + TRAVERSAL + "}")
    issues = audited(tmp_path / "tree", {"nginx.conf": f"events {{}}\ninclude {outside};\n"})
    assert [issue.rule for issue in issues] == []


def test_trees_can_be_audited_side_by_side(tmp_path: Path) -> None:
    trees = [
        (tmp_path / str(number), {"nginx.conf": MAIN, "conf.d/a.conf": "\n" * number + TRAVERSAL})
        for number in range(8)
    ]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda each: audited(*each), trees))
    assert [issue.line for issues in found for issue in issues if issue.rule == "alias_traversal"] == list(range(5, 13))


@pytest.mark.parametrize(
    "block", ["location ~ ((((( { return 200; }", "location / {" * 90 + "}" * 90 + "if ($x ~ '[') { return 200; }"]
)
def test_what_gixy_cannot_judge_is_one_issue_that_stops_nothing(
    tmp_path: Path, block: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    main = f"events {{}}\nhttp {{ server {{ {block} }} }}\n"
    monkeypatch.setattr("gixy.core.manager.Manager.audit", _refuse) if "((" not in block else None
    (issue,) = [issue for issue in audited(tmp_path, {"nginx.conf": main}) if issue.rule == UNJUDGED]
    assert issue.level == LEVELS[0]
    assert "gixy-ng cannot read" in issue.what
    assert issue.why


def _refuse(*_: object) -> None:
    raise RecursionError("maximum recursion depth exceeded")


def test_the_own_rules_judge_what_gixy_cannot(tmp_path: Path) -> None:
    folder = tmp_path / "release"
    (folder / "tree").mkdir(parents=True)
    server = "server { listen 80;\n location ~ ((((( { return 200; }\n location ~ /a { }\n location ~ /a { }\n }"
    (folder / "tree/nginx.conf").write_text(f"events {{}}\nhttp {{ {server} }}\n")
    subject = Subject(["web1"], GateOptions(), release=Release("a" * 64, folder), config=parse_tree(folder / "tree"))
    verdict = run(subject)
    assert verdict.result == "fail"
    assert [finding.line for finding in verdict.findings if not finding.warning] == [5]
    (gixy,) = [finding for finding in verdict.findings if "gixy-ng cannot read" in finding.what]
    assert gixy.warning
