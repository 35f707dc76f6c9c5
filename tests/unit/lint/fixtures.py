"""The fixtures of the rules, tests/lint/RULE: configurations that a rule must hit, and others that it must not.

``NAME.live.conf`` beside ``NAME.conf`` is the live release. ``example.conf``, of each kind one, is shown on the page of
the rule; both have ``RULE/example.live.conf`` for it. ``RULE/tree`` are the files that the release brings.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.lint.catalogue import find_rules
from ansible_collections.sluice.nginx.plugins.module_utils.lint.context import LintContext
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import Finding
from tests.unit.lint.certificates import certificates

__all__ = ["CASES", "FIXTURES", "MARK", "RULES", "find", "live_of", "marks_of"]

FIXTURES = Path(__file__).resolve().parents[2] / "lint"
CASES = sorted(path for path in FIXTURES.glob("*/*/*.conf") if not path.name.endswith(".live.conf"))
RULES = find_rules()
MARK = re.compile(r" *# hit: (.*)$")

_EXTENSIONS = {
    "/srv/shop/public": frozenset({"php", "html", "css", "js", "png", "svg"}),
    "/srv/shop/src": frozenset({"py"}),
}
_NOW = datetime(2030, 6, 1, tzinfo=UTC)
_CERTIFICATES = certificates(_NOW)
# They count where a fixture names them: it has no files of its own.
_SECRETS = {
    "ssl/in-tree.key": "a directive names it",
    "ssl/shop.example.key": "a directive names it",
    "in-tree.users": "it holds passwords",
}


def live_of(path: Path) -> Path | None:
    """Return the live release of a fixture, if there is one."""
    beside = path.with_suffix(".live.conf")
    live = path.parents[1] / beside.name if path.name == "example.conf" else beside
    return live if live.exists() else None


def marks_of(path: Path) -> dict[int, list[str]]:
    """Map the lines that are marked to the words of their findings."""
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
    return {number: mark[1].split(" | ") for number, line in lines if (mark := MARK.search(line))}


def find(rule: str, path: Path) -> list[Finding]:
    """Return the findings of a rule in a fixture."""
    live = live_of(path)
    tree = FIXTURES / rule / "tree"
    files = [each.relative_to(tree).as_posix() for each in tree.rglob("*") if each.is_file()]
    context = LintContext(
        _EXTENSIONS,
        parse_tree(live.parent, live.name) if live else None,
        _CERTIFICATES,
        certificate_days=14,
        now=_NOW,
        brings=frozenset({"/etc/nginx/modules/own.so", *(f"/etc/nginx/{name}" for name in files)}),
        secrets={name: why for name, why in _SECRETS.items() if name in path.read_text(encoding="utf-8")},
        tree=tree if files else None,
        nginx="1.22.1",
    )
    config = parse_tree(path.parent, path.name)
    assert config.problems == []
    return RULES[rule].run(config, context)
