"""Takes releases through the gates: a stage for each, releases side by side over the cores."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import docker

from ..config.facts import facts
from ..config.parse import Config, parse_tree
from ..contract.model import from_json
from ..release.store import Release
from ..staging.stage import Stage, StageSettings
from ..world.model import Service
from ..world.synthesis import synthesise
from .model import Options, Subject, Verdict
from .runner import Gate, run_gates

__all__ = ["Candidate", "Examined", "Examiner"]


@dataclass(frozen=True)
class Candidate:
    """What is to be examined: a release for ``hosts``, or the ``problems`` because of which there is none."""

    hosts: tuple[str, ...]
    release: Release | None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Examined:
    """A candidate and what the gates said of it."""

    candidate: Candidate
    verdicts: Sequence[Verdict]
    invented: Sequence[str] = ()

    @property
    def passed(self) -> bool:
        """Whether every gate passed; without a verdict none has."""
        return bool(self.verdicts) and all(verdict.result == "pass" for verdict in self.verdicts)

    def to_json(self) -> dict[str, Any]:
        """The verdicts as plain data, for the record."""
        release = self.candidate.release
        return {
            "release": release.id if release else None,
            "hosts": list(self.candidate.hosts),
            "passed": self.passed,
            "invented": list(self.invented),
            "verdicts": [verdict.to_json() for verdict in self.verdicts],
        }


@dataclass(frozen=True)
class Examiner:
    """What all candidates of a run share."""

    client: docker.DockerClient
    gates: Sequence[Gate]
    options: Options
    settings: StageSettings
    services: tuple[Service, ...]
    run: str

    def examine(self, candidates: Sequence[Candidate]) -> list[Examined]:
        """Take candidates through the gates, as many at a time as there are cores."""
        with ThreadPoolExecutor(max(1, min(len(candidates), os.cpu_count() or 1))) as pool:
            return list(pool.map(self._one, candidates))

    def _one(self, candidate: Candidate) -> Examined:
        release = candidate.release
        if release is None:
            subject = Subject(candidate.hosts, self.options, candidate.problems)
            return Examined(candidate, run_gates(self.gates, subject))
        config = parse_tree(release.tree)
        described = release.described
        subject = Subject(
            hosts=candidate.hosts,
            options=self.options,
            problems=candidate.problems,
            release=release,
            config=config,
            contract=[from_json(row) for row in described["contract"]],
            origins=described["origins"],
        )
        with self._stage(release, config) as stage:
            if not config.problems and not candidate.problems:
                stage.open(facts(config)["error_logs"])
                subject.stage = stage
            return Examined(candidate, run_gates(self.gates, subject), stage.world.invented)

    def _stage(self, release: Release, config: Config) -> Stage:
        provided = {
            f"/etc/nginx/{path.relative_to(release.tree)}" for path in release.tree.rglob("*") if path.is_file()
        }
        docroots = {path: str(folder) for path, folder in self.settings.docroots.items()}
        world = synthesise(config, provided, docroots, self.services)
        return Stage(
            self.client, f"sluice-{self.run}-{release.id[:12]}", release.tree, release.id, world, self.settings
        )
