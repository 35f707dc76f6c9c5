"""Roles have the same files, and their argument specs and defaults say the same."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.generate import TABLES, generated, stale

ROLES = sorted(path for path in (Path(__file__).resolve().parents[2] / "roles").iterdir() if path.is_dir())
FILES = ("README.md", "defaults/main.yml", "meta/main.yml", "meta/argument_specs.yml", "tasks/main.yml")

each_role = pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)


def _options(role: Path) -> dict[str, dict[str, Any]]:
    entries = yaml.safe_load((role / "meta/argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]
    return {name: option for entry in entries.values() for name, option in entry.get("options", {}).items()}


def _defaults(role: Path) -> dict[str, Any]:
    return dict(yaml.safe_load((role / "defaults/main.yml").read_text(encoding="utf-8")) or {})


@each_role
@pytest.mark.parametrize("name", FILES)
def test_a_role_has_the_files_that_all_roles_have(role: Path, name: str) -> None:
    assert (role / name).read_text(encoding="utf-8").strip()


@each_role
def test_defaults_are_those_of_the_argument_spec(role: Path) -> None:
    documented = {name: option["default"] for name, option in _options(role).items() if "default" in option}
    assert _defaults(role) == documented


@each_role
def test_an_option_without_default_is_required(role: Path) -> None:
    without = [name for name, option in _options(role).items() if "default" not in option]
    assert [name for name in without if not _options(role)[name].get("required")] == []


@each_role
def test_variables_begin_with_the_name_of_the_role_and_are_described(role: Path) -> None:
    options = _options(role)
    assert [name for name in options if not name.startswith(f"{role.name}_")] == []
    assert [name for name, option in options.items() if not option.get("description")] == []


@each_role
def test_the_readme_names_every_variable(role: Path) -> None:
    readme = (role / "README.md").read_text(encoding="utf-8")
    assert [name for name in _options(role) if name not in readme] == []


def test_what_is_generated_is_up_to_date() -> None:
    assert generated()
    assert [str(path) for path in stale()] == [], "run `make generate`, and commit what it writes"


@each_role
def test_the_readme_has_the_table_of_variables(role: Path) -> None:
    assert "<!-- variables -->\n| variable |" in (role / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("role", "variable", "table"),
    [("gates", "gates_accept", "Acceptance"), ("staging", "staging_services", "ServiceRow")],
)
def test_the_keys_of_a_row_are_those_that_its_model_declares(role: str, variable: str, table: str) -> None:
    (path,) = [each for each in ROLES if each.name == role]
    assert _options(path)[variable]["options"] == TABLES[table]


def _passed(role: Path) -> Iterator[tuple[str, str, str]]:
    """Which variables of the role its tasks pass on as they are: module, option, variable."""
    for path in sorted((role / "tasks").glob("*.yml")):
        for task in yaml.safe_load(path.read_text(encoding="utf-8")):
            for module, arguments in task.items():
                if module.startswith("sluice.nginx.") and isinstance(arguments, dict):
                    for option, value in arguments.items():
                        variable = re.fullmatch(rf"{{{{ ({role.name}_\w+) }}}}", str(value))
                        if variable:
                            yield module.rpartition(".")[2], option, variable[1]


PASSED = [(role, *each) for role in ROLES for each in _passed(role)]


@pytest.mark.parametrize(("role", "module", "option", "variable"), PASSED, ids=[each[-1] for each in PASSED])
def test_a_variable_is_what_the_module_takes(role: Path, module: str, option: str, variable: str) -> None:
    action = importlib.import_module(f"ansible_collections.sluice.nginx.plugins.action.{module}")
    taken, given = action.ActionModule.argument_spec()[option], _options(role).get(variable)
    if given is None:
        pytest.skip("it is no variable of the role, but a result")
    assert taken["type"] in (given["type"], "raw")
    assert given.get("choices") in (taken.get("choices", given.get("choices")), None)
    if "default" in taken and taken["default"] and not str(given["default"]).startswith("{{"):
        assert given["default"] == taken["default"]
