"""The packages of the core stand on each other, and none on itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins import module_utils

CORE = Path(next(iter(module_utils.__path__)))


def imported(path: Path, core: Path) -> Iterator[str]:
    """Yield the packages of the core, and the modules beside them, that a file imports, also for types alone."""
    where = path.relative_to(core).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            parts = [*where[: len(where) - node.level + 1], *(node.module or "").split(".")]
            named = [part for part in parts if part][:1]
            yield from named or [alias.name for alias in node.names]


def packages(core: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path in core.rglob("*.py"):
        package = path.relative_to(core).with_suffix("").parts[0]
        found.setdefault(package, set()).update(set(imported(path, core)) - {package})
    return found


def test_no_package_stands_on_one_that_stands_on_it() -> None:
    graph = packages(CORE)
    assert {"record", "redactor", "textfmt"} <= graph["reports"]
    assert len(list(TopologicalSorter(graph).static_order())) >= len(graph)


def test_a_circle_is_seen(tmp_path: Path) -> None:
    for package, line in {"fleet": "from ..record.model import a", "record": "from .. import fleet"}.items():
        (tmp_path / package).mkdir()
        (tmp_path / package / "model.py").write_text(line)
    with pytest.raises(CycleError):
        TopologicalSorter(packages(tmp_path)).prepare()
