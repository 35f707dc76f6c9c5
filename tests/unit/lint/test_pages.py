"""docs/lint has a page for each rule, which says what the rule and its examples say today."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from ansible_collections.sluice.nginx.plugins.module_utils.lint.catalogue import Rule
from ansible_collections.sluice.nginx.plugins.module_utils.lint.documentation import DOCUMENTATION, describe_rule
from scripts.lint_pages import FOLDER, pages
from tests.unit.lint.fixtures import FIXTURES, RULES, live_of

STALE = "docs/lint is not what the rules say; run make docs"
PAGES = pages()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_is_what_its_rule_says(path: Path) -> None:
    assert path.is_file(), STALE
    assert path.read_text(encoding="utf-8") == PAGES[path], STALE


def test_each_rule_has_a_page_and_no_page_is_left_over() -> None:
    assert {path.stem for path in PAGES} == {"README", *RULES}
    assert set(FOLDER.glob("*")) == PAGES.keys(), STALE


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.name)
def test_a_page_has_both_examples_and_says_how_to_accept_a_finding(rule: Rule) -> None:
    text = PAGES[FOLDER / f"{rule.name}.md"]
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == [
        "Problematic configuration",
        "Correct configuration",
        "How to accept a finding",
    ]
    assert (f"# sluice: accept {rule.name}: REASON" in text) == rule.accepted_by_tree
    assert f"gates_lint_accept: [{rule.name}]" in text
    assert (live_of(FIXTURES / rule.name / "hit/example.conf") is not None) == rule.compares


def test_a_page_shows_the_finding_and_not_the_mark_of_the_fixture() -> None:
    text = PAGES[FOLDER / "unknown_file_extension.md"]
    assert "line 4: no file below /srv/shop/public ends in .phpp; did you mean .php? [unknown_file_extension]" in text
    assert "  fix: write .php, or add a file with .phpp" in text
    assert "# hit" not in text


def test_the_index_links_each_rule_with_its_level() -> None:
    rows = re.findall(r"^\| \[`(\w+)`\]\((\w+)\.md\) \| ([\w, :]+) \| \S", PAGES[FOLDER / "README.md"], re.MULTILINE)
    levels = {
        rule.name: rule.level + (f", new: {rule.level_when_new}" if rule.level_when_new != rule.level else "")
        for rule in RULES.values()
    }
    assert [(name, page) for name, page, _ in rows if name != page] == []
    assert {name: level for name, _, level in rows} == levels


def test_the_address_of_the_pages_is_that_of_the_collection(project: Path) -> None:
    galaxy = yaml.safe_load((project / "galaxy.yml").read_text())
    assert galaxy.get("documentation", "") == DOCUMENTATION


def test_a_rule_is_described_with_its_page_where_pages_are_published() -> None:
    described = describe_rule("wrong_unit", "https://docs.example/sluice/")
    assert described["helpUri"] == "https://docs.example/sluice/lint/wrong_unit.md"
    assert described["shortDescription"]["text"] == RULES["wrong_unit"].summary
    assert described["help"]["markdown"].endswith(RULES["wrong_unit"].details)
    assert "helpUri" not in describe_rule("wrong_unit", "")
    assert describe_rule("version_disclosure") == {}
