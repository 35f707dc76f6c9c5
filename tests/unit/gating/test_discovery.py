"""Gates of users: the one of the documentation is found, and says what it is there to say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.gating.discovery import find_gates
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import GateOptions, Subject

PAGE = Path(__file__).resolve().parents[3] / "docs/gates.md"


@pytest.mark.parametrize(("value", "result", "lines"), [("on", "fail", [1]), ("off", "pass", [])])
def test_the_gate_of_the_documentation(tmp_path: Path, value: str, result: str, lines: list[int]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "gates").mkdir()
    (tmp_path / "gates/no_gzip.py").write_text(code, encoding="utf-8")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/nginx.conf").write_text(f"http {{ gzip {value}; }}\n", encoding="utf-8")
    (gate,) = [each for each in find_gates(tmp_path / "gates") if each.name == "no_gzip"]
    release = Release("a" * 64, tmp_path)
    verdict = gate.run(Subject(["web1"], GateOptions(), release=release, config=parse_tree(tmp_path / "tree")))
    assert (verdict.result, [finding.line for finding in verdict.findings]) == (result, lines)
