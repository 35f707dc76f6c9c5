"""A repository that has nothing of this one: the collection is installed there, tests its files, and deploys them.

The commands are those of docs/install.md and of the example's README.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.staging.containers import remove
from ansible_collections.sluice.nginx.plugins.module_utils.staging.labels import project_label
from tests.commands import Ended
from tests.integration.installed import commands, environment_of, fresh_environment, shell

pytestmark = pytest.mark.integration

COLLECTION = "ansible_collections/sluice/nginx"
KINDS = {"module": "modules/*.py", "filter": "filter/*.yml", "callback": "callback/*.py"}


class Repository:
    """An empty git repository of a person whose home is empty, too."""

    def __init__(self, project: Path, folder: Path, home: Path, dist: Path) -> None:
        self.project, self.home = project, home
        self.root = folder / "repository"
        subprocess.run(["git", "init", "--quiet", str(self.root)], check=True)
        # The commands of the page bring pip.
        fresh_environment(self.root / ".venv", "--without-pip")
        self.environment = environment_of(self.home, dist)

    def do(self, command: str) -> Ended:
        done = shell(command, self.root, self.environment)
        assert done.code == 0, f"{command}\n{done.output}"
        return done

    def play(self, name: str, *arguments: str) -> Ended:
        return shell(
            f".venv/bin/ansible-playbook sluice.nginx.{name} {' '.join(arguments)}", self.root, self.environment
        )

    def documented(self, installed: Path) -> None:
        """Assert that ``ansible-doc`` shows all that is in the collection, as installed."""
        for kind, pattern in KINDS.items():
            names = {f"sluice.nginx.{path.stem}" for path in (self.project / "plugins").glob(pattern)}
            shown = json.loads(self.do(f".venv/bin/ansible-doc --type {kind} --json {' '.join(sorted(names))}").output)
            assert set(shown) == names
            assert all(str(installed) in entry["doc"]["filename"] for entry in shown.values())
        roles = json.loads(self.do(".venv/bin/ansible-doc --type role --list --json sluice.nginx").output)
        assert set(roles) == {f"sluice.nginx.{path.name}" for path in (self.project / "roles").iterdir()}

    def states(self) -> set[Path]:
        return {*self.root.parent.rglob(".sluice"), *self.home.rglob(".sluice")}


@pytest.fixture
def repository(project: Path, dist: Path, tmp_path: Path, engine: docker.DockerClient) -> Iterator[Repository]:
    # SSH keeps sockets below a home, whose paths must be short.
    with tempfile.TemporaryDirectory(prefix="home-") as home:
        made = Repository(project, tmp_path, Path(home), dist)
        yield made
    mine: dict[str, Any] = {"label": f"sluice.project={project_label(made.root)}"}
    remove(engine.containers.list(all=True, filters=mine, ignore_removed=True))
    for network in engine.networks.list(filters=mine):
        network.remove()
    for image in engine.images.list(filters=mine):
        engine.images.remove(str(image.id), force=True)


def test_the_artifact_is_installed_into_an_empty_home(repository: Repository, project: Path, dist: Path) -> None:
    (repository.root / "CLONE").mkdir()
    (repository.root / "CLONE/dist").symlink_to(dist)
    for command in commands(project / "docs/install.md", 1):
        repository.do(command)
    installed = repository.home / ".ansible/collections" / COLLECTION
    repository.documented(installed)
    repository.do(f"cp -r {installed}/examples/repository/. .")
    done = repository.play("gate", "-e gates_probe=false")
    assert done.code == 0, done.output
    assert re.search(r"^smoke +pass", done.output, re.MULTILINE), done.output
    assert repository.states() == {repository.root / ".sluice"}


def test_the_wheel_tests_files_and_deploys_them_from_an_empty_repository(
    repository: Repository, project: Path, engine: docker.DockerClient
) -> None:
    outputs = [repository.do(command).output for command in commands(project / "docs/install.md", 0)]
    assert re.search(r"^smoke +pass +[\d.]+ s +2 checks hold", outputs[-1], re.MULTILINE), outputs[-1]
    (site,) = repository.root.glob(f".venv/lib/python3*/site-packages/{COLLECTION}")
    repository.documented(site)

    started = repository.play("sandbox")
    assert started.code == 0, started.output
    deployed = repository.play("deploy", "-e rollout_bake=1")
    assert deployed.code == 0, deployed.output
    assert "2 hosts switched and confirmed" in deployed.output
    hosts = json.loads((repository.root / ".sluice/fleets/sandbox/fleet.json").read_text())
    ask = "import urllib.request as r; q = r.Request('http://127.0.0.1/', headers={'Host': 'www.example.org'})"
    for host in hosts.values():
        command = ["python3", "-c", f"{ask}; print(r.urlopen(q).read().decode())"]
        answer: Any = engine.containers.get(host["container"]).exec_run(command)
        assert (answer.exit_code, answer.output.decode().strip()) == (0, "It works")

    assert repository.states() == {repository.root / ".sluice"}
    untracked = {line.split()[1] for line in repository.do("git status --porcelain").output.splitlines()}
    example = {path.name + "/" * path.is_dir() for path in (project / "examples/repository").iterdir()}
    assert untracked == example
