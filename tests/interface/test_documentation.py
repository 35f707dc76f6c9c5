"""What the collection documents is what it does, and ``ansible-doc`` shows all of it."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.notify.model import EVENTS
from ansible_collections.sluice.nginx.plugins.module_utils.platforms.catalog import releases, sources

PROJECT = Path(__file__).resolve().parents[2]
PLUGINS = PROJECT / "plugins"
ACTIONS = sorted(path.stem for path in (PLUGINS / "action").glob("*.py"))
ROLES = sorted(f"sluice.nginx.{path.name}" for path in (PROJECT / "roles").iterdir() if path.is_dir())
NAMES = {
    "module": [f"sluice.nginx.{path.stem}" for path in (PLUGINS / "modules").glob("*.py")],
    "filter": [f"sluice.nginx.{path.stem}" for path in (PLUGINS / "filter").glob("*.yml")],
    "callback": [f"sluice.nginx.{path.stem}" for path in (PLUGINS / "callback").glob("*.py")],
    "role": ROLES,
}


def _documented(kind: str) -> dict[str, Any]:
    command = [str(Path(sys.executable).parent / "ansible-doc"), "--type", kind, "--json"]
    done = subprocess.run([*command, *NAMES[kind]], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return dict(json.loads(done.stdout))


@pytest.fixture(scope="module")
def modules() -> dict[str, Any]:
    return _documented("module")


@pytest.mark.parametrize("kind", NAMES)
def test_ansible_doc_shows_everything(kind: str) -> None:
    shown = _documented(kind)
    assert sorted(shown) == sorted(NAMES[kind])
    for name, entry in shown.items():
        text = entry["entry_points"]["main"] if kind == "role" else entry["doc"]
        assert text["short_description"], name


def test_every_filter_that_exists_is_documented() -> None:
    package = "ansible_collections.sluice.nginx.plugins.filter"
    names = {
        name
        for path in (PLUGINS / "filter").glob("*.py")
        for name in importlib.import_module(f"{package}.{path.stem}").FilterModule().filters()
    }
    assert {f"sluice.nginx.{name}" for name in names} == set(NAMES["filter"])


def test_every_action_has_a_module_that_documents_it_and_the_reverse() -> None:
    assert {f"sluice.nginx.{name}" for name in ACTIONS} == set(NAMES["module"])


@pytest.mark.parametrize("name", ACTIONS)
def test_a_module_has_examples_and_says_what_it_returns(modules: dict[str, Any], name: str) -> None:
    entry = modules[f"sluice.nginx.{name}"]
    assert f"sluice.nginx.{name}:" in entry["examples"]
    assert entry["return"]
    assert set(entry["doc"]["attributes"]) >= {"check_mode", "diff_mode"}
    assert "requirements.txt" in " ".join(entry["doc"]["requirements"])


def _read(name: str) -> set[str]:
    """The options that the code of an action reads, as ``options["run"]``."""
    tree = ast.parse((PLUGINS / f"action/{name}.py").read_text(encoding="utf-8"))
    return {
        str(node.slice.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript)
        and isinstance(node.slice, ast.Constant)
        and ast.unparse(node.value) in ("options", "self._options")
    }


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_reads_only_options_that_are_documented(modules: dict[str, Any], name: str) -> None:
    assert _read(name) - set(modules[f"sluice.nginx.{name}"]["doc"].get("options", {})) == set()


@pytest.mark.parametrize("name", ACTIONS)
def test_the_argument_spec_of_an_action_is_what_is_documented(modules: dict[str, Any], name: str) -> None:
    module = importlib.import_module(f"ansible_collections.sluice.nginx.plugins.action.{name}")
    documented = modules[f"sluice.nginx.{name}"]["doc"].get("options", {})
    assert {option: spec.get("type") for option, spec in module.ActionModule.argument_spec().items()} == {
        option: spec["type"] for option, spec in documented.items()
    }


@pytest.mark.parametrize(
    ("name", "option", "key", "known"),
    [
        ("staging_image", "platform", "choices", ["auto", *releases()]),
        ("staging_image", "nginx", "choices", sources()),
        ("notify", "events", "default", list(EVENTS)),
    ],
)
def test_what_is_documented_is_what_the_code_knows(
    modules: dict[str, Any], name: str, option: str, key: str, known: list[str]
) -> None:
    assert modules[f"sluice.nginx.{name}"]["doc"]["options"][option][key] == known
