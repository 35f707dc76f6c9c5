"""The index over all runs, made by its playbook."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration


def test_the_history_lists_every_run_and_says_of_a_damaged_one_what_is_wrong(
    project: Path, play: Callable[..., Any]
) -> None:
    runs = project / ".sluice/runs"
    before = len(list(runs.glob("*/journal.jsonl")))
    damaged = runs / "19990102T030405-dead"
    damaged.mkdir(parents=True)
    try:
        (damaged / "run.json").write_text('{"schema": 3, "half')
        done = play("playbooks/history.yml")
        assert done.code == 0, done.output
        (path,) = re.findall(r"^history: (.+)$", done.output, re.MULTILINE)
        page = Path(path).read_text()
        assert page.count('<th scope="row" class="run">') >= before + 1
        (row,) = [row for row in page.split("<tr>") if damaged.name in row]
        assert "is damaged: Unterminated string" in row
    finally:
        (damaged / "run.json").unlink()
        damaged.rmdir()


def test_gates_that_cannot_be_asked_leave_a_record_that_says_why(project: Path, play: Callable[..., Any]) -> None:
    done = play("playbooks/gate.yml", "-i", "inventories/bare", "-e", "gates_receipt_hours=0", "-e", _tree(project))
    assert done.code == 2, done.output
    (path,) = re.findall(r"^record: (.+)$", done.output, re.MULTILINE)
    record = json.loads(Path(path).read_text())
    assert record["result"] == "stopped"
    assert record["outcome"].startswith("gates_receipt_hours: 0 is no time")
    assert "gates_receipt_hours: 0 is no time" in (Path(path).parent / "report.html").read_text()
    assert "0 is no time" in (Path(path).parent / "postmortem.md").read_text()


def _tree(project: Path) -> str:
    return f"nginx_tree={project / 'examples/incidents/one-host-differs'}"
