"""The collection declares what it needs, and its artifact and its wheel hold the same: all that users need, no more."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.parser import Parser
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).resolve().parents[2]
GALAXY = yaml.safe_load((PROJECT / "galaxy.yml").read_text(encoding="utf-8"))
IN_WHEEL = "ansible_collections/sluice/nginx/"
TOP = {
    *("CONTRIBUTING.md", "LICENSE", "README.md", "SECURITY.md", "bindep.txt", "requirements.txt"),
    *("changelogs", "docs", "examples", "meta", "playbooks", "plugins", "roles"),
}
# The files that users give to the gate verify import it; the collection does not.
FOR_USERS = {"pytest-testinfra"}


def _requirements() -> dict[str, Requirement]:
    lines = (PROJECT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    found = [Requirement(line) for line in lines if not line.startswith("#")]
    return {canonicalize_name(each.name): each for each in found}


def _imported() -> set[str]:
    """Return the packages, by the names of their distributions, that plugins import."""
    names = set()
    for path in (PROJECT / "plugins").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names.add(node.module.partition(".")[0])
    known = packages_distributions()
    others = {name for name in names if name not in sys.stdlib_module_names and not name.startswith("_")}
    return {canonicalize_name(known[name][0]) for name in others - {"ansible_collections"}}


def test_requirements_are_what_plugins_import() -> None:
    assert _imported() == set(_requirements()) - FOR_USERS


def test_requirements_have_bounds_that_hold_the_tested_version() -> None:
    lock = (PROJECT / "requirements.lock").read_text(encoding="utf-8")
    tested = {
        str(canonicalize_name(name)): version for name, version in re.findall(r"^(\S+)==(\S+)", lock, re.MULTILINE)
    }
    for name, requirement in _requirements().items():
        assert {each.operator for each in requirement.specifier} == {">=", "<"}, name
        assert requirement.specifier.contains(tested[name]), name


def test_an_execution_environment_gets_what_the_collection_declares() -> None:
    declared = yaml.safe_load((PROJECT / "meta/execution-environment.yml").read_text(encoding="utf-8"))
    assert declared["dependencies"] == {"python": "requirements.txt", "system": "bindep.txt"}
    assert "openssh-client " in (PROJECT / "bindep.txt").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build both, and return their folder."""
    folder = tmp_path_factory.mktemp("dist")
    done = subprocess.run([PROJECT / "scripts/dist", folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def artifact(built: Path) -> set[str]:
    with tarfile.open(built / f"sluice-nginx-{GALAXY['version']}.tar.gz") as archive:
        return {each.name for each in archive if each.isfile()} - {"MANIFEST.json", "FILES.json"}


@pytest.fixture(scope="module")
def wheel(built: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(built / f"sluice_nginx-{GALAXY['version']}-py3-none-any.whl")


def test_the_artifact_holds_what_users_need_and_nothing_else(artifact: set[str]) -> None:
    assert {name.partition("/")[0] for name in artifact} == TOP
    assert [name for name in artifact if "__pycache__" in name or name.endswith(".pyc")] == []


def test_each_tracked_file_of_these_folders_is_in_the_artifact(artifact: set[str]) -> None:
    listed = subprocess.run(["git", "ls-files", *TOP], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert set(listed.stdout.splitlines()) <= artifact


def test_links_of_the_readme_lead_somewhere_in_the_artifact(artifact: set[str]) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", (PROJECT / "README.md").read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not any(f"{name}/".startswith(f"{link.rstrip('/')}/") for name in artifact)] == []


def test_the_wheel_holds_the_artifact(artifact: set[str], wheel: zipfile.ZipFile) -> None:
    inside = {name.removeprefix(IN_WHEEL) for name in wheel.namelist() if name.startswith(IN_WHEEL)}
    assert inside == artifact | {"galaxy.yml"}


def test_the_wheel_declares_version_and_requirements(wheel: zipfile.ZipFile) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    metadata = Parser().parsestr(wheel.read(name).decode())
    assert metadata["Version"] == GALAXY["version"]
    declared = [Requirement(each) for each in metadata.get_all("Requires-Dist") or []]
    assert {canonicalize_name(each.name): each.specifier for each in declared} == {
        name: each.specifier for name, each in _requirements().items()
    }


def test_the_description_of_the_project_is_that_of_the_collection() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert GALAXY["description"].startswith(project["description"])
