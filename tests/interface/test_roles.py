"""Roles have the same files, and their argument specs and defaults say the same."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.generate import generated, passed_on, stale

ROLES = sorted(path for path in (Path(__file__).resolve().parents[2] / "roles").iterdir() if path.is_dir())
FILES = ("README.md", "defaults/main.yml", "meta/main.yml", "meta/argument_specs.yml", "tasks/main.yml")

# A variable of a role, in a template or a condition.
_VARIABLE = re.compile(rf"\b(?:{'|'.join(role.name for role in ROLES)})_[a-z_]+\b")
# One key and one name serve both roles, unless they are set: a default that works without the other role, too.
_SHARED = {"rollout_signing_key": "gates_signing_key", "rollout_inventory": "gates_inventory"}

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


def _read(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield each variable of a role that YAML reads, with the key above it."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _read(inner, str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from _read(inner, key)
    elif isinstance(value, str) and ("{{" in value or key in ("when", "until", "changed_when", "failed_when", "loop")):
        yield from ((key, name) for name in _VARIABLE.findall(value))


@each_role
def test_a_role_reads_no_variable_of_another(role: Path) -> None:
    files = [path for folder in ("tasks", "defaults", "vars") for path in (role / folder).glob("*.yml")]
    read = [each for path in files for each in _read(yaml.safe_load(path.read_text(encoding="utf-8")))]
    for path in (role / "templates").glob("*.j2"):
        blocks = re.findall(r"\{[{%].*?[%}]\}", path.read_text(encoding="utf-8"), re.DOTALL)
        read += [(path.name, name) for block in blocks for name in _VARIABLE.findall(block)]
    foreign = [(key, name) for key, name in read if not name.startswith(f"{role.name}_")]
    assert [(key, name) for key, name in foreign if _SHARED.get(key) != name] == []
    assert read


def test_what_is_generated_is_up_to_date() -> None:
    assert generated()
    assert [str(path) for path in stale()] == [], "run `make generate`, and commit what it writes"


@each_role
def test_the_readme_names_every_entry_point_that_a_playbook_uses(role: Path) -> None:
    plays = "\n".join(path.read_text(encoding="utf-8") for path in (role.parents[1] / "playbooks").glob("*.yml"))
    used = set(re.findall(rf"name: sluice\.nginx\.{role.name}\n\s+tasks_from: (\w+)", plays))
    readme = (role / "README.md").read_text(encoding="utf-8")
    assert [name for name in sorted(used) if f"| `{name}` |" not in readme] == []


@each_role
def test_the_readme_has_the_table_of_variables(role: Path) -> None:
    assert "<!-- variables -->\n| variable |" in (role / "README.md").read_text(encoding="utf-8")


PASSED = [(role, *each) for role in ROLES for each in passed_on(role) if each[2] in _options(role)]


@pytest.mark.parametrize(("role", "module", "option", "variable"), PASSED, ids=[each[-1] for each in PASSED])
def test_a_variable_is_what_the_module_takes(role: Path, module: str, option: str, variable: str) -> None:
    action = importlib.import_module(f"ansible_collections.sluice.nginx.plugins.action.{module}")
    taken, given = action.ActionModule.argument_spec()[option], _options(role)[variable]
    assert taken["type"] in (given["type"], "raw")
    assert given.get("choices") in (taken.get("choices", given.get("choices")), None)
    if "default" in taken and taken["default"] and not str(given["default"]).startswith("{{"):
        assert given["default"] == taken["default"]
