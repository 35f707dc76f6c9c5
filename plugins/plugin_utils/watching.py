"""What the steps of a roll-out do between two questions: alarms, evidence and waiting."""

from __future__ import annotations

import time
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.alarms.judging import PHASE as ALARMS
from ansible_collections.sluice.nginx.plugins.module_utils.alarms.of_run import AlarmsOfRun
from ansible_collections.sluice.nginx.plugins.module_utils.evidence.judging import PHASE as EVIDENCE
from ansible_collections.sluice.nginx.plugins.module_utils.evidence.of_run import HISTORY, EvidenceOfRun, sample
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.decisions import RunFaults, stories
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.pause import (
    Waiting,
    begin_wait,
    end_wait,
    read_decision,
)
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.requests import Question, RolloutOptions
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import Run, RunRecord
from ansible_collections.sluice.nginx.plugins.module_utils.redactor.redactor import Redactor
from ansible_collections.sluice.nginx.plugins.plugin_utils.fleet import Answer, FleetAction, HostRequest
from ansible_collections.sluice.nginx.plugins.plugin_utils.showing import show, warn

__all__ = ["WatchingAction"]


class WatchingAction(FleetAction):
    """An action that watches hosts pending; how a phase asks them, and how an answer is noted, is its own."""

    _options: dict[str, Any]
    _hosts: list[str]
    _run: Run
    _record: RunRecord
    _door: Redactor
    _terms: RolloutOptions
    _alarms: AlarmsOfRun
    _comparing: EvidenceOfRun | None

    def _ask_all(self, phase: str, *, bake: float = 0.0) -> None:
        raise NotImplementedError

    def _write(self, phase: str, host: str, answer: Answer) -> None:
        raise NotImplementedError

    def _is_bad(self) -> bool:
        return bool(RunFaults.of(self._record.events()).bad)

    def _look(self, *, last: bool) -> None:
        """Compare switched hosts with others, and ask the alarms, while hosts bake."""
        if self._task.check_mode or self._is_bad():
            return
        self._compare(last=last)
        if not self._alarms or self._is_bad():
            return
        answer = self._alarms.during(list(self._record.events()), self._hosts, last=last)
        for warning in answer["warnings"]:
            warn(self._display, warning, self._door)
        if last or answer["problems"]:
            self._write(ALARMS, "", answer)

    def _begin_evidence(self) -> None:
        """Before the first wave, have hosts count the requests of the minutes before it."""
        events = list(self._record.events())
        is_begun = any(event.phase == EVIDENCE for event in events)
        if not self._options["evidence"] or is_begun or self._task.check_mode or self._is_bad():
            return
        wave = [host for host in self._hosts if self._options["wave"] is None or host in self._options["wave"]]
        others = [host for host in self._hosts if host not in wave]
        if not others:
            words = "no host is left that is not switched, so the canary cannot be compared; use smaller waves"
            warn(self._display, f"rollout_evidence: {words}")
            return
        hosts = [*sample(wave, "switched"), *sample(others, "others")]
        answers = self._counted({host: dict(HISTORY) for host in hosts})
        self._write(EVIDENCE, "", EvidenceOfRun([]).begin(answers, wave))

    def _compare(self, *, last: bool) -> None:
        """Have hosts count what came in since the last look, and note where switched hosts are worse beyond chance."""
        if not self._options["evidence"]:
            return
        events = list(self._record.events())
        if self._comparing is None:
            self._comparing = EvidenceOfRun([event.answer for event in events if event.phase == EVIDENCE])
        told = stories(events)
        switched = [host for host in self._hosts if host in told and told[host].switched]
        others = [host for host in self._hosts if host in told and not told[host].touched]
        wanted = self._comparing.wanted(switched, others)
        if not wanted:
            return
        problems = self._comparing.look(self._counted(wanted), switched)
        if last or problems:
            answer = self._comparing.noted(problems)
            for warning in answer["warnings"]:
                show(self._display, f"rollout_evidence: {warning}", self._door)
            self._write(EVIDENCE, "", answer)

    def _counted(self, wanted: dict[str, dict[str, Any]]) -> dict[str, Answer]:
        """Ask hosts to count. One that does not answer is left out: whether it lives is the bake's to find out."""
        run = self._run.asking()
        askings = {
            host: HostRequest(Question({"op": "count", "run": run, **request}), self._terms.timeout)
            for host, request in wanted.items()
        }
        return dict(self._answers(askings))

    def _pause(self, pause: object) -> None:
        """Wait before the next wave, for a time or a person; hosts pending are watched on."""
        waiting = Waiting(pause, self._options["pause_limit"], self._options["confirm_timeout"])
        if self._task.check_mode or not waiting.seconds or self._is_bad():
            return
        name = self._options["wave_name"] or "this wave"
        if waiting.is_for_person:
            begin_wait(self._run, name)
            words = f"the run waits after {name}: sluice.nginx.continue -e run={self._run.id} lets it go on"
            stop = f"-e decision=stop stops it; in {waiting.seconds:g} s it stops by itself"
            show(self._display, f"{words}, {stop}", self._door)
        try:
            answer = self._waited(waiting)
        finally:
            end_wait(self._run)
        if answer:
            self._write("pause", "", {"operation": "pause", **answer})

    def _waited(self, waiting: Waiting) -> Answer | None:
        """Watch the hosts pending until the wait is over. Returns what is to be noted of it."""
        until = time.monotonic() + waiting.seconds
        while (left := until - time.monotonic()) > 0:
            self._ask_all("bake", bake=min(left, waiting.round))
            self._look(last=False)
            if self._is_bad():
                return None
            decided = read_decision(self._run) if waiting.is_for_person else None
            if decided:
                return waiting.answer(decided)
        return waiting.answer(None)
