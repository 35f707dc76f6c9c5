"""One transition after the other through the gates: no contract, no hosts, the tree before the change is live."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import docker

from ansible_collections.sluice.nginx.plugins.module_utils.gating.discovery import find_gates
from ansible_collections.sluice.nginx.plugins.module_utils.gating.examine import Candidate, Examiner
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release, ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.staging.platform import PlatformImage
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import GateOptions, Verdict

from ..stages import stage_settings
from ..together import tried
from .transitions import Transition

__all__ = ["Outcome", "replay"]


@dataclass(frozen=True)
class Outcome:
    """What became of a transition. ``gates`` maps each gate to its result, ``findings`` are what failed, in words."""

    repository: str
    commit: str
    label: str
    note: str
    gates: Mapping[str, str]
    findings: Sequence[Mapping[str, str]]
    seconds: float

    @property
    def stopped_by(self) -> list[str]:
        """The gates that have not passed; "not run" follows from another."""
        return [gate for gate, result in self.gates.items() if result in ("fail", "inconclusive")]

    @property
    def stopped(self) -> bool:
        """Return whether a deployment of it would have been stopped."""
        return any(result != "pass" for result in self.gates.values())

    @property
    def wrong(self) -> bool:
        """Return whether the label says otherwise; nothing is wrong without a label."""
        return bool(self.label) and self.stopped != (self.label == "bad")

    def to_json(self) -> dict[str, Any]:
        """The outcome as plain data."""
        return asdict(self)


@dataclass(frozen=True)
class _Bench:
    client: docker.DockerClient
    platform: PlatformImage
    folder: Path

    def release(self, tree: Path) -> Release:
        packaged = trees.read_layer(self.platform.tree, "packaged")
        return ReleaseStore(self.folder).add(trees.overlay(packaged, trees.read_layer(tree, "nginx_tree")), [], [], {})

    def examine(self, transition: Transition, number: int) -> Outcome:
        began = time.monotonic()
        live, release = self.release(transition.live), self.release(transition.candidate)
        settings = stage_settings(self.platform)
        examiner = Examiner(self.client, find_gates(), GateOptions(), settings, (), f"history-{number}")
        (examined,) = examiner.examine([Candidate(("web1",), release, live=live)])
        return Outcome(
            transition.repository,
            transition.commit,
            transition.label,
            transition.note,
            {verdict.gate: verdict.result for verdict in examined.verdicts},
            [row for verdict in examined.verdicts for row in _words(verdict)],
            round(time.monotonic() - began, 1),
        )


def _words(verdict: Verdict) -> Iterator[dict[str, str]]:
    if verdict.result not in ("fail", "inconclusive"):
        return
    failed = [finding for finding in verdict.findings if not finding.warning]
    for finding in failed:
        yield {"gate": verdict.gate, "what": finding.what, "place": finding.place, "actual": finding.actual}
    if not failed:
        yield {"gate": verdict.gate, "what": verdict.summary, "place": "", "actual": ""}


def replay(
    transitions: Sequence[Transition], jobs: int, client: docker.DockerClient, platform: PlatformImage
) -> Iterator[Outcome]:
    """Yield what becomes of each transition, as it comes, ``jobs`` at a time; what cannot be tried is said so."""

    def examine(transition: Transition, number: int, folder: Path) -> Outcome:
        return _Bench(client, platform, folder).examine(transition, number)

    yield from tried(transitions, examine, jobs)
