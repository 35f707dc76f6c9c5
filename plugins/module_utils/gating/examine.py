"""Takes releases through the gates: a stage for each, releases side by side over the cores."""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from ..accepted.judging import Accepted
from ..config.facts import facts
from ..config.parse import Texts, parse_tree
from ..contract.model import from_json
from ..culprit.locate import find_culprits
from ..culprit.model import Culprits
from ..environment.model import Environment, Service
from ..environment.production import lends_modules, starts_as_unit
from ..environment.synthesis import synthesise
from ..errors import InputError, SluiceError
from ..fixes.mechanical import with_fixes
from ..needs.comparing import permitted, to_check
from ..needs.declared import declared
from ..needs.reading import read_needs
from ..needs.requests import questions
from ..packages import docker
from ..platforms.catalog import layouts
from ..redactor.redactor import Redactor
from ..release.changes import changes
from ..release.store import Release
from ..staging.judge_packages import judge_packages
from ..staging.stage import Stage, StageSettings
from ..verdicts.model import GateOptions, Live, Subject, Verdict
from ..verdicts.pytests import Pytests
from ..verdicts.runner import Gate, run_gates
from ..verdicts.slips import left_to_preflight
from ..verdicts.watching import UNWATCHED, Watcher

__all__ = ["Candidate", "Examined", "Examiner", "Later", "subject_of"]

Later = Callable[[Callable[[], None]], object]
"""Takes work that nobody has to wait for, and does it."""

_MOST_AT_A_TIME = 16
# Releases of one run that fail do so because of one change, mostly.
_MOST_SEARCHES = 4


@dataclass(frozen=True)
class Candidate:
    """What is to be examined: a release for ``hosts``, or the ``problems`` because of which there is none.

    ``live`` is what they serve now, None where that is nothing; ``said`` is what each host answered about the needs of
    the release, None where hosts are not asked. ``declared`` is ``nginx_needs``. ``settings`` are what its stages are
    made of, where that is not what the others of the run are made of, and ``platform`` names what it is staged on then.
    """

    hosts: tuple[str, ...]
    release: Release | None
    problems: tuple[str, ...] = ()
    live: Release | None = None
    said: Mapping[str, Mapping[str, Any]] | None = None
    declared: tuple[str, ...] = ()
    settings: StageSettings | None = None
    platform: str = ""

    @property
    def live_id(self) -> str | None:
        """The id of what they serve now, if anything."""
        return self.live.id if self.live else None


@dataclass(frozen=True)
class Examined:
    """A candidate and what the gates said of it.

    ``needs`` are those that its hosts must be asked for. ``culprits`` tells which lines make it fail, where that was
    searched.
    """

    candidate: Candidate
    verdicts: Sequence[Verdict]
    synthesized: Sequence[str] = ()
    needs: Sequence[Mapping[str, Any]] = ()
    culprits: Culprits | None = None

    @property
    def passed(self) -> bool:
        """Return whether every gate passed; without a verdict none has."""
        return bool(self.verdicts) and all(verdict.result == "pass" for verdict in self.verdicts)

    @property
    def release_id(self) -> str:
        """The id of the release, empty where there is none."""
        return self.candidate.release.id if self.candidate.release else ""

    def through(self, door: Redactor) -> Examined:
        """Return what people may read of it."""
        return replace(
            self,
            verdicts=door.data(list(self.verdicts)),
            synthesized=door.data(list(self.synthesized)),
            culprits=door.data(self.culprits),
        )

    def to_json(self) -> dict[str, Any]:
        """The verdicts as plain data, for the record."""
        release, live = self.candidate.release, self.candidate.live
        return {
            "release": release.id if release else None,
            "hosts": list(self.candidate.hosts),
            "passed": self.passed,
            "synthesized": list(self.synthesized),
            "verdicts": [verdict.to_json() for verdict in self.verdicts],
            "live": self.candidate.live_id,
            "changes": changes(live, release) if release else [],
            "culprits": self.culprits.to_json() if self.culprits else None,
        }


def _unwatched(_: Candidate) -> Watcher:
    return UNWATCHED


