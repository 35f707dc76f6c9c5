"""One change of a good configuration, taken through the gates beside the release that it is a change of.

In the same run: what ``nginx -t`` alone says, and what ``behaviour`` and ``lint`` say without any contract.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import docker

from ansible_collections.sluice.nginx.plugins.module_utils.config.facts import facts
from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import to_json
from ansible_collections.sluice.nginx.plugins.module_utils.environment.synthesis import synthesise
from ansible_collections.sluice.nginx.plugins.module_utils.gating.discovery import find_gates
from ansible_collections.sluice.nginx.plugins.module_utils.gating.examine import Candidate, Examiner, subject_of
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release, ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.staging.platform import PlatformImage
from ansible_collections.sluice.nginx.plugins.module_utils.staging.stage import Stage
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import GateOptions, Subject, Verdict
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.runner import Gate

from ..stages import stage_settings
from .corpus import Case, Change, apply
from .outcome import ALONE, Outcome

__all__ = ["Bench"]

_PLAIN = "nginx -t"
_BARE = " without contract"


def _plain(subject: Subject) -> Verdict:
    return _tested(subject.stage) if subject.stage else Verdict("not run", "the stage was not opened")


def _tested(stage: Stage) -> Verdict:
    answer = stage.ask("test")
    return Verdict("fail" if answer["code"] else "pass", str(answer["output"]).strip()[-200:])


def _without_contract(gate: Gate) -> Gate:
    def run(subject: Subject) -> Verdict:
        return gate.run(dataclasses.replace(subject, contract=()))

    return Gate(gate.name + _BARE, gate.after, run)


def _gates() -> list[Gate]:
    found = find_gates()
    bare = [_without_contract(gate) for gate in found if gate.name in ALONE]
    return [*found, *bare, Gate(_PLAIN, (), _plain)]


@dataclass(frozen=True)
class Bench:
    """What all trials share: the engine, the platform, and a folder for releases."""

    client: docker.DockerClient
    platform: PlatformImage
    folder: Path
    run: str = "catch"

    def release(self, case: Case, tree: trees.Tree) -> Release:
        """Write a tree of a case, laid over the packaged one, as a release with the case's contract."""
        laid = trees.overlay(trees.read_layer(self.platform.tree, "packaged"), tree)
        return ReleaseStore(self.folder).add(laid, [dict(to_json(check)) for check in case.contract], [], {})

    def examine(self, case: Case, change: Change | None, number: int) -> Outcome:
        """Take a change through the gates; None is the good configuration itself, as a first release."""
        live = self.release(case, case.tree)
        release = self.release(case, apply(case.tree, change)) if change else live
        options = GateOptions(docroots={path: str(folder) for path, folder in case.docroots.items()})
        settings = stage_settings(self.platform, case.docroots)
        examiner = Examiner(self.client, _gates(), options, settings, case.services, f"{self.run}-{number}")
        (examined,) = examiner.examine([Candidate(("web1",), release, live=live if change else None)])
        return self._outcome(case, change, live, release, examined.verdicts, number)

    def _outcome(
        self, case: Case, change: Change | None, live: Release, release: Release, said: Sequence[Verdict], number: int
    ) -> Outcome:
        verdicts = {verdict.gate: verdict for verdict in said}
        plain = verdicts.pop(_PLAIN)
        if plain.result == "not run":
            plain = self._plainly(case, live, release, number)
        bare = {name: verdicts.pop(name + _BARE) for name in ALONE if name + _BARE in verdicts}
        failed = [finding for verdict in verdicts.values() for finding in verdict.findings if not finding.warning]
        return Outcome(
            name=change.name if change else case.name,
            kind=change.kind if change else "good",
            what=change.what if change else case.about,
            gates={name: verdict.result for name, verdict in verdicts.items()},
            words={name: _words(verdict) for name, verdict in verdicts.items() if verdict.result != "pass"}
            | {name + _BARE: _words(verdict) for name, verdict in bare.items() if verdict.result != "pass"},
            alone={name: verdict.result for name, verdict in bare.items()},
            plain=plain.result == "fail",
            seconds=round(sum(verdict.seconds for verdict in said), 1),
            place=failed[0].place if failed else "",
        )

    def _plainly(self, case: Case, live: Release, release: Release, number: int) -> Verdict:
        """What ``nginx -t`` says of a tree that the gates did not even stage, in the environment of the good one."""
        good = subject_of(Candidate(("web1",), live), GateOptions())
        environment = synthesise(good.needs, {path: str(where) for path, where in case.docroots.items()}, case.services)
        kept = {found.id: found.tree for found in (live, release)}
        name = f"sluice-{self.run}-{number}-plain"
        settings = stage_settings(self.platform, case.docroots)
        with Stage(self.client, name, kept, release.id, environment, settings, live.id) as stage:
            stage.open(sorted(facts(parse_tree(live.tree))["error_logs"]))
            return _tested(stage)


def _words(verdict: Verdict) -> str:
    first = next((finding for finding in verdict.findings if not finding.warning), None)
    return verdict.summary + (f" ({first.nginx})" if first and first.nginx else "")
