"""No file grows until a second thing has moved in."""

from __future__ import annotations

from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
FOLDERS = ("plugins", "inventories", "molecule", "playbooks", "roles", "scripts", "tests")
SUFFIXES = ("", ".conf", ".j2", ".php", ".py", ".sh", ".yml")
# The reference of a role's variables is one file, and a test may be a long table.
MOST_LINES = {"argument_specs.yml": 1000, "tests": 650}


def _limit(path: Path) -> int:
    return MOST_LINES.get(path.name) or MOST_LINES.get(path.relative_to(PROJECT).parts[0], 400)


@pytest.mark.parametrize("folder", FOLDERS)
def test_files_stay_small(folder: str) -> None:
    files = [
        path
        for path in (PROJECT / folder).rglob("*")
        # Seeds of fuzzers are whatever once broke something.
        if path.is_file()
        and path.suffix in SUFFIXES
        and not any(part.startswith((".", "seeds")) for part in path.parts)
    ]
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert files
    assert {str(path): found for path, found in lines.items() if found > _limit(path)} == {}
