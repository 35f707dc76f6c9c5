"""The engine, the image and the settings that containers of tests are made with. Without Docker these tests fail."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import jsonschema
import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.staging.connection import connect
from ansible_collections.sluice.nginx.plugins.module_utils.staging.labels import labels
from ansible_collections.sluice.nginx.plugins.module_utils.staging.platform import PlatformImage
from ansible_collections.sluice.nginx.plugins.module_utils.staging.stage import StageSettings, owner_label
from tests.commands import Ended, run_playbook
from tests.containers import containers
from tests.integration.hosts import Host
from tests.integration.passed import platform_of

# Within which a run that has ended writes its reports.
_WRITTEN_SECONDS = 30.0


@pytest.fixture(scope="session")
def engine(project: Path) -> Iterator[docker.DockerClient]:
    """The Docker engine; stages that these tests leave behind are a failure."""
    client = connect()
    yield client
    own = [f"{name}={value}" for name, value in {**labels(project, "stage"), **owner_label()}.items()]
    left = client.containers.list(all=True, filters={"label": own}, ignore_removed=True)
    assert [found.name for found in left] == [], "stages that their tests did not remove"


@pytest.fixture(scope="session")
def platform(engine: docker.DockerClient, project: Path) -> PlatformImage:
    """The platform of the sandbox."""
    return platform_of(project, engine)


@pytest.fixture(scope="session")
def platform_image(platform: PlatformImage) -> str:
    """The tag of the image that stages and hosts of tests are made from."""
    return platform.image


@pytest.fixture(scope="session")
def host_image(platform_image: str) -> Iterator[str]:
    """The platform's image with the engine, which a host unpacks and compiles at its first question, for 0.4 s of a
    processor.
    """
    with containers() as run:
        made = run("--network", "none", platform_image, "sleep", "infinity")
        host = Host(made)
        host.ask("status", "r0")
        assert host.sh("ls /var/lib/sluice") == "engine"
        image = f"sluice-test:{made[:12]}"
        subprocess.run(["docker", "commit", "--pause=false", made, image], capture_output=True, check=True)
    try:
        yield image
    finally:
        subprocess.run(["docker", "image", "rm", "-f", image], capture_output=True, check=False)


@pytest.fixture(scope="session")
def stage_settings(project: Path, platform: PlatformImage) -> StageSettings:
    """Settings of stages without files of a user."""
    own = {**labels(project, "stage"), **owner_label()}
    return StageSettings(platform.image, own, {}, {}, nginx_version=platform.nginx_version)


@pytest.fixture(scope="session", autouse=True)
def _records(project: Path) -> Iterator[None]:
    """Every record that these tests make is what the published schema says, and has its reports beside it."""
    runs = project / ".sluice/runs"
    before = {path.parent.name for path in runs.glob("*/run.json")}
    yield
    schema = jsonschema.Draft202012Validator(json.loads((project / "docs/schemas/run-3.json").read_text()))
    for path in runs.glob("*/run.json"):
        if path.parent.name not in before and '"schema": 3' in path.read_text(encoding="utf-8"):
            _hold(path, schema)


def _hold(path: Path, schema: jsonschema.Draft202012Validator) -> None:
    """Hold a record to its schema, and see that its reports are beside it; a run that goes on may be writing them."""
    until = time.monotonic() + _WRITTEN_SECONDS
    while True:
        try:
            problems = [
                f"{error.json_path}: {error.message}" for error in schema.iter_errors(json.loads(path.read_text()))
            ]
            missing = {"report.html", "junit.xml", "findings.sarif"} - {each.name for each in path.parent.iterdir()}
        except (FileNotFoundError, json.JSONDecodeError) as error:
            if not path.exists():
                return
            problems, missing = [str(error)], set()
        if not (problems or missing) or time.monotonic() > until:
            assert (problems, missing) == ([], set()), path
            return
        time.sleep(0.5)


@pytest.fixture(scope="session")
def play(project: Path) -> Callable[..., Ended]:
    """Run a playbook of the project as a person would: ``play("deploy.yml", "-e", "x=1", SLUICE_SANDBOX="name")``."""

    def run(playbook: str | Path, *arguments: str, **environment: str) -> Ended:
        # Of what changed, Ansible's own recap tells; test_terminal.py holds what people see.
        shown = {"ANSIBLE_STDOUT_CALLBACK": "default", **environment}
        return run_playbook(project, str(playbook), *arguments, environment=shown)

    return run


@pytest.fixture(scope="session")
def dist(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the artifact and the wheel of the collection, which all workers share."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "dist"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not list(folder.glob("*.whl")):
            subprocess.run([str(project / "scripts/dist"), str(folder)], check=True, stdout=subprocess.DEVNULL)
    return folder
