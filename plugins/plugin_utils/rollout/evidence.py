"""The evidence of visitors while hosts bake: those of switched hosts against those of others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.evidence.judging import PHASE
from ansible_collections.sluice.nginx.plugins.module_utils.evidence.of_run import HISTORY, EvidenceOfRun, sample
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.decisions import stories
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.requests import Question
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import Run
from ansible_collections.sluice.nginx.plugins.plugin_utils.fleet import Answer, HostRequest
from ansible_collections.sluice.nginx.plugins.plugin_utils.rollout.hosts import RolloutHosts
from ansible_collections.sluice.nginx.plugins.plugin_utils.rollout.journal import ShownJournal

__all__ = ["EvidenceLook"]


class EvidenceLook:
    """Has hosts count their requests, and judges what they counted."""

    def __init__(self, run: Run, hosts: RolloutHosts, journal: ShownJournal) -> None:
        self._run, self._hosts, self._journal = run, hosts, journal
        self._evidence: EvidenceOfRun | None = None

    def before_run(self) -> None:
        """Nothing: the waves are not known yet."""

    def before_wave(self) -> None:
        """Before the first wave, have hosts count the requests of the minutes before it."""
        if any(event.phase == PHASE for event in self._journal.events()):
            return
        names, wave = self._hosts.names, self._hosts.wave
        switched = [host for host in names if wave is None or host in wave]
        others = [host for host in names if host not in switched]
        if not others:
            words = "no host is left that is not switched, so the canary cannot be compared; use smaller waves"
            self._journal.warn(f"rollout_evidence: {words}")
            return
        answers = self._counts(dict.fromkeys([*sample(switched, "switched"), *sample(others, "others")], HISTORY))
        self._journal.note(PHASE, "", EvidenceOfRun([]).begin(answers, switched))

    def look(self, *, last: bool) -> None:
        """Have hosts count what came in since the last look, and note where switched hosts are worse beyond chance."""
        events = self._journal.events()
        if self._evidence is None:
            self._evidence = EvidenceOfRun([event.answer for event in events if event.phase == PHASE])
        known = stories(events)
        names = [host for host in self._hosts.names if host in known]
        switched = [host for host in names if known[host].switched]
        wanted = self._evidence.wanted(switched, [host for host in names if not known[host].touched])
        if not wanted:
            return
        problems = self._evidence.look(self._counts(wanted), switched)
        if last or problems:
            answer = self._evidence.noted(problems)
            for warning in answer["warnings"]:
                self._journal.say(f"rollout_evidence: {warning}")
            self._journal.note(PHASE, "", answer)

    def _counts(self, wanted: Mapping[str, Mapping[str, Any]]) -> dict[str, Answer]:
        """Ask hosts to count. One that does not answer is left out: whether it lives is the bake's to find out."""
        run, seconds = self._run.asking(), self._hosts.terms.timeout
        questions = {host: Question({"op": "count", "run": run, **request}) for host, request in wanted.items()}
        return dict(self._hosts.ask({host: HostRequest(each, seconds) for host, each in questions.items()}))
