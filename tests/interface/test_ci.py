"""The workflows of examples/repository are valid by their services' schemas, safe, and name only what is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[2]
REPOSITORY = PROJECT / "examples/repository"
CI = REPOSITORY / "ci"
GITHUB = REPOSITORY / ".github/workflows"
WORKFLOWS = sorted(GITHUB.glob("*.yml"))
DOCUMENT = (PROJECT / "docs/ci.md").read_text(encoding="utf-8")


def _tool(name: str, *arguments: str | Path) -> str:
    """Run a program of the virtual environment; what it prints is the message when it fails."""
    command = [str(Path(sys.executable).with_name(name)), *map(str, arguments)]
    done = subprocess.run(command, cwd=PROJECT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _read(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)


class _Loader(yaml.SafeLoader):
    """Reads Ansible's ``!unsafe`` as the text that it is, and ``on`` as the word that GitHub means."""


def _text(_: yaml.SafeLoader, node: yaml.ScalarNode) -> str:
    return str(node.value)


_Loader.add_constructor("!unsafe", _text)
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if first not in "oO" or tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in _read(path)["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize(
    ("schema", "options", "path"),
    [
        *(("vendor.github-workflows", (), path) for path in WORKFLOWS),
        ("vendor.gitlab-ci", ("--data-transform", "gitlab-ci"), REPOSITORY / ".gitlab-ci.yml"),
    ],
    ids=lambda value: value.name if isinstance(value, Path) else "",
)
def test_a_file_is_valid_by_the_schema_of_its_service(schema: str, options: tuple[str, ...], path: Path) -> None:
    _tool("check-jsonschema", "--builtin-schema", schema, *options, path)


def test_the_workflows_have_no_weakness_that_zizmor_knows() -> None:
    _tool("zizmor", "--offline", "--no-progress", "--persona", "auditor", *WORKFLOWS)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_to_commits_and_say_their_version(path: Path) -> None:
    uses = re.findall(r"uses: (.+)", path.read_text(encoding="utf-8"))
    assert uses
    assert [each for each in uses if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each)] == []


