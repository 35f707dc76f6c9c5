"""Write the generated parts of docs/alerts: of each page the rule and an example, of README.md the table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

__all__ = ["PARTS", "pages"]

PARTS = ("Meaning", "Impact", "Diagnosis", "Mitigation")
"""The parts of a page that a person writes."""

_ROOT = Path(__file__).resolve().parent.parent
_RULES, _DOCS = _ROOT / "roles/monitor/files/rules", _ROOT / "docs/alerts"
_MARK = "<!-- Written by scripts/alert_pages.py from roles/monitor/files/rules. -->"


def pages() -> dict[Path, str]:
    """Return each page of docs/alerts as it should be: what a person wrote, and what follows from rules and tests."""
    (group,) = yaml.safe_load((_RULES / "sluice.rules.yml").read_text(encoding="utf-8"))["groups"]
    found = {}
    table = ["| alert | severity | meaning |", "| --- | --- | --- |"]
    for rule in sorted(group["rules"], key=lambda rule: str(rule["alert"])):
        name = rule["alert"]
        path = _DOCS / f"{name}.md"
        written = _written(path) or "\n".join([f"# {name}\n", *(f"## {part}\n" for part in PARTS)])
        found[path] = f"{written}\n{_MARK}\n\n{_generated(rule)}"
        meaning = written.partition("## Meaning\n")[2].strip().splitlines()[0].partition(". ")[0].rstrip(".")
        table.append(f"| [{name}]({name}.md) | {rule['labels']['severity']} | {meaning} |")
    index = _DOCS / "README.md"
    found[index] = "\n".join([f"{_written(index)}\n{_MARK}\n", *table, ""])
    return found


def _written(path: Path) -> str:
    return path.read_text(encoding="utf-8").partition(f"\n{_MARK}")[0] if path.exists() else ""


def _generated(rule: dict[str, Any]) -> str:
    case, expected = _example(rule["alert"])
    series = "\n".join(f"{each['series']}  {each['values']}" for each in case["input_series"])
    (shown, *_) = expected["exp_alerts"]
    words = shown["exp_annotations"]
    wait = f"The alert fires once this has held for {rule['for']}" if "for" in rule else "The alert fires at once"
    return f"""## Rule

Severity: {rule["labels"]["severity"]}. {wait}. The numbers are the defaults.

```promql
{rule["expr"].strip()}
```

## Example

From its test, "{case["name"]}": these series have a value every {case["interval"]}, in promtool's notation.

```text
{series}
```

After {expected["eval_time"]} the alert reads:

> **{words["summary"]}**
>
> {words["description"]}
"""


def _example(alert: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the first case of an alert's tests that fires, and what it expects."""
    tests = yaml.safe_load((_RULES / f"{alert}.test.yml").read_text(encoding="utf-8"))["tests"]
    return next((case, each) for case in tests for each in case["alert_rule_test"] if each.get("exp_alerts"))


def main() -> None:
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
