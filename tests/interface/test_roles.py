"""Roles have the same files, and their argument specs and defaults say the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

ROLES = sorted(path for path in (Path(__file__).resolve().parents[2] / "roles").iterdir() if path.is_dir())
FILES = ("README.md", "defaults/main.yml", "meta/main.yml", "meta/argument_specs.yml", "tasks/main.yml")

pytestmark = pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)


def _options(role: Path) -> dict[str, dict[str, Any]]:
    entries = yaml.safe_load((role / "meta/argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]
    return {name: option for entry in entries.values() for name, option in entry.get("options", {}).items()}


def _defaults(role: Path) -> dict[str, Any]:
    return dict(yaml.safe_load((role / "defaults/main.yml").read_text(encoding="utf-8")) or {})


@pytest.mark.parametrize("name", FILES)
def test_a_role_has_the_files_that_all_roles_have(role: Path, name: str) -> None:
    assert (role / name).read_text(encoding="utf-8").strip()


def test_defaults_are_those_of_the_argument_spec(role: Path) -> None:
    documented = {name: option["default"] for name, option in _options(role).items() if "default" in option}
    assert _defaults(role) == documented


def test_an_option_without_default_is_required(role: Path) -> None:
    without = [name for name, option in _options(role).items() if "default" not in option]
    assert [name for name in without if not _options(role)[name].get("required")] == []


def test_variables_begin_with_the_name_of_the_role_and_are_described(role: Path) -> None:
    options = _options(role)
    assert [name for name in options if not name.startswith(f"{role.name}_")] == []
    assert [name for name, option in options.items() if not option.get("description")] == []


def test_the_readme_names_every_variable(role: Path) -> None:
    readme = (role / "README.md").read_text(encoding="utf-8")
    assert [name for name in _options(role) if name not in readme] == []
