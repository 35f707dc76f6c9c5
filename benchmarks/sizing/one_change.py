"""The gates of one change to a tree of many servers, one file each, which has no contract: what a person waits for."""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.gating.discovery import find_gates
from ansible_collections.sluice.nginx.plugins.module_utils.gating.examine import Candidate, Examiner
from ansible_collections.sluice.nginx.plugins.module_utils.packages import docker
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release, ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.staging.connection import connect
from ansible_collections.sluice.nginx.plugins.module_utils.staging.labels import labels
from ansible_collections.sluice.nginx.plugins.module_utils.staging.platform import ensure_platform
from ansible_collections.sluice.nginx.plugins.module_utils.staging.stage import StageSettings, owner_label
from ansible_collections.sluice.nginx.plugins.module_utils.textfmt import table
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import GateOptions, Verdict
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.watching import Watcher

from . import shapes

__all__ = ["SIZES", "TARGETS", "in_table", "measure"]

SIZES = (1_000, 10_000)
TARGETS: Mapping[int, float] = {1_000: 20.0, 10_000: 180.0}
"""The seconds that the gates may take on two cores with nothing else running, by servers."""

_PROJECT = Path(__file__).resolve().parents[2]
_PLATFORM = "debian-12"
_PACKAGED = {"mime.types": "types { text/html html; }\n", "fastcgi_params": ""}


class _Clock(Watcher):
    """Notes each verdict with its seconds, and the processor time of the stages' containers by then."""

    def __init__(self, client: docker.DockerClient, run: str) -> None:
        self._client, self._name = client, f"sluice-{run}-"
        self.verdicts: list[Verdict] = []
        self.asking = 0.0
        """The seconds that it took to ask Docker's engine, which are not the gates'."""
        self._busy: dict[str, float] = {}

    def fell(self, verdict: Verdict) -> None:
        """Note it."""
        self.verdicts.append(verdict)
        sys.stderr.write(f"{verdict.gate}: {verdict.result}, {verdict.seconds:.1f} s: {verdict.summary}\n")
        last, began = len(self.verdicts) == len(find_gates()), time.monotonic()
        for each in self._client.containers.list(filters={"name": self._name}) if last else ():
            used = self._client.api.stats(str(each.id), stream=False, one_shot=True)["cpu_stats"]["cpu_usage"]
            self._busy[str(each.id)] = used["total_usage"] / 1e9
        self.asking += time.monotonic() - began

    @property
    def busy(self) -> float:
        """The processor seconds of all containers."""
        return sum(self._busy.values())


def measure(servers: int) -> dict[str, Any]:
    """Take a release with one change through the gates, against one without.

    Tells the seconds of all and of each gate, the processor seconds of the controller and of the containers, the peak
    of the controller's memory in bytes and the machine's load before. Raises ``SluiceError`` where a gate says no.
    """
    run = f"size-{os.getpid()}"
    client, load = connect(), os.getloadavg()[0]
    image = ensure_platform(client, _PLATFORM, [], _PROJECT / ".sluice/cache", lambda line: None).image
    settings = StageSettings(image, {**labels(_PROJECT, "stage"), **owner_label()}, {}, {})
    clock = _Clock(client, run)
    with tempfile.TemporaryDirectory(prefix="sluice-size-") as folder:
        store = ReleaseStore(Path(folder))
        live, candidate = (_stored(store, servers, changed=changed) for changed in (False, True))
        began, busy = time.monotonic(), time.process_time()
        examiner = Examiner(client, find_gates(), GateOptions(), settings, (), run, watch=lambda _: clock)
        (examined,) = examiner.examine([Candidate(("web1",), candidate, (), live)])
        seconds, busy = time.monotonic() - began - clock.asking, time.process_time() - busy
    if not examined.passed:
        refused = [f"{each.gate}: {each.summary}" for each in examined.verdicts if each.result != "pass"]
        raise SluiceError(f"one change to {servers:,} servers does not pass: {'; '.join(refused)}")
    return {
        "seconds": round(seconds, 1),
        "gates": {each.gate: each.seconds for each in examined.verdicts},
        "controller_seconds": round(busy, 1),
        "container_seconds": round(clock.busy, 1),
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "load_before": round(load, 1),
        "asked": next(each.summary for each in examined.verdicts if each.gate == "behaviour"),
    }


def _stored(store: ReleaseStore, servers: int, *, changed: bool) -> Release:
    texts = {**_PACKAGED, **shapes.raw(servers, changed=changed)}
    files = {path: trees.file(text.encode(), path) for path, text in texts.items()}
    return store.add(trees.overlay(files), [], [], {})


def in_table(sizes: Mapping[int, Mapping[str, Any]]) -> str:
    """Write what was measured for people, gate by gate."""
    heads = ["one change", *(f"{size:,} servers" for size in sizes)]
    gates = list(dict.fromkeys(gate for each in sizes.values() for gate in each["gates"]))
    rows = [[gate, *(f"{each['gates'].get(gate, 0):.1f} s" for each in sizes.values())] for gate in gates]
    rows.append(["from start to end", *(f"{each['seconds']:.1f} s" for each in sizes.values())])
    rows.append(["target, on a quiet machine", *(f"{TARGETS.get(size, 0):.0f} s" for size in sizes)])
    rows.append(["processor of the controller", *(f"{each['controller_seconds']:.1f} s" for each in sizes.values())])
    rows.append(["processor of the containers", *(f"{each['container_seconds']:.1f} s" for each in sizes.values())])
    rows.append(["peak of the memory", *(f"{each['peak_bytes'] / 2**20:.0f} MiB" for each in sizes.values())])
    rows.append(["load of the machine before", *(f"{each['load_before']:.1f}" for each in sizes.values())])
    return table(heads, rows)