@dataclass(frozen=True)
class Examiner:
    """What all candidates of a run share. ``accepted`` is what people let pass of what gates find.

    For ``culprit_seconds`` at most it is searched which lines make a candidate fail; not at all for 0, and for the
    first few that fail only. ``endpoints`` says whether hosts are to connect to upstreams before they are switched.
    ``watch`` returns who watches a candidate.
    """

    client: docker.DockerClient
    gates: Sequence[Gate]
    options: GateOptions
    settings: StageSettings
    services: tuple[Service, ...]
    run: str
    accepted: Accepted = field(default_factory=Accepted)
    culprit_seconds: float = 0
    endpoints: bool = True
    watch: Callable[[Candidate], Watcher] = _unwatched
    _searched: Iterator[int] = field(default_factory=itertools.count)

    def examine(self, candidates: Sequence[Candidate], later: Later | None = None) -> list[Examined]:
        """Take candidates through the gates, as many at a time as keep the cores busy; each is told of in its place.

        Their stages are removed before it returns; ``later`` is given that work instead, where there is one. Raises
        ``InputError`` for a setting that is wrong for all of them.
        """
        tests = bool(self.options.verify) and any(each.release for each in candidates)
        with contextlib.ExitStack() as held:
            pytests = held.enter_context(Pytests()) if tests else None
            pool = held.enter_context(ThreadPoolExecutor(max(1, min(len(candidates), _at_a_time()))))
            return list(pool.map(lambda each: self._safely(each, pytests, later), candidates))

    def _safely(self, candidate: Candidate, pytests: Pytests | None, later: Later | None) -> Examined:
        """Examine one; whatever happens to it, the others go on."""
        watcher = self.watch(candidate)
        try:
            return self._one(candidate, pytests, watcher, later)
        except InputError:
            raise
        except Exception as error:
            words = str(error) if isinstance(error, SluiceError) else f"{type(error).__name__}: {error}"
            first, *others = self.gates
            said = Verdict("inconclusive", f"the release could not be examined: {words}", gate=first.name)
            watcher.fell(said)
            not_run = (Verdict("not run", f"not run: {first.name} is inconclusive", gate=each.name) for each in others)
            return Examined(candidate, [said, *not_run])
        finally:
            watcher.ended()

    def _one(self, candidate: Candidate, pytests: Pytests | None, watcher: Watcher, later: Later | None) -> Examined:
        release = candidate.release
        if release is None:
            return Examined(candidate, run_gates(self.gates, subject_of(candidate, self.options), watcher=watcher))
        with contextlib.ExitStack() as held:
            # Containers take their time to start, in which the release is read.
            stages = self._begin(held, candidate, release, later)
            watcher.waits(lambda: next((stage.doing for stage in stages if stage.doing), ""))
            subject = subject_of(candidate, self.options)
            subject.pytests = pytests
            environment = self._environment(subject, candidate.settings or self.settings)
            _open(subject, stages, environment)
            verdicts = run_gates(self.gates, subject, self.accepted.of(candidate.live_id, release.id), watcher)
            verdicts = with_fixes(verdicts, release, subject.examined[1])
            culprits = self._find_culprits(subject, verdicts, watcher)
            verdicts = [replace(each, focus=()) for each in verdicts]
            synthesized = subject.stage.synthesized if subject.stage else environment.synthesized
        live = subject.live.needs if subject.live else None
        asked = to_check(subject.needs, live, declared(subject.options.declared))
        rows = questions([need.to_json() for need in asked], release.tree, endpoints=self.endpoints)
        return Examined(candidate, verdicts, synthesized, rows, culprits)

    def _find_culprits(self, subject: Subject, verdicts: Sequence[Verdict], watcher: Watcher) -> Culprits | None:
        """Search whose line it is, while the stages are there. What goes wrong then changes no verdict."""
        if not self.culprit_seconds or subject.live is None or all(each.result != "fail" for each in verdicts):
            return None
        if fault := subject.live_fault:
            return Culprits(note=f"not searched: the live release does not start: {fault}")
        if next(self._searched) >= _MOST_SEARCHES:
            return Culprits(note=f"not searched: the lines of {_MOST_SEARCHES} other releases of this run are")
        try:
            return find_culprits(subject, verdicts, self.gates, self.culprit_seconds, watcher)
        except Exception as error:
            words = str(error) if isinstance(error, SluiceError) else f"{type(error).__name__}: {error}"
            return Culprits(note=f"the search for the culprit lines failed: {words}")

    def _environment(self, subject: Subject, settings: StageSettings) -> Environment:
        live = subject.live.needs if subject.live else None
        left = left_to_preflight(subject)
        needs = permitted(subject.needs, live, declared(subject.options.declared), subject.said, left)
        docroots = {path: str(folder) for path, folder in settings.docroots.items()}
        before, (_, config) = subject.live.config if subject.live else None, subject.examined
        return replace(
            synthesise(needs, docroots, self.services),
            as_unit=starts_as_unit(before),
            lends_modules=lends_modules(before, config),
        )

    def _begin(
        self, held: contextlib.ExitStack, candidate: Candidate, release: Release, later: Later | None
    ) -> list[Stage]:
        """Begin to start a stage for the release, and one for the live release where that is another.

        Both have both trees: gates reload from one into the other.
        """
        if candidate.problems:
            return []
        live, settings = candidate.live or release, candidate.settings or self.settings
        packages = judge_packages(map(_described, (release, live)), settings.nginx_version)
        trees = {each.id: each.tree for each in (release, live)}
        stages: list[Stage] = []
        close = functools.partial(_close, stages)
        held.callback(close if later is None else functools.partial(later, close))
        for serves in trees:
            name = f"sluice-{self.run}-{release.id[:12]}" + ("" if serves == release.id else "-live")
            made = Stage(self.client, name, trees, serves, Environment(), settings, live.id, packages)
            made.begin(after=stages[0] if stages else None)
            stages.append(made)
        return stages


