"""Writes docs/lint: a page for each rule, from its docstring and its examples (tests/lint/RULE/*/example.conf).

``make docs`` runs it. In the index, what stands between the two marks is written anew. What the rules found on real
changes comes from ``benchmarks/results/lint_rules.json``, which ``python -m benchmarks.histories.rules --save`` writes.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.lint import rules
from ansible_collections.sluice.nginx.plugins.module_utils.lint.catalogue import Rule, read_docstring
from tests.unit.lint.fixtures import FIXTURES, MARK, RULES, find, live_of, marks_of

__all__ = ["FOLDER", "pages"]

FOLDER = Path(__file__).resolve().parents[1] / "docs/lint"
TOPICS = ("servers", "locations", "headers", "values", "references", "certificates", "changes", "trust", "versions")
RESULTS = Path(__file__).resolve().parents[1] / "benchmarks/results/lint_rules.json"
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
        yield "| rule | level | finds | on real changes |\n| --- | --- | --- | --- |"
        for rule in RULES.values():
            if rule.topic == topic:
                yield f"| [`{rule.name}`]({rule.name}.md) | {_level(rule)} | {rule.summary} | {_brief(rule.name)} |"
    yield from _others()
    yield "\n"


def _results() -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return found


def _brief(rule: str) -> str:
    """Return right, beside and wrong of a rule for the table; empty where it found nothing."""
    rows = _results()["rules"].get(rule, {}).values()
    return " / ".join(str(sum(row[kind] for row in rows)) for kind in ("right", "beside", "wrong")) if rows else ""


def _others() -> Iterator[str]:
    """Yield what gixy-ng's rules found on real changes."""
    others = [name for name in _results()["rules"] if name not in RULES]
    if others:
        yield "\n## gixy-ng's rules on real changes\n"
        yield "| rule | on real changes |\n| --- | --- |"
        yield from (f"| `{name}` | {_brief(name)} |" for name in sorted(others))


def _evidence(rule: str) -> Iterator[str]:
    """Yield what a rule found on real changes, in words, for those that were seen and those that were kept apart."""
    results = _results()
    if rule not in results["tried"]:
        yield "- Real changes: not counted yet; the rule is newer than the last count"
        return
    for part, words in (("seen", ""), ("kept", ", which were kept apart while rules were sharpened")):
        total, row = results["transitions"][part], results["rules"].get(rule, {}).get(part)
        changes = f"{total['bad']} bad and {total['good']} good real changes{words}"
        if row is None:
            yield f"- In {changes}: nothing new"
        else:
            told = f"the repaired fault in {row['right']}, another one in {row['beside']} bad and {row['wrong']} good"
            yield f"- In {changes}: {told}"


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
            *_evidence(rule.name),
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
        f"line {each.line}: {each.what} [{rule.name}]\n  expected: {each.expected}\n  fix: {each.fix}\n"
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
