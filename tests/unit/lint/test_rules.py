"""Each rule has configurations that it must hit, at the lines that say so, and others that it must not."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.lint import rules
from ansible_collections.sluice.nginx.plugins.module_utils.lint.audit import LEVELS
from ansible_collections.sluice.nginx.plugins.module_utils.lint.context import Context
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import Finding

FIXTURES = Path(__file__).resolve().parents[2] / "lint"
CASES = sorted(FIXTURES.glob("*/*/*.conf"))
RULES = [found.name for found in pkgutil.iter_modules(rules.__path__)]
CONTEXT = Context(
    {
        "/srv/shop/public": frozenset({"php", "html", "css", "js", "png", "svg"}),
        "/srv/shop/src": frozenset({"py"}),
    }
)
_MARK = re.compile(r"# hit: (.*)$")


def _named(path: Path) -> str:
    return path.relative_to(FIXTURES).with_suffix("").as_posix()


def _found(rule: str, path: Path) -> list[Finding]:
    findings: list[Finding] = importlib.import_module(f"{rules.__name__}.{rule}").run(
        parse_tree(path.parent, path.name), CONTEXT
    )
    return findings


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
        found.setdefault(finding.line, []).append(finding.what)
    assert found.keys() == marks.keys()
    for line, words in marks.items():
        assert len(found[line]) == len(words)
        assert all(said in what for said, what in zip(words, found[line], strict=True))


@pytest.mark.parametrize("path", [path for path in CASES if path.parent.name == "miss"], ids=_named)
def test_a_rule_leaves_alone_what_is_right(path: Path) -> None:
    assert _found(path.parts[-3], path) == []


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_has_a_level_and_both_kinds_of_fixtures(rule: str) -> None:
    assert importlib.import_module(f"{rules.__name__}.{rule}").LEVEL in LEVELS
    assert {path.parent.name for path in CASES if path.parts[-3] == rule} == {"hit", "miss"}


def test_no_fixture_is_for_a_rule_that_is_gone() -> None:
    assert {path.parts[-3] for path in CASES} == set(RULES)
    assert {path.parent.name for path in CASES} == {"hit", "miss"}
