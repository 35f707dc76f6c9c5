"""Takes releases through the gates: a stage for each, releases side by side over the cores."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker

from ..config.facts import facts
from ..config.parse import CONF_ROOT, parse_tree
from ..contract.model import from_json
from ..needs.reading import needs_of
from ..release.store import Release
from ..staging.stage import Stage, StageSettings
from ..world.model import Service, World
from ..world.synthesis import synthesise
from .model import Live, Options, Subject, Verdict
from .runner import Gate, run_gates

__all__ = ["Candidate", "Examined", "Examiner"]


@dataclass(frozen=True)
class Candidate:
    """What is to be examined: a release for ``hosts``, or the ``problems`` because of which there is none.

    ``live`` is what they serve now, None where that is nothing; ``said`` is what each host answered about the needs of
    the release, None where hosts are not asked.
    """

    hosts: tuple[str, ...]
    release: Release | None
    problems: tuple[str, ...] = ()
    live: Release | None = None
    said: Mapping[str, Mapping[str, Any]] | None = None


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
            needs=needs_of(config, _paths(release)),
            live=_live(candidate),
            said=candidate.said,
        )
        with contextlib.ExitStack() as stages:
            world = self._world(subject)
            if not config.problems and not candidate.problems:
                self._open(stages, subject, world)
            return Examined(candidate, run_gates(self.gates, subject), world.invented)

    def _world(self, subject: Subject) -> World:
        release, config = subject.examined
        basis, provided = (
            (subject.live.config, _paths(subject.live.release)) if subject.live else (config, _paths(release))
        )
        docroots = {path: str(folder) for path, folder in self.settings.docroots.items()}
        return synthesise(basis, provided, docroots, self.services)

    def _open(self, stages: contextlib.ExitStack, subject: Subject, world: World) -> None:
        """Begin to open a stage for the release, and one for the live release where that is another."""
        release, config = subject.examined
        trees = {release.id: release.tree}
        logs = set(facts(config)["error_logs"])
        live = subject.live.release if subject.live else release
        if subject.live is not None and live.id != release.id:
            trees[live.id] = live.tree
            live_logs = facts(subject.live.config)["error_logs"]
            logs |= set(live_logs)
            subject.live_stage = stages.enter_context(self._stage("live", {live.id: live.tree}, live.id, world))
            subject.live_stage.open(sorted(live_logs))
        subject.stage = stages.enter_context(self._stage(release.id[:12], trees, release.id, world, live.id))
        subject.stage.open(sorted(logs))

    def _stage(self, name: str, trees: dict[str, Path], serves: str, world: World, basis: str = "") -> Stage:
        return Stage(self.client, f"sluice-{self.run}-{name}", trees, serves, world, self.settings, basis)


def _live(candidate: Candidate) -> Live | None:
    if candidate.live is None:
        return None
    config = parse_tree(candidate.live.tree)
    contract = candidate.live.described.get("contract")
    return Live(
        candidate.live,
        config,
        needs_of(config, _paths(candidate.live)),
        None if contract is None else tuple(from_json(row) for row in contract),
    )


def _paths(release: Release) -> set[str]:
    """The absolute paths that a release brings."""
    return {f"{CONF_ROOT}/{path.relative_to(release.tree)}" for path in release.tree.rglob("*") if path.is_file()}
