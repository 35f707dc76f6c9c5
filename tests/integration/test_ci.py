"""The workflows of examples/repository, command by command, from fresh clones of a repository that a team would have.

The repository has one host in production, a container, and a password that only the vault's opens. The keys are
given as the services give them. The tests run in the order of this file: what is merged stays merged.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any

import docker
import pytest
import yaml

from tests.integration.ci_services import Ran, awx, git, github, gitlab
from tests.integration.installed import fresh_environment
from tests.integration.sandboxes import sandbox

pytestmark = pytest.mark.integration

SITE = "files/nginx/conf.d/www.conf"
KEYS = ("SLUICE_SSH_KEY", "SLUICE_SIGNING_KEY", "SLUICE_KNOWN_HOSTS", "SLUICE_VAULT_PASSWORD")


def site(word: str) -> str:
    return f"server {{\n    listen 80;\n    server_name shop.example;\n    return 200 '{word}';\n}}\n"


class Team:
    """The team's repository, its host and its keys."""

    def __init__(self, project: Path, folder: Path, container: Any, port: int, key: Path, environment: Path) -> None:
        self.project, self.folder, self.container, self.environment = project, folder, container, environment
        self.origin = folder / "origin"
        self.clones = 0
        self.key, self.signing, self.known = key, folder / ".ssh/sluice", folder / "known_hosts"
        scanned = subprocess.run(
            ["ssh-keyscan", "-p", str(port), "127.0.0.1"], capture_output=True, text=True, check=True
        )
        self.known.write_text(scanned.stdout)
        self.vault = folder / "vault"
        self.vault.write_text(token_hex() + "\n")
        self._lay_out(port)

    def _lay_out(self, port: int) -> None:
        """Make the repository: the example, with its one host, and what docs/ci.md says of the signing key."""
        shutil.copytree(self.project / "examples/repository", self.origin)
        self._set_up()
        host = {"ansible_host": "127.0.0.1", "ansible_port": port}
        production = {"web": {"hosts": {"web1": host}, "vars": {"gates_inventory": "production"}}}
        sandbox = yaml.safe_load((self.project / "inventories/sandbox/group_vars/all.yml").read_text())
        settings = {
            "ansible_user": "root",
            "ansible_become": True,
            "staging_platform": sandbox["staging_platform"],
            "staging_packages": sandbox["staging_packages"],
            "nginx_tree": "files/nginx",
            "nginx_checks": [{"get": "http://shop.example/", "expect": {"body": "Welcome"}}],
            "rollout_bake": 0.2,
            # Whose line it is takes a while, and is told elsewhere.
            "gates_culprit": False,
        }
        (self.origin / "inventory/production.yml").write_text(yaml.safe_dump(production))
        (self.origin / "inventory/group_vars/web.yml").write_text(yaml.safe_dump(settings))
        with (self.origin / "deployment.yml").open("a") as stream:
            stream.write(self._sealed("ansible_become_password", "for sudo"))
        (self.origin / SITE).write_text(site("Welcome"))
        git(self.origin, "init", "--quiet")
        git(self.origin, "add", "--all")
        git(self.origin, "commit", "--quiet", "--message", "The shop")

    def _set_up(self) -> None:
        """Do what the documentation says that puts Sluice's files into a repository."""
        text = (self.project / "docs/ci.md").read_text()
        block = text.partition("## The signing key")[2].partition("```console\n")[2].partition("```")[0]
        commands = [line.removeprefix("$ ") for line in block.splitlines()]
        assert len(commands) == 2
        self.signing.parent.mkdir()
        environment = {**os.environ, "HOME": str(self.folder)}
        subprocess.run(["bash", "-ec", "\n".join(commands)], cwd=self.origin, env=environment, check=True)

    def _sealed(self, name: str, value: str) -> str:
        command = [str(Path(sys.executable).with_name("ansible-vault")), "encrypt_string", "--name", name, value]
        command += ["--vault-password-file", str(self.vault)]
        return subprocess.run(command, capture_output=True, text=True, check=True, cwd=self.folder).stdout + "\n"

    def change(self, branch: str, content: str) -> None:
        """Put another site onto a branch that begins at main."""
        git(self.origin, "checkout", "--quiet", "-B", branch, "main")
        (self.origin / SITE).write_text(content)
        git(self.origin, "commit", "--quiet", "--all", "--message", branch)
        git(self.origin, "checkout", "--quiet", "main")

    def merge(self, branch: str) -> None:
        git(self.origin, "merge", "--quiet", "--ff-only", branch)

    def clone(self, branch: str = "main") -> Path:
        """Clone it as a runner does. The virtual environment is there, with the version that is pinned."""
        self.clones += 1
        clone = self.folder / f"clone{self.clones}"
        git(self.folder, "clone", "--quiet", "--branch", branch, self.origin.as_uri(), str(clone))
        (clone / ".venv").symlink_to(self.environment)
        return clone

    def page(self) -> str:
        """What the host answers."""
        ask = "import urllib.request as r; q = r.Request('http://127.0.0.1/', headers={'Host': 'shop.example'})"
        code, output = self.container.exec_run(["python3", "-c", f"{ask}; print(r.urlopen(q).read().decode())"])
        assert code == 0, output.decode()
        return str(output.decode().strip())

    def pull_request(self, clone: Path, *, fork: bool) -> Ran:
        contexts = {
            "github.ref": "refs/pull/1/merge",
            "github.base_ref": "main",
            "github.event.pull_request.head.repo.fork": str(fork).lower(),
            "hashFiles('record/findings.sarif') != ''": str(True).lower(),
        }
        return github(clone / ".github/workflows/gate.yml", clone, contexts)

    def deployment(self, clone: Path, emergency: str = "") -> Ran:
        contents = (self.key, self.signing, self.known, self.vault)
        secrets = {f"secrets.{name}": path.read_text() for name, path in zip(KEYS, contents, strict=True)}
        inputs = {"inputs.playbook || 'sluice.nginx.deploy'": "sluice.nginx.deploy", "inputs.emergency": emergency}
        return github(clone / ".github/workflows/deploy.yml", clone, {**secrets, **inputs})


