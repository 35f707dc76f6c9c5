"""What the steps of a roll-out do where it is one of several slices: they meet the others in a store."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.decisions import RunFaults, RunState
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import Run
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.signing import Signer
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import project
from ansible_collections.sluice.nginx.plugins.plugin_utils.rollout.baking import BakeWatch
from ansible_collections.sluice.nginx.plugins.plugin_utils.rollout.hosts import RolloutHosts
from ansible_collections.sluice.nginx.plugins.plugin_utils.rollout.journal import ShownJournal

if TYPE_CHECKING:
    from ansible_collections.sluice.nginx.plugins.module_utils.slices.protocol import SharedDecision, SharedRollout

__all__ = ["RolloutSlice", "WholeRollout", "open_shared"]

PHASE = "slices"
_OF_AWX = "awx_job_template_name"
# Seconds within which a store is there again that somebody has started anew.
_RESTARTS = 20.0
# Seconds between two attempts to bring hosts to what was decided.
_AGAIN = 2.0


def open_shared(
    options: Mapping[str, Any],
    variables: Mapping[str, Any],
    run: Run,
    state: Path,
    signer: Callable[[], Signer | None],
) -> SharedRollout | None:
    """Return the slice that this run is; None for a run by itself, which imports nothing of slices.

    Raises ``InputError``.
    """
    is_alone = not options["store"] and not options["slices"] and not options["slice"]
    if is_alone and _OF_AWX not in variables:
        return None
    from ansible_collections.sluice.nginx.plugins.module_utils.slices.model import read_slices

    read = read_slices(options, variables, run, project(), state)
    if read is None:
        return None
    from ansible_collections.sluice.nginx.plugins.module_utils.slices.protocol import SharedRollout
    from ansible_collections.sluice.nginx.plugins.module_utils.slices.statements import Stater

    return SharedRollout(read, run, Stater(signer()), float(options["confirm_timeout"]))


class WholeRollout:
    """A run by itself: it waits for nobody, and ends by what it knows alone."""

    def alive(self) -> contextlib.AbstractContextManager[None]:
        """Give heartbeats to the other slices while a step is at work."""
        return contextlib.nullcontext()

    def join(self, waves: Sequence[Sequence[str]], *, is_hooked: bool) -> None:
        """After the preflight: take a place, and report where this slice cannot go on."""

    def await_wave(self) -> None:
        """Before a wave: wait until every slice is there, and is done with the waves before."""

    def acknowledge(self, step: str) -> None:
        """After the bake of a wave: report what became of its hosts."""

    def stop_others(self) -> None:
        """Where this run has failed, decide for the rollback, so that no slice goes on."""

    def may_finalize(self, step: str) -> bool:
        """Return whether hosts are finalized by what this run knows alone. Else they are, or are left to their
        watchdogs, by what is decided for all slices.
        """
        return True


class RolloutSlice(WholeRollout):
    """A run that is one of several. Before it has joined, it acts as a run by itself."""

    def __init__(self, shared: SharedRollout, hosts: RolloutHosts, bake: BakeWatch, journal: ShownJournal) -> None:
        self._shared, self._hosts, self._bake, self._journal = shared, hosts, bake, journal
        self._latest_heartbeat = float("-inf")
        self._parent = os.getppid()
        self._shown: dict[str, str] = {}

    def alive(self) -> contextlib.AbstractContextManager[None]:
        return self._shared.alive()

    def join(self, waves: Sequence[Sequence[str]], *, is_hooked: bool) -> None:
        course = RunState(self._journal.events())
        hosts = {host: str(story.said("preflight", "release") or "") for host, story in course.stories.items()}
        with self._noting():
            self._join_in_time(hosts, waves, is_hooked)
            if self._shared.for_hosts() is None:
                self._journal.warn(
                    "rollout_store: hosts do not ask for the decision: the store has no host_user for them, or they "
                    "cannot reach it"
                )
        self.stop_others()

    def await_wave(self) -> None:
        if not self._shared.is_joined or self._journal.is_bad:
            return
        with self._noting():
            number = self._shared.begins(list(self._hosts.wave or self._hosts.names))
            self._heed(self._shared.await_wave(number, self._meanwhile, self._say))

    def acknowledge(self, step: str) -> None:
        # Where hooks stand between the switch and the bake, a wave is done after the latter.
        if not self._shared.is_joined or (step == "wave" and self._shared.is_hooked):
            return
        bad = self._journal.bad
        known = {event.host: event.phase for event in bad if event.host}
        outcomes = {host: f"failed in {known[host]}" if host in known else "" for host in self._shared.wave}
        if bad and not any(outcomes.values()):
            outcomes = dict.fromkeys(outcomes, f"the run failed in {bad[0].phase}")
        with self._noting():
            self._shared.acknowledge(outcomes, self._meanwhile, self._say)

    def stop_others(self) -> None:
        if not self._shared.is_joined or not self._journal.is_bad:
            return
        try:
            self._shared.decide("rollback", self._why())
        except SluiceError as error:
            self._say(f"the other slices do not know it yet: {error}")

    def may_finalize(self, step: str) -> bool:
        if not self._shared.is_joined:
            return True
        try:
            decided = self._decided()
        except SluiceError as error:
            if not self._shared.has_acknowledged_all:
                # Without this slice nobody can have decided that all confirm.
                if not self._journal.is_bad:
                    self._journal.fail(PHASE, str(error))
                return True
            words = f"it is not known how the roll-out ends, so hosts are left to their watchdogs: {error}"
            fix = f"when the store answers, run this slice again with rollout_name={self._shared.name}"
            self._journal.fail(PHASE, words, fix=fix)
            return False
        if decided.decision == "confirm":
            if step == "finalize":
                self._confirm_all()
            return False
        self._heed(decided)
        return True

    @contextlib.contextmanager
    def _noting(self) -> Iterator[None]:
        """Note what goes wrong between the slices: it fails the run."""
        try:
            yield
        except SluiceError as error:
            self._journal.fail(PHASE, str(error))

    def _join_in_time(self, hosts: Mapping[str, str], waves: Sequence[Sequence[str]], is_hooked: bool) -> None:
        """Join, and wait a moment for a store that is being started again. Raises ``SluiceError``."""
        from ansible_collections.sluice.nginx.plugins.module_utils.coordination.model import StoreUnreachable

        until = time.monotonic() + min(_RESTARTS, self._shared.wait)
        while True:
            try:
                return self._shared.join(hosts, waves, is_hooked=is_hooked)
            except StoreUnreachable as error:
                if time.monotonic() >= until:
                    raise
                self._say(f"the store is waited for: {error}")
            time.sleep(_AGAIN)

    def _heed(self, decided: SharedDecision) -> None:
        """Note that the roll-out is rolled back, where that is decided: then this run fails, too."""
        if decided.decision == "rollback" and not self._journal.is_bad:
            self._journal.fail(PHASE, f"the roll-out is rolled back: {decided.why} ({decided.by})")

    def _why(self) -> str:
        bad = self._journal.bad[0]
        problems = bad.answer.get("problems") or [{}]
        return f"{bad.host or 'the run'} failed in {bad.phase}: {problems[0].get('what', '')}"

    def _say(self, words: str, about: str = "") -> None:
        """Show what is waited for, where that is something else than was shown last ``about`` the same."""
        if self._shown.get(about) != words:
            self._journal.say(words)
        self._shown[about] = words

    def _meanwhile(self, seconds: float) -> bool:
        """Wait, and give hosts pending a heartbeat when it is time. Return whether all is well."""
        at = time.monotonic()
        if at - self._latest_heartbeat >= self._shared.confirm_timeout / 3 - seconds:
            self._latest_heartbeat = at
            self._bake.heartbeat()
        time.sleep(seconds)
        if os.getppid() != self._parent and not self._journal.is_bad:
            # This process would wait on, and give heartbeats, for a run that nobody ends.
            words = "ansible-playbook, which started this step, is gone"
            # First, since nobody may be there to print what is noted.
            self._shared.decide("rollback", f"{self._shared.me}: {words}")
            self._journal.fail(PHASE, words)
        return not self._journal.is_bad

    def _decided(self) -> SharedDecision:
        """Return what is decided for all slices, and wait for it. Raises ``SluiceError``."""
        if not self._journal.is_bad:
            decided = self._shared.await_decision(self._meanwhile, self._say)
            if decided.decision != "undecided":
                return decided
        return self._shared.decide_in_time("rollback", self._why(), self._meanwhile, self._say)

    def _confirm_all(self) -> None:
        """Confirm on every host that was switched, as was decided for all slices.

        What was decided stays: a host that cannot be reached, or went back meanwhile, is brought to it, as long as the
        run may wait.
        """
        events = self._journal.events()
        course, out = RunState(events), RunFaults.of(events).left_out
        left = [host for host, story in course.stories.items() if story.touched and host not in out]
        until = time.monotonic() + self._shared.wait
        while left:
            answers = dict(self._hosts.answers(dict.fromkeys(left, "confirm"), course))
            is_over = time.monotonic() >= until
            ended = [host for host in left if is_over or answers[host].get("ok")]
            for host in ended:
                self._hosts.note("finalize", host, answers[host])
            left = [host for host in left if host not in ended]
            if left:
                self._say(f"brought to what was decided, that all confirm: {', '.join(left)}")
                time.sleep(_AGAIN)
                self._bring_forward(left, course)

    def _bring_forward(self, hosts: Sequence[str], course: RunState) -> None:
        """Activate again: a host that is pending still says so; one that went back goes forward."""
        for host, answer in self._hosts.answers(dict.fromkeys(hosts, "activate"), course):
            why = next((str(problem.get("what", "")) for problem in answer.get("problems") or []), "")
            if why:
                self._say(f"{host} does not take it yet: {why}", host)
