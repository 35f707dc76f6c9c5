"""What the steps of a roll-out do where it is one of several slices: they meet the others in a store.

A run by itself reads one option and does nothing of this.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.decisions import RunFaults, RunState
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.signing import Signer
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.waves import Wave
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import project
from ansible_collections.sluice.nginx.plugins.plugin_utils.fleet import Answer, failure
from ansible_collections.sluice.nginx.plugins.plugin_utils.showing import show, warn
from ansible_collections.sluice.nginx.plugins.plugin_utils.watching import WatchingAction

if TYPE_CHECKING:
    from ansible_collections.sluice.nginx.plugins.module_utils.slices.protocol import SharedDecision, SharedRollout

__all__ = ["SharingAction"]

PHASE = "slices"
_OF_AWX = "awx_job_template_name"
# Seconds within which a store is there again that somebody has started anew.
_RESTARTS = 20.0
# Seconds between two attempts to bring hosts to what was decided.
_AGAIN = 2.0


class SharingAction(WatchingAction):
    """An action whose run may be one slice of a roll-out."""

    _shared: SharedRollout | None = None

    def _asked(
        self, operations: Mapping[str, str], course: RunState, bake: float = 0.0
    ) -> Iterator[tuple[str, Answer]]:
        raise NotImplementedError

    def _note(self, phase: str, host: str, answer: Answer) -> None:
        raise NotImplementedError

    def _signer(self) -> Signer | None:
        raise NotImplementedError

    def _read_shared(self) -> None:
        """Find the slice that this run is. Raises ``InputError``."""
        self._last_asked = -math.inf
        self._parent = os.getppid()
        self._shared = None
        options = self._options
        is_alone = not options["store"] and not options["slices"] and not options["slice"]
        if self._task.check_mode or (is_alone and _OF_AWX not in self._variables_of_task):
            return
        from ansible_collections.sluice.nginx.plugins.module_utils.slices.model import read_slices

        read = read_slices(options, self._variables_of_task, self._run, project(), self._state())
        if read is None:
            return
        from ansible_collections.sluice.nginx.plugins.module_utils.slices.protocol import SharedRollout
        from ansible_collections.sluice.nginx.plugins.module_utils.slices.statements import Stater

        self._shared = SharedRollout(read, self._run, Stater(self._signer()), float(options["confirm_timeout"]))

    def _alive(self) -> contextlib.AbstractContextManager[None]:
        return self._shared.alive() if self._shared is not None else contextlib.nullcontext()

    def _decision_for_hosts(self) -> dict[str, Any] | None:
        return self._shared.for_hosts() if self._shared is not None and self._shared.is_joined else None

    def _join(self, waves: Sequence[Wave], *, is_hooked: bool) -> None:
        """After the preflight: take a place, and say so where this slice cannot go on."""
        shared = self._shared
        if shared is None:
            return
        course = RunState(self._record.events())
        hosts = {host: str(story.said("preflight", "release") or "") for host, story in course.stories.items()}
        try:
            self._join_in_time(shared, hosts, [wave.hosts for wave in waves], is_hooked)
            if self._decision_for_hosts() is None:
                words = (
                    "hosts do not ask for the decision: the store has no host_user for them, or they cannot reach it"
                )
                warn(self._display, f"rollout_store: {words}", self._door)
        except SluiceError as error:
            self._write(PHASE, "", failure(str(error)))
        self._stop_others()

    def _join_in_time(
        self, shared: SharedRollout, hosts: Mapping[str, str], waves: Sequence[Sequence[str]], is_hooked: bool
    ) -> None:
        """Join, and wait a moment for a store that is being started again. Raises ``SluiceError``."""
        from ansible_collections.sluice.nginx.plugins.module_utils.coordination.model import StoreUnreachable

        until = time.monotonic() + min(_RESTARTS, shared.wait)
        while True:
            try:
                return shared.join(hosts, waves, is_hooked=is_hooked)
            except StoreUnreachable as error:
                if time.monotonic() >= until:
                    raise
                self._show_waiting(f"the store is waited for: {error}")
            time.sleep(_AGAIN)

    def _await_wave(self) -> None:
        """Before a wave: every slice is there, and is done with the waves before."""
        shared = self._shared
        if shared is None or not shared.is_joined or self._is_bad():
            return
        try:
            number = shared.begins(self._options["wave"] or self._hosts)
            self._heed(shared.await_wave(number, self._meanwhile, self._show_waiting))
        except SluiceError as error:
            self._write(PHASE, "", failure(str(error)))

    def _heed(self, decided: SharedDecision) -> None:
        """Note that the roll-out is rolled back, where that is decided: then this run fails, too."""
        if decided.decision == "rollback" and not self._is_bad():
            self._write(PHASE, "", failure(f"the roll-out is rolled back: {decided.why} ({decided.by})"))

    def _acknowledge(self, step: str) -> None:
        """After the bake of a wave: say what became of its hosts."""
        shared = self._shared
        if shared is None or not shared.is_joined or (step == "wave" and shared.is_hooked):
            return
        faults = RunFaults.of(self._record.events())
        known = {event.host: event.phase for event in faults.bad if event.host}
        outcomes = {host: f"failed in {known[host]}" if host in known else "" for host in shared.wave}
        if faults.bad and not any(outcomes.values()):
            outcomes = dict.fromkeys(outcomes, f"the run failed in {faults.bad[0].phase}")
        try:
            shared.acknowledge(outcomes, self._meanwhile, self._show_waiting)
        except SluiceError as error:
            self._write(PHASE, "", failure(str(error)))

    def _stop_others(self) -> None:
        """Where this run has failed, decide for the rollback, so that no slice goes on."""
        shared = self._shared
        if shared is None or not shared.is_joined or not self._is_bad():
            return
        try:
            shared.decide("rollback", self._why())
        except SluiceError as error:
            show(self._display, f"the other slices are not told yet: {error}", self._door)

    def _why(self) -> str:
        bad = RunFaults.of(self._record.events()).bad[0]
        problems = bad.answer.get("problems") or [{}]
        return f"{bad.host or 'the run'} failed in {bad.phase}: {problems[0].get('what', '')}"

    def _show_waiting(self, words: str) -> None:
        show(self._display, words, self._door)

    def _meanwhile(self, seconds: float) -> bool:
        """Wait, and give hosts pending a heartbeat when it is time. Returns whether all is well."""
        at = time.monotonic()
        if at - self._last_asked >= self._terms.confirm_timeout / 3 - seconds:
            self._last_asked = at
            self._ask_all("bake")
            self._look(last=False)
        time.sleep(seconds)
        if os.getppid() != self._parent and not self._is_bad():
            # This process would wait on, and give heartbeats, for a run that nobody ends.
            words = "ansible-playbook, which started this step, is gone"
            if self._shared is not None:
                # First, since nobody may be there to print what is noted.
                self._shared.decide("rollback", f"{self._shared.me}: {words}")
            self._write(PHASE, "", failure(words))
        return not self._is_bad()

    def _may_finalize(self, step: str) -> bool:
        """Return whether hosts are finalized by what this run knows alone. Else they are, or are left to their
        watchdogs, by what is decided for all slices.
        """
        shared = self._shared
        if shared is None or not shared.is_joined or self._task.check_mode:
            return True
        try:
            decided = self._decided(shared)
        except SluiceError as error:
            if not shared.has_acknowledged_all:
                # Without this slice nobody can have decided that all confirm.
                if not self._is_bad():
                    self._write(PHASE, "", failure(str(error)))
                return True
            words = f"it is not known how the roll-out ends, so hosts are left to their watchdogs: {error}"
            fix = f"when the store answers, run this slice again with rollout_name={shared.name}"
            problem = {"what": words, "fix": fix}
            self._write(PHASE, "", {**failure(""), "problems": [problem]})
            return False
        if decided.decision == "confirm":
            if step == "finalize":
                self._confirm_all()
            return False
        self._heed(decided)
        return True

    def _decided(self, shared: SharedRollout) -> SharedDecision:
        """Return what is decided for all slices, and wait for it. Raises ``SluiceError``."""
        if not self._is_bad():
            decided = shared.await_decision(self._meanwhile, self._show_waiting)
            if decided.decision != "undecided":
                return decided
        return shared.decide_in_time("rollback", self._why(), self._meanwhile, self._show_waiting)

    def _confirm_all(self) -> None:
        """Confirm on every host that was switched, as was decided for all slices.

        What was decided stays: a host that cannot be reached, or went back meanwhile, is brought to it, as long as the
        run may wait.
        """
        if self._shared is None:
            return
        events = list(self._record.events())
        course, out = RunState(events), RunFaults.of(events).left_out
        left = [host for host, story in course.stories.items() if story.touched and host not in out]
        until = time.monotonic() + self._shared.wait
        while left:
            answers = dict(self._asked(dict.fromkeys(left, "confirm"), course))
            for host in [host for host in left if answers[host].get("ok")]:
                self._note("finalize", host, answers.pop(host))
            left = list(answers)
            if left and time.monotonic() >= until:
                for host in left:
                    self._note("finalize", host, answers[host])
                return
            if left:
                self._show_waiting(f"brought to what was decided, that all confirm: {', '.join(left)}")
                time.sleep(_AGAIN)
                # A host that is pending still says so; one that went back goes forward again.
                for host, answer in self._asked(dict.fromkeys(left, "activate"), course):
                    why = next((str(problem.get("what", "")) for problem in answer.get("problems") or []), "")
                    if why:
                        self._show_waiting(f"{host} does not take it yet: {why}")
