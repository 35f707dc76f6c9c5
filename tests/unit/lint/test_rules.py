"""Each rule has configurations that it must hit, at the lines that say so, and others that it must not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.lint.audit import LEVELS, gixy_rules
from tests.unit.lint.fixtures import CASES, FIXTURES, RULES, find, marks_of


def _named(path: Path) -> str:
    return path.relative_to(FIXTURES).with_suffix("").as_posix()


@pytest.mark.parametrize("path", [path for path in CASES if path.parent.name == "hit"], ids=_named)
def test_a_rule_hits_the_lines_that_are_marked(path: Path) -> None:
    marks = marks_of(path)
    found: dict[int, list[str]] = {}
    for finding in find(path.parts[-3], path):
        assert finding.file == path.name
        assert finding.expected
        assert finding.actual
        assert finding.fix
        found.setdefault(finding.line, []).append(finding.what)
    assert found.keys() == marks.keys(), found
    for line, words in marks.items():
        assert len(found[line]) == len(words), found[line]
        assert all(said in what for said, what in zip(words, found[line], strict=True)), found[line]


@pytest.mark.parametrize("path", [path for path in CASES if path.parent.name == "hit"], ids=_named)
def test_a_finding_stays_the_same_when_lines_are_added_above(path: Path, tmp_path: Path) -> None:
    rule = path.parts[-3]
    moved = shutil.copytree(FIXTURES / rule, tmp_path / rule) / "hit" / path.name
    moved.write_text("# One.\n# Two.\n" + path.read_text())
    before, now = find(rule, path), find(rule, moved)
    assert [(each.what, each.actual) for each in now] == [(each.what, each.actual) for each in before]
    assert [each.line for each in now] == [each.line + 2 for each in before]


@pytest.mark.parametrize("path", [path for path in CASES if path.parent.name == "miss"], ids=_named)
def test_a_rule_leaves_alone_what_is_right(path: Path) -> None:
    assert find(path.parts[-3], path) == []


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
    for live in FIXTURES.glob("*/*.live.conf"):
        assert live.parent / "hit" / live.name.replace(".live.conf", ".conf") in CASES


def test_no_rule_has_the_name_of_one_of_gixy() -> None:
    assert RULES.keys().isdisjoint(gixy_rules())
