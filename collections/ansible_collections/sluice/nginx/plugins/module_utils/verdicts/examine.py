"""Takes releases through the gates: a stage for each, releases side by side over the cores."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import docker

from ..config.facts import facts
from ..config.parse import parse_tree
from ..contract.model import from_json
from ..needs.asking import questions
from ..needs.comparing import permitted, to_check
from ..needs.declared import declared
from ..needs.reading import needs_of
from ..release.store import Release
from ..staging.stage import Stage, StageSettings
from ..world.model import Service, World
from ..world.synthesis import synthesise
from .model import Live, Options, Subject, Verdict
from .runner import Gate, run_gates

__all__ = ["Candidate", "Examined", "Examiner", "subject_of"]


@dataclass(frozen=True)
class Candidate:
    """What is to be examined: a release for ``hosts``, or the ``problems`` because of which there is none.

    ``live`` is what they serve now, None where that is nothing; ``said`` is what each host answered about the needs of
    the release, None where hosts are not asked. ``declared`` is ``nginx_needs``.
    """

    hosts: tuple[str, ...]
    release: Release | None
    problems: tuple[str, ...] = ()
    live: Release | None = None
    said: Mapping[str, Mapping[str, Any]] | None = None
    declared: tuple[str, ...] = ()


@dataclass(frozen=True)
class Examined:
    """A candidate and what the gates said of it. ``needs`` are those that its hosts must be asked for."""

    candidate: Candidate
    verdicts: Sequence[Verdict]
    invented: Sequence[str] = ()
    needs: Sequence[Mapping[str, Any]] = ()

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
        subject = subject_of(candidate, self.options)
        if release is None or subject.config is None:
            return Examined(candidate, run_gates(self.gates, subject))
        with contextlib.ExitStack() as stages:
            world = self._world(subject)
            if not subject.config.problems and not candidate.problems:
                self._open(stages, subject, world)
            verdicts = run_gates(self.gates, subject)
            invented = subject.stage.invented if subject.stage else world.invented
        live = subject.live.needs if subject.live else None
        asked = to_check(subject.needs, live, declared(subject.options.declared))
        rows = questions([need.to_json() for need in asked], release.tree)
        return Examined(candidate, verdicts, invented, rows)

    def _world(self, subject: Subject) -> World:
        live = subject.live.needs if subject.live else None
        needs = permitted(subject.needs, live, declared(subject.options.declared), subject.said)
        docroots = {path: str(folder) for path, folder in self.settings.docroots.items()}
        return synthesise(needs, docroots, self.services)

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
            beside = self._stage(f"{release.id[:12]}-live", {live.id: live.tree}, live.id, world)
            subject.live_stage = stages.enter_context(beside)
            subject.live_stage.open(sorted(live_logs))
        subject.stage = stages.enter_context(self._stage(release.id[:12], trees, release.id, world, live.id))
        subject.stage.open(sorted(logs))

    def _stage(self, name: str, trees: dict[str, Path], serves: str, world: World, basis: str = "") -> Stage:
        return Stage(self.client, f"sluice-{self.run}-{name}", trees, serves, world, self.settings, basis)


def subject_of(candidate: Candidate, options: Options) -> Subject:
    """What gates see of a candidate, without a stage."""
    release = candidate.release
    if release is None:
        return Subject(candidate.hosts, options, candidate.problems)
    config = parse_tree(release.tree)
    described = release.described
    return Subject(
        hosts=candidate.hosts,
        options=replace(options, declared=(*options.declared, *candidate.declared)),
        problems=candidate.problems,
        release=release,
        config=config,
        contract=[from_json(row) for row in described["contract"]],
        origins=described["origins"],
        needs=needs_of(config, release.paths),
        live=_live(candidate),
        said=candidate.said,
    )


def _live(candidate: Candidate) -> Live | None:
    if candidate.live is None:
        return None
    config = parse_tree(candidate.live.tree)
    return Live(candidate.live, config, needs_of(config, candidate.live.paths))