def test_a_pull_request_has_no_secret_and_a_deployment_only_those_of_its_environment() -> None:
    gate, deploy = GITHUB / "gate.yml", GITHUB / "deploy.yml"
    assert "secrets." not in gate.read_text(encoding="utf-8")
    assert "pull_request_target" not in _read(gate)["on"]
    (job,) = _read(deploy)["jobs"].values()
    assert job["environment"] == "production"
    assert _read(deploy)["concurrency"] == {"group": "production", "cancel-in-progress": False}
    having = [step["name"] for step in job["steps"] if "secrets." in str(step)]
    assert having == ["Serve it everywhere, or nowhere"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_the_record_is_kept_whatever_came_before(path: Path) -> None:
    kept = [step for step in _steps(path) if step["name"] in ("Keep record", "Take record")]
    assert len(kept) == 2
    assert {step["if"] for step in kept} <= {"${{ always() }}", "${{ !cancelled() }}"}


def test_gitlab_deploys_one_at_a_time_and_keeps_the_record_of_a_failure() -> None:
    pipeline = _read(REPOSITORY / ".gitlab-ci.yml")
    assert pipeline["deploy"]["resource_group"] == "production"
    assert pipeline["deploy"]["environment"]["name"] == "production"
    assert (pipeline[".sluice"]["artifacts"]["when"], pipeline[".sluice"]["after_script"]) == (
        "always",
        [".venv/bin/python ci/record.py record"],
    )


def test_the_execution_environment_is_valid_and_brings_the_pinned_version(tmp_path: Path) -> None:
    definition = CI / "awx/execution-environment.yml"
    _tool(
        "ansible-builder", "create", "--file", definition, "--context", tmp_path, "--output-filename", "Containerfile"
    )
    pinned = (REPOSITORY / "requirements.txt").read_bytes()
    assert (tmp_path / "_build/sluice/requirements.txt").read_bytes() == pinned
    built = (tmp_path / "Containerfile").read_text(encoding="utf-8")
    assert "pip install --no-cache-dir --requirement /usr/share/sluice/requirements.txt" in built
    wanted = _read(definition)["dependencies"]["ansible_core"]["package_pip"]
    assert wanted in (PROJECT / "requirements.txt").read_text(encoding="utf-8").splitlines()


def _controller() -> tuple[dict[str, Any], list[tuple[str, dict[str, Any]]]]:
    """The variables of AWX's playbook, and its modules with their options."""
    (play,) = _read(CI / "awx/controller.yml")
    return play["vars"], [
        (name.rpartition(".")[2], options) for task in play["tasks"] for name, options in task.items() if name != "name"
    ]


def test_the_survey_asks_for_variables_of_roles_with_their_defaults() -> None:
    variables, _ = _controller()
    defaults = _read(PROJECT / "roles/rollout/defaults/main.yml")
    questions = [variables["awx_waves"], variables["awx_emergency"]]
    assert {question["variable"]: question["default"] for question in questions} == {
        "rollout_waves": ",".join(map(str, defaults["rollout_waves"])),
        "rollout_emergency": defaults["rollout_emergency"],
    }


def test_the_job_templates_run_playbooks_that_are_there_with_what_was_made_before() -> None:
    _, tasks = _controller()
    kinds = ("execution_environment", "instance_group", "project", "inventory")
    made = {module for module, _ in tasks[: [module for module, _ in tasks].index("job_template")]}
    assert made >= set(kinds)
    templates = [options for module, options in tasks if module == "job_template"]
    assert [template["name"] for template in templates] == ["Sluice gates", "Sluice deploy"]
    names = {options["name"] for module, options in tasks if module in kinds}
    for template in templates:
        assert (REPOSITORY / template["playbook"]).is_file()
        assert {template["project"], template["inventory"], *template["instance_groups"]} <= names


def test_the_workflow_goes_from_the_gates_over_an_approval_to_the_deployment() -> None:
    _, tasks = _controller()
    (workflow,) = [options for module, options in tasks if module == "workflow_job_template"]
    nodes = {node["identifier"]: node for node in workflow["workflow_nodes"]}
    way = []
    identifier = "gates"
    while identifier:
        way.append(
            (nodes[identifier]["unified_job_template"]["type"], nodes[identifier]["unified_job_template"]["name"])
        )
        # On success alone, so nothing that failed goes on.
        related = nodes[identifier].get("related", {})
        assert set(related) <= {"success_nodes"}
        identifier = next((each["identifier"] for each in related.get("success_nodes", [])), "")
    assert way == [
        ("job_template", "Sluice gates"),
        ("workflow_approval", "Check that release may ship"),
        ("job_template", "Sluice deploy"),
    ]


def test_the_jobs_engine_answers_to_the_pod_alone_and_the_record_outlives_it() -> None:
    pod = _read(CI / "awx/pod.yml")["spec"]
    worker, engine = pod["containers"]
    (host,) = [each["value"] for each in worker["env"] if each["name"] == "DOCKER_HOST"]
    assert host == "tcp://127.0.0.1:2375"
    assert f"--host={host}" in engine["args"]
    (mounted,) = worker["volumeMounts"]
    assert mounted["mountPath"] == "/runner/project/.sluice"
    assert [volume["name"] for volume in pod["volumes"] if "persistentVolumeClaim" in volume] == [mounted["name"]]


@pytest.mark.parametrize(
    "name", ["SLUICE_SSH_KEY", "SLUICE_SIGNING_KEY", "SLUICE_KNOWN_HOSTS", "SLUICE_VAULT_PASSWORD"]
)
def test_every_key_has_a_place_in_each_service_and_in_the_documentation(name: str) -> None:
    assert name in (CI / "with-keys").read_text(encoding="utf-8")
    assert f"secrets.{name}" in (GITHUB / "deploy.yml").read_text(encoding="utf-8")
    assert name in DOCUMENT


def test_the_documentation_names_files_that_are_there() -> None:
    files = [path for path in (*CI.rglob("*"), *WORKFLOWS, REPOSITORY / ".gitlab-ci.yml") if path.is_file()]
    assert [str(path) for path in files if f"`{path.relative_to(REPOSITORY)}`" not in DOCUMENT] == []


def test_upgrading_is_changing_one_line() -> None:
    version = yaml.safe_load((PROJECT / "galaxy.yml").read_text(encoding="utf-8"))["version"]
    assert (REPOSITORY / "requirements.txt").read_text(encoding="utf-8") == f"sluice-nginx=={version}\n"
    others = [path for path in REPOSITORY.rglob("*") if path.is_file() and path.name != "requirements.txt"]
    assert [str(path) for path in others if f"=={version}" in path.read_text(encoding="utf-8")] == []
