"""Each rule has configurations that it must hit, at the lines that say so, and others that it must not.

``NAME.live.conf`` beside ``NAME.conf`` is what the live release says.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.lint.audit import LEVELS
from ansible_collections.sluice.nginx.plugins.module_utils.lint.catalogue import find_rules
from ansible_collections.sluice.nginx.plugins.module_utils.lint.context import LintContext
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import Finding
from tests.unit.lint.certificates import certificates

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "lint.md"
FIXTURES = Path(__file__).resolve().parents[2] / "lint"
CASES = sorted(path for path in FIXTURES.glob("*/*/*.conf") if not path.name.endswith(".live.conf"))
RULES = find_rules()
EXTENSIONS = {
    "/srv/shop/public": frozenset({"php", "html", "css", "js", "png", "svg"}),
    "/srv/shop/src": frozenset({"py"}),
}
NOW = datetime(2030, 6, 1, tzinfo=UTC)
CERTIFICATES = certificates(NOW)
# They count where a fixture names them: it has no files of its own.
SECRETS = {"ssl/in-tree.key": "a directive names it", "in-tree.users": "it holds passwords"}
_MARK = re.compile(r"# hit: (.*)$")


def _named(path: Path) -> str:
    return path.relative_to(FIXTURES).with_suffix("").as_posix()


def _found(rule: str, path: Path) -> list[Finding]:
    live = path.with_suffix(".live.conf")
    context = LintContext(
        EXTENSIONS,
        parse_tree(live.parent, live.name) if live.exists() else None,
        CERTIFICATES,
        certificate_days=14,
        now=NOW,
        brings=frozenset({"/etc/nginx/modules/own.so"}),
        secrets={name: why for name, why in SECRETS.items() if name in path.read_text()},
    )
    config = parse_tree(path.parent, path.name)
    assert config.problems == []
    return RULES[rule].run(config, context)


@pytest.mark.parametrize("path", [path for path in CASES if path.parent.name == "hit"], ids=_named)
def test_a_rule_hits_the_lines_that_are_marked(path: Path) -> None:
    marks = {
        number: mark[1].split(" | ")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if (mark := _MARK.search(line))
    }
    found: dict[int, list[str]] = {}
    for finding in _found(path.parts[-3], path):
        assert finding.file == path.name
        assert finding.expected
        assert finding.seen
        assert finding.mend
        found.setdefault(finding.line, []).append(finding.what)
    assert found.keys() == marks.keys(), found
    for line, words in marks.items():
        assert len(found[line]) == len(words), found[line]
        assert all(said in what for said, what in zip(words, found[line], strict=True)), found[line]


@pytest.mark.parametrize("path", [path for path in CASES if path.parent.name == "miss"], ids=_named)
def test_a_rule_leaves_alone_what_is_right(path: Path) -> None:
    assert _found(path.parts[-3], path) == []


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_has_a_level_and_both_kinds_of_fixtures(rule: str) -> None:
    assert RULES[rule].level in LEVELS
    assert RULES[rule].level_when_new in LEVELS
    assert {path.parent.name for path in CASES if path.parts[-3] == rule} == {"hit", "miss"}


def test_no_fixture_is_for_a_rule_that_is_gone() -> None:
    assert {path.parts[-3] for path in FIXTURES.glob("*/*/*")} == RULES.keys()
    assert {path.parent.name for path in CASES} == {"hit", "miss"}
    for live in FIXTURES.glob("*/*/*.live.conf"):
        assert live.with_name(live.name.replace(".live.conf", ".conf")) in CASES


def test_the_document_has_a_row_for_each_rule_with_its_levels() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| ([a-z]+)(?:, new: ([a-z]+))? \|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE
    )
    levels = {rule: (level, new or level) for rule, level, new in rows}
    assert levels == {rule.name: (rule.level, rule.level_when_new) for rule in RULES.values()}
