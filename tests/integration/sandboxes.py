"""Sandboxes that tests make and remove by the functions of ``playbooks/sandbox.yml``, in this process.

The playbook itself has its story in test_sandbox_fleet.py; each run of it costs what a whole roll-out does.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import docker

from ansible_collections.sluice.nginx.plugins.module_utils.sandbox.hosts import (
    Fleet,
    SandboxHost,
    ensure_fleet,
    remove_fleet,
)
from ansible_collections.sluice.nginx.plugins.module_utils.untrusted import read_name
from tests.integration.passed import platform_of

__all__ = ["sandbox"]

# What inventories/sandbox has of them: their further names, and those that are no web hosts.
_HOSTS = {"app1": SandboxHost(("app",)), "mon1": SandboxHost(kind="monitor")}
_FILES = "roles/sandbox/files"
# systemd listens a moment after it was started. Each unit that failed is a failure.
_BOOTED = """
until [ -S /run/systemd/private ]; do sleep 0.1; done
systemctl is-system-running --wait || { systemctl --failed --plain --no-legend; exit 1; }
"""


@contextlib.contextmanager
def sandbox(project: Path, engine: docker.DockerClient, name: str, hosts: Sequence[str]) -> Iterator[dict[str, str]]:
    """Hosts of a sandbox, booted: the names of their containers. One that was left behind is made anew."""
    fleet = Fleet(read_name(name, "sandbox_name"), project, project / ".sluice")
    image = platform_of(project, engine).image_id
    folders = {each: project / _FILES / each for each in ("image", "sites")}
    remove_fleet(engine, fleet, ["web1", "web2", "web3", *_HOSTS])
    try:
        made = {each: _HOSTS.get(each, SandboxHost()) for each in hosts}
        if "app1" not in made:
            # nginx of a host that boots with a release waits until somebody has the name of the applications.
            made[hosts[0]] = SandboxHost(_HOSTS["app1"].aliases)
        ensure_fleet(engine, fleet, made, image, folders, print)
        containers = {each: f"{fleet.network}-{each}" for each in hosts}
        with ThreadPoolExecutor(len(hosts)) as pool:
            list(pool.map(lambda container: _wait_for_boot(engine, container), containers.values()))
        yield containers
    finally:
        remove_fleet(engine, fleet, hosts)


def _wait_for_boot(engine: docker.DockerClient, container: str) -> None:
    found: Any = engine.containers.get(container).exec_run(["timeout", "120", "sh", "-c", _BOOTED])
    assert found.exit_code == 0, f"{container} has not booted: {found.output.decode()}"
