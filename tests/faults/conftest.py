"""The fleet of the fault table, and its stories: those of one host are told on three hosts at once."""

from __future__ import annotations

import json
import queue
import subprocess
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import pytest

from tests.faults.fleet.fleet import Fleet
from tests.faults.fleet_of_slices.nodes import ExecutionNodes
from tests.faults.host.host import Host
from tests.faults.host.scene import Told
from tests.faults.host.strikes import tell
from tests.faults.table.table import HOST, Pair
from tests.integration.conftest import engine, platform, platform_image, play

# What other tests of real hosts have as well.
__all__ = ["engine", "platform", "platform_image", "play"]

NAME = "faults"
WEB = ("web1", "web2", "web3")


@pytest.fixture(scope="session")
def hosts(project: Path, play: Callable[..., Any]) -> Iterator[dict[str, Host]]:
    """Three hosts that serve a first release, confirmed."""
    # One that was left behind by tests that somebody killed may be in any state.
    play("playbooks/sandbox.yml", "-e", "sandbox_state=absent", SLUICE_SANDBOX=NAME)
    made = play("playbooks/sandbox.yml", SLUICE_SANDBOX=NAME)
    try:
        assert made.code == 0, made.output
        known = json.loads((project / ".sluice/fleets" / NAME / "fleet.json").read_text())
        yield {name: Host(known[name]["container"]) for name in WEB}
    finally:
        play("playbooks/sandbox.yml", "-e", "sandbox_state=absent", SLUICE_SANDBOX=NAME)


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
def fleet(project: Path, hosts: dict[str, Host], stories: Mapping[Pair, Future[Told]]) -> Iterator[Fleet]:
    """The hosts together, when no story of one of them is told any more."""
    wait(stories.values())
    made = Fleet(project, NAME, hosts)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="session")
def nodes(fleet: Fleet, platform_image: str) -> Iterator[ExecutionNodes]:
    """An execution node for each host of the fleet."""
    with ExecutionNodes.made(fleet, platform_image) as made:
        yield made


@pytest.fixture
def plain_host(platform_image: str) -> Iterator[Host]:
    """A host without systemd, whose nginx somebody started by hand."""
    rights = ["--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined", "--network", "none"]
    argv = ["docker", "run", "-d", "--init", "--label", "sluice=1", *rights, platform_image, "sleep", "infinity"]
    container = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()
    try:
        host = Host(container)
        host.reset()
        yield host
    finally:
        subprocess.run(["docker", "rm", "-f", "-v", container], capture_output=True, check=True)
