"""Three slices of a roll-out, each on an execution node with its own state and one host, and the store they share."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.coordination.locate import open_store
from ansible_collections.sluice.nginx.plugins.module_utils.coordination.model import StoreFault, StoreLogin
from tests.faults.fleet.fleet import Fleet, Run
from tests.faults.fleet_of_slices.nodes import ExecutionNodes
from tests.faults.fleet_of_slices.proxy import Proxy
from tests.faults.host.host import until
from tests.integration.coordination.servers import KINDS, Server

__all__ = ["TIMEOUT", "WAIT", "SliceFleet"]

TIMEOUT = 24
"""Seconds after which a host rolls back, or asks."""
WAIT = 45
"""Seconds for which a slice waits for the others, or for the store."""


class SliceFleet:
    """The hosts of the fault table, one for each slice; ``server`` is the real store."""

    def __init__(self, fleet: Fleet, nodes: ExecutionNodes, kind: str, server: Server, name: str) -> None:
        self.fleet, self.nodes, self.kind, self.server, self.name = fleet, nodes, kind, server, name
        fleet.level()
        self.release = fleet.other()
        self.before = fleet.hosts["web1"].end().release
        address, _, port = server.url.partition("://")[2].rpartition(":")
        self.hosts = list(fleet.hosts)
        self.proxies = {host: Proxy((address, int(port)), address) for host in self.hosts}
        self.runs: dict[str, Run] = {}

    @classmethod
    @contextlib.contextmanager
    def begun(cls, fleet: Fleet, nodes: ExecutionNodes, kind: str, name: str) -> Iterator[SliceFleet]:
        """Start the store where hosts reach it, and end it and every slice after the story."""
        folder = tempfile.TemporaryDirectory(prefix="store-", ignore_cleanup_errors=True)
        for host in fleet.hosts.values():
            if host.exec("test", "-e", "/var/lib/sluice/state.json").returncode:
                host.reset()
        gateway = next(iter(fleet.hosts.values())).sh("ip route show default | cut -d' ' -f3")
        with folder as name_of_folder, KINDS[kind](Path(name_of_folder), address=gateway) as server:
            server.ready(StoreLogin(server.url))
            made = cls(fleet, nodes, kind, server, name)
            try:
                yield made
            finally:
                made.close()

    def close(self) -> None:
        """Leave nothing behind."""
        for run in self.runs.values():
            with contextlib.suppress(ProcessLookupError):
                run.kill()
            run.process.wait()
        for node in self.nodes.of.values():
            node.level()
        for proxy in self.proxies.values():
            proxy.close()
        self.fleet.free()

    def start(self, *hosts: str, skew: float = 0, **variables: Any) -> None:
        """Start the slices of these hosts, of all by default, with clocks that are ``skew`` seconds ahead."""
        for host in hosts or self.hosts:
            self.runs[host] = self._begin(host, skew, variables)

    def _begin(self, host: str, skew: float, variables: dict[str, Any]) -> Run:
        node = self.nodes.of[host]
        node.level(skew)
        store = {"url": f"{self.kind}://{self.proxies[host].address}", "host_url": self.server.url}
        wanted = {
            "sluice_state_dir": node.state(),
            "rollout_releases": {host: self.release},
            "rollout_bake": 0.5,
            "rollout_waves": ["100%"],
            "rollout_confirm_timeout": TIMEOUT,
            "rollout_store": store,
            "rollout_slices": len(self.hosts),
            "rollout_slice": self.hosts.index(host) + 1,
            "rollout_name": self.name,
            "rollout_slice_timeout": WAIT,
            **variables,
        }
        return self.nodes.start(host, "--limit", host, "-e", json.dumps(wanted))

    def output(self) -> str:
        """Wait for the end of every slice, and return what people could read."""
        return "\n".join(f"--- slice of {host}\n{run.output()}" for host, run in self.runs.items())

    def kill(self, host: str) -> None:
        """Kill the node of a slice."""
        self.nodes.of[host].kill()

    def kill_playbook(self, host: str) -> None:
        """Kill ansible-playbook, and leave what works for it."""
        self.nodes.of[host].kill_playbook()

    def kill_line(self, host: str) -> None:
        """Kill what gave the work to a node and shows what comes back, with its connection."""
        self.runs[host].kill()

    def frozen(self, host: str) -> AbstractContextManager[None]:
        """Let the node of a slice stand still."""
        return self.nodes.of[host].frozen()

    @contextlib.contextmanager
    def cut(self, host: str) -> Iterator[None]:
        """Let a host reach neither its node nor the store."""
        way = f"blackhole {self.nodes.of[host].address}/32"
        with self.fleet.cut(host):
            self.fleet.hosts[host].sh(f"ip route add {way}")
            try:
                yield
            finally:
                self.fleet.hosts[host].exec("sh", "-c", f"ip route del {way}")

    def decision(self) -> str:
        """Return what is decided, as the store has it; empty while nothing is there."""
        try:
            found = open_store(StoreLogin(self.server.url, timeout=2)).get(f"{self.name}/decision")
        except StoreFault:
            return ""
        return str(json.loads(found.value)["statement"]["decision"]) if found else ""

    def decide(self, decision: str) -> None:
        """Decide as a slice does, without signing; whoever is second changes nothing."""
        store = open_store(StoreLogin(self.server.url, timeout=2))
        found = store.get(f"{self.name}/decision")
        assert found is not None
        content = json.loads(found.value)
        if content["statement"]["decision"] != "undecided":
            return
        content["statement"].update(decision=decision, by="a test", why="a test decided")
        store.compare_and_set(found.key, json.dumps(content).encode(), found.revision)

    def serving(self, *hosts: str) -> None:
        """Wait until the release serves on these hosts, pending."""
        for host in hosts:
            self.fleet.serving(host, self.release)

    def waits(self, host: str, words: str = "waits") -> None:
        """Wait until the slice of a host says that it waits."""
        self.runs[host].said(words)

    def decided(self) -> None:
        """Wait until it is decided."""
        until(lambda: self.decision() not in ("", "undecided"), "it is decided")
