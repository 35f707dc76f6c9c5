"""The fleet of the fault table, and its stories: those of one host are told on three hosts at once."""

from __future__ import annotations

import queue
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

import docker
import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.staging.platform import PlatformImage
from tests.containers import RunContainer
from tests.faults.fleet.fleet import Fleet
from tests.faults.fleet_of_slices.nodes import ExecutionNodes
from tests.faults.host.host import Host
from tests.faults.host.scene import Told
from tests.faults.host.strikes import tell
from tests.faults.table.table import HOST, Pair
from tests.integration.conftest import dist, engine, platform, platform_image
from tests.integration.fleet import WEB
from tests.integration.sandboxes import sandbox

# What other tests of real hosts have as well.
__all__ = ["dist", "engine", "platform", "platform_image"]

NAME = "faults"


@pytest.fixture(scope="session")
def hosts(project: Path, engine: docker.DockerClient) -> Iterator[dict[str, Host]]:
    """Three hosts that serve a first release, confirmed."""
    with sandbox(project, engine, NAME, WEB) as containers:
        yield {name: Host(container) for name, container in containers.items()}


@pytest.fixture(scope="session")
def stories(request: pytest.FixtureRequest, hosts: dict[str, Host]) -> Iterator[Mapping[Pair, Future[Told]]]:
    """The stories of one host that were chosen, on the first host that is free. They mostly wait."""
    free: queue.SimpleQueue[Host] = queue.SimpleQueue()
    for host in hosts.values():
        free.put(host)

    def told(pair: Pair) -> Told:
        host = free.get()
        try:
            return tell(host, pair)
        finally:
            free.put(host)

    tests = [item for item in request.session.items if isinstance(item, pytest.Function) and hasattr(item, "callspec")]
    chosen = [test.callspec.params.get("pair") for test in tests]
    pairs = [pair for pair in chosen if isinstance(pair, Pair) and pair.level == HOST]
    pool = ThreadPoolExecutor(len(hosts))
    try:
        yield {pair: pool.submit(told, pair) for pair in pairs}
    finally:
        pool.shutdown(cancel_futures=True)


@pytest.fixture(scope="session")
def fleet(
    project: Path, platform: PlatformImage, hosts: dict[str, Host], stories: Mapping[Pair, Future[Told]]
) -> Iterator[Fleet]:
    """The hosts together, when no story of one of them is told any more."""
    wait(stories.values())
    made = Fleet(project, NAME, hosts, platform)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="session")
def nodes(fleet: Fleet, platform_image: str, dist: Path) -> Iterator[ExecutionNodes]:
    """An execution node for each host of the fleet."""
    with ExecutionNodes.made(fleet, platform_image, dist) as made:
        yield made


@pytest.fixture
def plain_host(run_container: RunContainer, platform_image: str) -> Host:
    """A host without systemd, whose nginx somebody started by hand."""
    rights = ["--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined", "--network", "none"]
    host = Host(run_container("--init", *rights, platform_image, "sleep", "infinity"))
    host.reset()
    return host