def _described(release: Release) -> Mapping[str, Any]:
    """Return what a release says of itself; that it cannot be read is said where it is needed."""
    with contextlib.suppress(SluiceError):
        return release.described
    return {}


def _at_a_time() -> int:
    """How many releases are examined at once: while one waits for its nginx, another can use the core.

    Each has containers of about 200 MB, so there is a limit.
    """
    return min(2 * (os.cpu_count() or 1), _MOST_AT_A_TIME)


def _close(stages: Sequence[Stage]) -> None:
    with ThreadPoolExecutor(max(1, len(stages))) as pool:
        list(pool.map(Stage.close, stages))


def _open(subject: Subject, stages: Sequence[Stage], environment: Environment) -> None:
    """Make the environment on the stages; a release that cannot be read is given none."""
    _, config = subject.examined
    if config.problems or not stages:
        return
    # Where the configuration names none, nginx writes to that of its build; those that are not there say nothing.
    logs = {f"{layout.logs}/error.log" for layout in layouts()}
    logs.update(*(facts(each)["error_logs"] for each in (config, *([subject.live.config] if subject.live else []))))
    for stage in stages:
        stage.open(sorted(logs), environment)
    subject.stage, subject.live_stage = stages[0], stages[1] if len(stages) > 1 else None


def subject_of(candidate: Candidate, options: GateOptions) -> Subject:
    """What gates see of a candidate, without a stage."""
    release = candidate.release
    if release is None:
        return Subject(candidate.hosts, options, candidate.problems)
    described = release.described
    prefix = str((described.get("platform") or {}).get("prefix") or "")
    texts: Texts = {}
    config = parse_tree(release.tree, prefix=prefix, texts=texts)
    return Subject(
        hosts=candidate.hosts,
        options=replace(options, declared=(*options.declared, *candidate.declared)),
        problems=candidate.problems,
        release=release,
        config=config,
        # A live tree that was fetched from a host has none.
        contract=[from_json(row) for row in described.get("contract") or ()],
        origins=described["origins"],
        needs=read_needs(config, release.paths),
        live=_live(candidate, prefix, texts),
        said=candidate.said,
        seed=int(release.id[:8], 16),
    )


def _live(candidate: Candidate, prefix: str, texts: Texts) -> Live | None:
    if candidate.live is None:
        return None
    config = parse_tree(candidate.live.tree, prefix=prefix, texts=texts)
    return Live(candidate.live, config, read_needs(config, candidate.live.paths))
