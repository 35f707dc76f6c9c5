"""What GitHub, GitLab and AWX do with a job, as far as the files of examples/repository go.

A job runs in a clone, with the environment of a runner and nothing else. What is unknown here is an error.
"""

from __future__ import annotations

import json
import os
import re
import string
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from ansible.parsing.dataloader import DataLoader

from tests.commands import run

__all__ = ["Ran", "awx", "git", "github", "gitlab"]

_EXPRESSION = re.compile(r"\$\{\{ (.+?) \}\}")
# These hold whatever came before, and in a job that nobody cancelled.
_WHATEVER_CAME_BEFORE = ("always()", "!cancelled()")
# The engine of this machine stands for the service of that name.
_ENGINE = ("DOCKER_HOST", "DOCKER_TLS_CERTDIR", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH")
_JOB_SECONDS = 600.0


class Ran(NamedTuple):
    """A job that ended: whether it passed, what it printed, and the temporary files that it left.

    ``used`` is what it gave to the actions that it used or, for GitLab, to ``artifacts``.
    """

    passed: bool
    output: str
    left: list[str]
    used: dict[str, dict[str, Any]]
    summary: str = ""


def git(folder: Path, *arguments: str) -> str:
    """Run git in ``folder`` as an author who needs no settings of this machine."""
    author = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *author, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def github(workflow: Path, clone: Path, contexts: Mapping[str, str]) -> Ran:
    """Run the one job of a workflow; ``contexts`` has a value for each expression that it may ask for."""
    document = _yaml(workflow.read_text(encoding="utf-8"))
    (job,) = document["jobs"].values()
    summary = clone.parent / f"{clone.name}-summary.md"
    passed, output = True, ""
    used: dict[str, dict[str, Any]] = {}
    with _environment(clone, GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(summary)) as runner:
        environment = runner | _filled(document.get("env", {}), contexts)
        for step in job["steps"]:
            if not _wanted(step.get("if", ""), contexts, passed):
                continue
            if "uses" in step:
                action, given = step["uses"].partition("@")[0], _filled(step.get("with", {}), contexts)
                used[action] = given
                if action == "actions/checkout" and "path" in given:
                    origin = git(clone, "remote", "get-url", "origin")
                    git(clone, "clone", "--quiet", "--branch", given["ref"], origin, given["path"])
                continue
            folder = clone / step.get("working-directory", ".")
            own = environment | _filled(step.get("env", {}), contexts)
            done = run(["bash", "-e", "-c", step["run"]], folder, own, _JOB_SECONDS)
            output += f"=== {step['name']}\n{done.output}"
            passed = passed and done.code == 0
        left = _left(runner)
    return Ran(passed, output, left, used, summary.read_text(encoding="utf-8") if summary.exists() else "")


def gitlab(pipeline: Path, name: str, clone: Path, variables: Mapping[str, str]) -> Ran:
    """Run a job of a pipeline; ``variables`` are those that GitLab and the project's settings bring."""
    document = _yaml(pipeline.read_text(encoding="utf-8"))
    job = document[name]
    while "extends" in job:
        job = _merged(document[job["extends"]], {key: value for key, value in job.items() if key != "extends"})
    with _environment(clone, GITLAB_CI="true", CI_PROJECT_DIR=str(clone), **variables) as environment:
        for variable, value in {**document["variables"], **job.get("variables", {})}.items():
            if variable not in (*_ENGINE, *variables):
                environment[variable] = string.Template(value).substitute(environment)
        script = "\n".join([*job["before_script"], *job["script"]])
        shell = ["bash", "-eo", "pipefail", "-c"]
        done = run([*shell, script], clone, environment, _JOB_SECONDS)
        after = run([*shell, "\n".join(job["after_script"])], clone, environment, _JOB_SECONDS)
        left = _left(environment)
    return Ran(done.code == 0, done.output + after.output, left, {"artifacts": job["artifacts"]})


def awx(controller: Path, template: str, clone: Path, inputs: Mapping[str, str], arguments: list[str]) -> Ran:
    """Run a job template with the defaults of its survey; ``inputs`` are those of Sluice's own credential."""
    (play,) = DataLoader().load_from_file(str(controller))
    tasks = [options for task in play["tasks"] for options in task.values() if isinstance(options, dict)]
    (playbook,) = [each["playbook"] for each in tasks if "playbook" in each and each["name"] == template]
    (injectors,) = [each["injectors"] for each in tasks if "injectors" in each]
    with _environment(clone) as environment:
        folder = Path(environment["TMPDIR"])
        environment["ANSIBLE_SSH_CONTROL_PATH_DIR"] = str(folder / "cp")
        for name, content in injectors["file"].items():
            path = folder / name.removeprefix("template.")
            path.touch(mode=0o600)
            path.write_text(re.sub(r"\{\{ (\w+) \}\}", lambda found: inputs[found[1]], content), encoding="utf-8")
        answers = {
            each["variable"]: each["default"] for each in (play["vars"]["awx_waves"], play["vars"]["awx_emergency"])
        }
        for name, value in injectors["extra_vars"].items():
            answers[name] = re.sub(r"\{\{ tower\.filename\.(\w+) \}\}", lambda found: str(folder / found[1]), value)
        command = [".venv/bin/ansible-playbook", playbook, *arguments, "-e", json.dumps(answers)]
        done = run(command, clone, environment, _JOB_SECONDS)
    return Ran(done.code == 0, done.output, [], {})


def _yaml(text: str) -> dict[str, Any]:
    return dict(yaml.safe_load(text))


@contextmanager
def _environment(clone: Path, **more: str) -> Iterator[dict[str, str]]:
    """The environment of a fresh runner. Only where the engine is comes from this machine."""
    home = clone.parent / f"{clone.name}-home"
    home.mkdir(exist_ok=True)
    path = os.pathsep.join([str(Path(sys.base_prefix, "bin")), "/usr/local/bin", "/usr/bin", "/bin"])
    kept = {name: os.environ[name] for name in _ENGINE if name in os.environ}
    # Its path is short, since those of sockets must be.
    with tempfile.TemporaryDirectory(prefix="ci-") as temporary:
        yield {"PATH": path, "HOME": str(home), "TMPDIR": temporary, "LANG": "C.UTF-8", "CI": "true", **kept, **more}


def _left(environment: Mapping[str, str]) -> list[str]:
    return sorted(path.name for path in Path(environment["TMPDIR"]).iterdir())


def _filled(values: Mapping[str, Any], contexts: Mapping[str, str]) -> dict[str, str]:
    return {name: _EXPRESSION.sub(lambda found: contexts[found[1]], str(value)) for name, value in values.items()}


def _wanted(condition: str, contexts: Mapping[str, str], passed: bool) -> bool:
    parts = [part for part in condition.removeprefix("${{ ").removesuffix(" }}").split(" && ") if part]
    asked = [part for part in parts if part not in _WHATEVER_CAME_BEFORE]
    return (passed or len(asked) < len(parts)) and all(_true(part, contexts) for part in asked)


def _true(part: str, contexts: Mapping[str, str]) -> bool:
    return contexts[part.removeprefix("!")] != ("true" if part.startswith("!") else "false")


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Merge as ``extends`` does: mappings key by key, all else as a whole."""
    merged = {**below, **above}
    for key in below.keys() & above.keys():
        if isinstance(below[key], dict) and isinstance(above[key], dict):
            merged[key] = _merged(below[key], above[key])
    return merged