@pytest.fixture(scope="module")
def team(
    project: Path,
    engine: docker.DockerClient,
    dist: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Team]:
    name = "test-ci"
    with sandbox(project, engine, name, ["web1"]):
        host = json.loads((project / ".sluice/fleets" / name / "fleet.json").read_text())["web1"]
        container = engine.containers.get(host["container"])
        folder = tmp_path_factory.mktemp("ci")
        environment = fresh_environment(folder / "environment")
        (wheel,) = dist.glob("*.whl")
        subprocess.run([environment / "bin/pip", "install", "--quiet", "--no-index", wheel], check=True)
        yield Team(project, folder, container, host["ports"]["ssh"], project / ".sluice/sandbox_key", environment)


def record(clone: Path) -> dict[str, Any]:
    return dict(json.loads((clone / "record/run.json").read_text()))


def test_a_fork_with_a_fault_is_refused_and_the_line_is_annotated_without_any_secret(team: Team) -> None:
    team.change("fault", site("Welcome").replace("return 200", "retrun 200"))
    clone = team.clone("fault")
    ran = team.pull_request(clone, fork=True)
    assert not ran.passed, ran.output
    assert re.search(rf"^::error file={SITE},line=4,title=\w+::", ran.output, re.MULTILINE), ran.output
    assert 'unknown directive "retrun"' in ran.summary
    assert re.search(r"^syntax +FAIL", ran.summary, re.MULTILINE)
    # The token of a fork may not upload findings; all of them are in the record.
    assert "github/codeql-action/upload-sarif" not in ran.used
    assert ran.used["actions/upload-artifact"]["path"] == "record/"
    kept = {path.name for path in (clone / "record").iterdir()}
    assert kept >= {"run.json", "journal.jsonl", "gates.txt", "report.html", "junit.xml", "findings.sarif"}
    assert record(clone)["result"] == "stopped"


def test_a_merge_request_is_compared_with_its_branch_and_reported(team: Team) -> None:
    team.change("greeting", site("Welcome back"))
    clone = team.clone("greeting")
    ran = gitlab(clone / ".gitlab-ci.yml", "gates", clone, {"CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main"})
    assert ran.passed, ran.output
    tables = (clone / "record/gates.txt").read_text()
    assert re.search(r"^reload +pass .*(?<!there is no live release)$", tables, re.MULTILINE), tables
    assert "there is no live release" not in tables
    artifacts = ran.used["artifacts"]
    assert (artifacts["when"], artifacts["paths"]) == ("always", ["record/"])
    for path in artifacts["reports"].values():
        assert (clone / path).is_file(), path
    assert record(clone)["result"] == "passed"


def test_what_is_merged_is_deployed_signed_and_no_key_is_left(team: Team) -> None:
    team.merge("greeting")
    clone = team.clone()
    ran = team.deployment(clone)
    assert ran.passed, ran.output
    assert team.page() == "Welcome back"
    assert "1 host switched and confirmed" in ran.summary
    assert (record(clone)["result"], record(clone)["signed"]) == ("confirmed", True)
    assert ran.left == []
    secrets = [
        team.key.read_text().splitlines()[2],
        team.signing.read_text().splitlines()[2],
        team.vault.read_text().strip(),
    ]
    written = [path for path in clone.rglob("*") if path.is_file() and ".git" not in path.parts]
    assert [str(path) for path in written for secret in secrets if secret.encode() in path.read_bytes()] == []


def test_awx_gives_the_answers_of_its_survey_and_the_keys_as_files(team: Team) -> None:
    clone = team.clone()
    inputs = {"signing_key": team.signing.read_text().strip(), "known_hosts": team.known.read_text().strip()}
    arguments = ["--inventory", "inventory/production.yml", "--private-key", str(team.key)]
    ran = awx(clone / "ci/awx/controller.yml", "Sluice deploy", clone, inputs, arguments)
    assert ran.passed, ran.output
    assert "nothing to do on 1 host" in ran.output
    (written,) = (clone / ".sluice/runs").glob("*/run.json")
    assert json.loads(written.read_text())["signed"] is True


def test_an_emergency_goes_out_with_its_reason_as_it_was_typed(team: Team) -> None:
    unchecked = site("Hello").replace("shop.example", "other.example")
    team.change("burning", site("Welcome again") + unchecked)
    team.merge("burning")
    clone = team.clone()
    files = dict(zip(KEYS, map(str, (team.key, team.signing, team.known, team.vault)), strict=True))
    reason = 'it\'s "down": {{ 7 * 7 }}; $(id)'
    ran = gitlab(clone / ".gitlab-ci.yml", "deploy", clone, {**files, "EMERGENCY": reason})
    assert ran.passed, ran.output
    assert re.search(r"^coverage +FAIL", (clone / "record/gates.txt").read_text(), re.MULTILINE)
    assert (record(clone)["result"], team.page()) == ("confirmed", "Welcome again")
    assert record(clone)["emergency"]["reason"] == reason
