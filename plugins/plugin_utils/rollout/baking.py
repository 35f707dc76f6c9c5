"""What is looked at while hosts bake: the alarms of others, and visitors of switched hosts against those of others."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.alarms.judging import PHASE as ALARMS
from ansible_collections.sluice.nginx.plugins.module_utils.alarms.model import read_alarms
from ansible_collections.sluice.nginx.plugins.module_utils.alarms.of_run import AlarmsOfRun
from ansible_collections.sluice.nginx.plugins.module_utils.evidence.judging import PHASE as EVIDENCE
from ansible_collections.sluice.nginx.plugins.module_utils.evidence.of_run import HISTORY, EvidenceOfRun, sample
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.decisions import stories
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.pause import ATTENTIVE
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.requests import Question, RolloutOptions
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import Run
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.waves import rounds
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import project
from ansible_collections.sluice.nginx.plugins.plugin_utils.fleet import Answer, HostRequest
from ansible_collections.sluice.nginx.plugins.plugin_utils.rollout.hosts import RolloutHosts
from ansible_collections.sluice.nginx.plugins.plugin_utils.rollout.journal import ShownJournal

__all__ = ["BakeWatch"]


class BakeWatch:
    """Watches the hosts pending. Raises ``InputError`` for alarms that cannot be read."""

    def __init__(
        self,
        options: Mapping[str, Any],
        run: Run,
        terms: RolloutOptions,
        hosts: RolloutHosts,
        journal: ShownJournal,
    ) -> None:
        self._run, self._terms, self._hosts, self._journal = run, terms, hosts, journal
        self._alarms = AlarmsOfRun(read_alarms(options["alarms"], options["alertmanager_url"]), project())
        self._compares = bool(options["evidence"])
        self._evidence: EvidenceOfRun | None = None

    def before_run(self) -> None:
        """Ask the alarms before the first wave; what burns already fails the run."""
        if self._alarms and self._hosts.due():
            self._journal.note(ALARMS, "", self._alarms.before())

    def watch(self, phase: str, seconds: float) -> None:
        """Take ``phase``, activate or bake, on the hosts, and watch them for as long, in rounds of a heartbeat each."""
        self._begin_evidence()
        longest = ATTENTIVE if self._alarms or self._compares else math.inf
        duration = rounds(seconds, self._terms.confirm_timeout, longest)
        for number, each in enumerate(duration, 1):
            self._hosts.take(phase if number == 1 else "bake", bake=each)
            self.look(last=number == len(duration))

    def heartbeat(self, seconds: float = 0.0, *, last: bool = False) -> None:
        """Watch the hosts pending for as long, which is their heartbeat, and look once."""
        self._hosts.take("bake", bake=seconds)
        self.look(last=last)

    def look(self, *, last: bool) -> None:
        """Compare switched hosts with others, and ask the alarms; ``last`` is the last look of a wave."""
        if self._hosts.is_check or self._journal.is_bad:
            return
        if self._compares:
            self._compare(last=last)
        if not self._alarms or self._journal.is_bad:
            return
        answer = self._alarms.during(self._journal.events(), self._hosts.names, last=last)
        for warning in answer["warnings"]:
            self._journal.warn(warning)
        if last or answer["problems"]:
            self._journal.note(ALARMS, "", answer)

    def _begin_evidence(self) -> None:
        """Before the first wave, have hosts count the requests of the minutes before it."""
        is_begun = any(event.phase == EVIDENCE for event in self._journal.events())
        if not self._compares or is_begun or self._hosts.is_check or self._journal.is_bad:
            return
        names, wave = self._hosts.names, self._hosts.wave
        switched = [host for host in names if wave is None or host in wave]
        others = [host for host in names if host not in switched]
        if not others:
            words = "no host is left that is not switched, so the canary cannot be compared; use smaller waves"
            self._journal.warn(f"rollout_evidence: {words}")
            return
        answers = self._counts(dict.fromkeys([*sample(switched, "switched"), *sample(others, "others")], HISTORY))
        self._journal.note(EVIDENCE, "", EvidenceOfRun([]).begin(answers, switched))

    def _compare(self, *, last: bool) -> None:
        """Have hosts count what came in since the last look, and note where switched hosts are worse beyond chance."""
        events = self._journal.events()
        if self._evidence is None:
            self._evidence = EvidenceOfRun([event.answer for event in events if event.phase == EVIDENCE])
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
            self._journal.note(EVIDENCE, "", answer)

    def _counts(self, wanted: Mapping[str, Mapping[str, Any]]) -> dict[str, Answer]:
        """Ask hosts to count. One that does not answer is left out: whether it lives is the bake's to find out."""
        run = self._run.asking()
        requests = {
            host: HostRequest(Question({"op": "count", "run": run, **request}), self._terms.timeout)
            for host, request in wanted.items()
        }
        return dict(self._hosts.ask(requests))
