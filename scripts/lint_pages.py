"""Writes docs/lint: a page for each rule, from its docstring and its examples (tests/lint/RULE/*/example.conf).

``make docs`` runs it. In the index, what stands between the two marks is written anew.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.sluice.nginx.plugins.module_utils.lint import rules
from ansible_collections.sluice.nginx.plugins.module_utils.lint.catalogue import Rule, read_docstring
from tests.unit.lint.fixtures import FIXTURES, MARK, RULES, find, live_of, marks_of

__all__ = ["FOLDER", "pages"]

FOLDER = Path(__file__).resolve().parents[1] / "docs/lint"
TOPICS = ("servers", "locations", "headers", "values", "references", "certificates", "changes", "trust", "versions")
_TABLE = re.compile(r"(?<=<!-- rules -->\n).*(?=<!-- end of rules -->)", re.DOTALL)
_ACCEPTED_BY_TREE = """\
Write a comment with a reason on the line of the directive, or on the line above it; it holds for the whole block:

```nginx
# sluice: accept {rule}: REASON
{directive}
```

Or `gates_lint_accept: [{rule}]` in the inventory: all findings of the rule become warnings.
"""
_NOT_ACCEPTED_BY_TREE = """\
No comment in the tree accepts this finding, because a change of the tree alone must not bring it. In the inventory,
`gates_lint_accept: [{rule}]` makes warnings of all findings of the rule.
"""


def pages() -> dict[Path, str]:
    """Return the text of each page by its path."""
    index = FOLDER / "README.md"
    text = _TABLE.sub(lambda _: "\n".join(_tables()), index.read_text(encoding="utf-8"))
    return {index: text, **{FOLDER / f"{rule.name}.md": _page(rule) for rule in RULES.values()}}


def _level(rule: Rule) -> str:
    return rule.level + (f", new: {rule.level_when_new}" if rule.level_when_new != rule.level else "")


def _tables() -> Iterator[str]:
    for topic in TOPICS:
        title, text = read_docstring(importlib.import_module(f"{rules.__name__}.{topic}"))
        yield f"\n## {title.rstrip('.')}\n"
        if text:
            yield f"{text}\n"
        yield "| rule | level | finds |\n| --- | --- | --- |"
        for rule in RULES.values():
            if rule.topic == topic:
                yield f"| [`{rule.name}`]({rule.name}.md) | {_level(rule)} | {rule.summary} |"
    yield "\n"


def _page(rule: Rule) -> str:
    problem, correct = (FIXTURES / rule.name / kind / "example.conf" for kind in ("hit", "miss"))
    live = live_of(problem)
    directive = problem.read_text(encoding="utf-8").splitlines()[min(marks_of(problem)) - 1]
    accepting = _ACCEPTED_BY_TREE if rule.accepted_by_tree else _NOT_ACCEPTED_BY_TREE
    when_new = f"; `{rule.level_when_new}` where the live release does not have the finding"
    return "\n".join(
        [
            f"# {rule.name}\n",
            f"{rule.summary}\n",
            f"{rule.details}\n",
            f"- Level: `{rule.level}`{when_new if rule.level_when_new != rule.level else ''}",
            *(["- Compares with the live release; there are no findings in a first release"] if live else []),
            f"- Since: {rule.since}\n",
            "## Problematic configuration\n",
            *([f"The live release:\n\n{_code(live)}\nThe change:\n"] if live else []),
            _code(problem),
            f"The finding:\n\n```text\n{_findings(rule, problem)}```\n",
            "## Correct configuration\n",
            _code(correct),
            "## How to accept a finding\n",
            accepting.format(rule=rule.name, directive=MARK.sub("", directive).strip()),
            "[All rules](README.md)\n",
        ]
    )


def _code(path: Path) -> str:
    lines = [MARK.sub("", line) for line in path.read_text(encoding="utf-8").splitlines()]
    return "\n".join(["```nginx", *lines, "```\n"])


def _findings(rule: Rule, path: Path) -> str:
    return "".join(
        f"line {each.line}: {each.what} [{rule.name}]\n  expected: {each.expected}\n  fix: {each.mend}\n"
        for each in find(rule.name, path)
    )


def main() -> None:
    """Write the pages, and remove those of rules that are gone."""
    texts = pages()
    for path in set(FOLDER.glob("*.md")) - texts.keys():
        path.unlink()
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
