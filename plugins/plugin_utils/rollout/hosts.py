"""The hosts of a step: each is asked what a phase means for it, all at once, and its answer is noted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.decisions import RunState
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.questions import Questions, Wanted
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.requests import Question
from ansible_collections.sluice.nginx.plugins.module_utils.reports.fleet_progress import FleetProgress
from ansible_collections.sluice.nginx.plugins.module_utils.textfmt import now
from ansible_collections.sluice.nginx.plugins.plugin_utils.fleet import Answer, HostRequest, failure
from ansible_collections.sluice.nginx.plugins.plugin_utils.live import LiveLine
from ansible_collections.sluice.nginx.plugins.plugin_utils.rollout.journal import ShownJournal
from ansible_collections.sluice.nginx.plugins.plugin_utils.rollout.preflight import PreflightAnswers

__all__ = ["Ask", "RolloutHosts"]

_LOOKS = "preflight"

Ask = Callable[[Mapping[str, HostRequest]], Iterator[tuple[str, Answer]]]
"""Asks hosts, and yields their answers as they come."""


class RolloutHosts:
    """Decides from the journal what each host of ``names`` is asked, has ``ask`` do it, and notes the answers.

    ``wave`` are the hosts that are switched now, None for all. ``done`` is what the step did on each host.
    """

    def __init__(
        self,
        names: Sequence[str],
        wave: Collection[str] | None,
        ask: Ask,
        questions: Questions,
        journal: ShownJournal,
        preflight: PreflightAnswers,
        *,
        is_check: bool,
    ) -> None:
        self.names, self.wave, self.ask, self.is_check = names, wave, ask, is_check
        self.done: dict[str, dict[str, Any]] = {host: {"changed": False} for host in names}
        self._questions, self._journal, self._preflight = questions, journal, preflight
        self.terms = questions.terms
        self._progress = FleetProgress()

    def due(self) -> list[str]:
        """Return the hosts that are to be switched, or watched on, by a wave that comes now."""
        course = RunState(self._journal.events())
        return [host for host in self.names if course.decide("activate", host).operation]

    def take(self, phase: str, *, bake: float = 0.0) -> None:
        """Ask each host what ``phase`` means for it now. In ``activate`` those of earlier waves are watched on.

        ``bake`` is for how long they are watched, in seconds.
        """
        course = RunState(self._journal.events())
        wanted = {}
        for host in self.names:
            operation, why = course.decide(phase, host, self.wave)
            if not operation:
                self.done[host].setdefault("why", why)
            elif self.is_check and operation != _LOOKS:
                self.done[host] = {"changed": True, "would": operation}
            else:
                wanted[host] = operation
        for host, answer in self.answers(wanted, course, bake):
            self.note(phase, host, answer)

    def answers(
        self, operations: Mapping[str, str], course: RunState, bake: float = 0.0
    ) -> Iterator[tuple[str, Answer]]:
        """Ask each host for its operation, and yield the answers as they come."""
        questions: dict[Wanted, Question] = {}
        asked: dict[str, Wanted] = {}
        for host, operation in operations.items():
            try:
                wanted = self._questions.wanted(operation, host, course)
                if wanted not in questions:
                    questions[wanted] = self._questions.question(wanted, bake)
                asked[host] = wanted
            except (SluiceError, OSError) as error:
                yield host, {"operation": operation, **failure(str(error))}
        seconds = bake + self.terms.timeout
        requests = {host: HostRequest(questions[wanted], seconds) for host, wanted in asked.items()}
        began = now()
        with LiveLine(self._journal.display, self._progress.now, self._journal.door) as live:
            self._journal.screen = live
            self._progress.asks(live, {host: wanted.operation for host, wanted in asked.items()}, bake)
            for host, answer in self.ask(requests):
                wanted = asked[host]
                held = self._questions.held(wanted, answer)
                # A host that went back says itself where it is; of the others it is known.
                yield host, {"operation": wanted.operation, "asked": began, "release": wanted.identity or "", **held}
                self._progress.answered(host, wanted.operation, held)
            self._progress.all_answered()
        self._journal.screen = None

    def note(self, phase: str, host: str, answer: Answer) -> None:
        """Write an answer to the journal, and take from it what the step did on the host."""
        operation = answer["operation"]
        if operation == "activate":
            # What a host that cannot be reached any more will do by itself is known by this.
            answer["confirm_timeout"] = self.terms.confirm_timeout
        baked = answer.pop("bake", None)
        tree, digests = answer.pop("tree", None), answer.pop("digests", {})
        self._journal.note("bake" if operation == "bake" else phase, host, answer)
        if baked is not None:
            self._journal.note("bake", host, {"operation": "bake", "ok": not baked.get("problems"), **baked})
        done = self.done[host]
        done.update(operation=operation, ok=bool(answer.get("ok")))
        done["changed"] = done["changed"] or bool(answer.get("changed"))
        if phase == _LOOKS:
            if answer.get("ok"):
                done["changed"] = bool(answer.get("changes_needed")) and self.is_check
            self._preflight.add(host, answer, tree, digests)
