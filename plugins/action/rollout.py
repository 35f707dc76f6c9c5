"""A step of a roll-out on all hosts of the play: one round trip for each that has something to do in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.decisions import PLAN
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.detached import check_detachable
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.hooks import hooks_of, to_return
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.questions import Questions
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.requests import RolloutOptions
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import RunRecord
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.signing import Signer, read_inventory
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.waves import (
    Inventory,
    Wave,
    budget_of,
    only,
    read_waves,
    waves,
)
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.storage import path_of
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import (
    GROUP,
    PULLING,
    project,
    pulling_hosts,
    read_run,
)
from ansible_collections.sluice.nginx.plugins.plugin_utils.emergency import NAME as EMERGENCY
from ansible_collections.sluice.nginx.plugins.plugin_utils.emergency import emergency_of
from ansible_collections.sluice.nginx.plugins.plugin_utils.fleet import FleetAction
from ansible_collections.sluice.nginx.plugins.plugin_utils.rollout.baking import BakeWatch
from ansible_collections.sluice.nginx.plugins.plugin_utils.rollout.detaching import Detaching, first_bake, leaves
from ansible_collections.sluice.nginx.plugins.plugin_utils.rollout.hosts import RolloutHosts
from ansible_collections.sluice.nginx.plugins.plugin_utils.rollout.journal import ShownJournal, open_record
from ansible_collections.sluice.nginx.plugins.plugin_utils.rollout.pausing import pause
from ansible_collections.sluice.nginx.plugins.plugin_utils.rollout.preflight import PreflightAnswers, check_agreement
from ansible_collections.sluice.nginx.plugins.plugin_utils.rollout.slices import (
    RolloutSlice,
    WholeRollout,
    open_shared,
)

_LOOKS = "preflight"


class ActionModule(FleetAction):
    """Decides from the run's journal what each host is asked, asks all at once, and notes what they answer.

    A host that fails does not fail the task: the journal notes it, and the run is finalized by that.
    """

    _supports_diff = True

    def work(self, options: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Take the step on the hosts of the play that are of the one group, also on those that Ansible has left out
        since the preflight, because a task of a hook could not reach something.
        """
        group = self._group()
        members = frozenset(task_vars["groups"].get(group, ()))
        pulled = members & pulling_hosts(task_vars)
        members -= pulled
        here = [host for host in task_vars["ansible_play_hosts"] if host in members]
        everybody = [host for host in task_vars["ansible_play_hosts_all"] if host in members]
        if not everybody and pulled & set(task_vars["ansible_play_hosts_all"]):
            raise SluiceError(
                f"every host of this play is in the group '{PULLING}', whose hosts nobody reaches; at least one other "
                "host must be in it, which tries a release before it is published"
            )
        if not everybody:
            raise SluiceError(
                f"no host of the group '{group}' is in this play; see the inventory, --limit and -e {GROUP}"
            )
        if here != everybody and options["step"] != _LOOKS:
            known = {event.host for event in RunRecord(read_run(options["run"])).events()}
            here = [host for host in everybody if host in known or host in here]
        return self.work_on(here, options)

    def work_on(self, hosts: list[str], options: dict[str, Any]) -> dict[str, Any]:
        """Take the step on every host for which it means something."""
        self._prepare(hosts, options)
        with self._part.alive():
            result = self._preflight() if options["step"] == _LOOKS else self._take(options["step"])
        done = self._hosts.done
        changed = any(each["changed"] for each in done.values())
        result = {"changed": changed, "due": bool(self._hosts.due()), "hosts": done, **result}
        differences = self._found.differences()
        return {**result, "diff": differences} if differences else result

    def _prepare(self, hosts: list[str], given: dict[str, Any]) -> None:
        """Make the parts of the step. Raises ``SluiceError`` for options that cannot be."""
        is_check = bool(self._task.check_mode)
        self._run = read_run(given["run"])
        is_first = given["step"] == _LOOKS
        self._detaching = Detaching(self._run, None) if is_first else Detaching.of(self._run)
        self._options = options = self._detaching.options(given)
        hosts = self._detaching.hosts(hosts)
        terms = RolloutOptions(
            keep=options["keep"],
            drift=options["drift"],
            emergency=self._emergency(hosts),
            confirm_timeout=options["confirm_timeout"],
            want_tree=bool(self._task.diff),
            looking=is_check,
        )
        state = self._state()
        store = ReleaseStore(state / "releases")
        self._record = open_record(self._run, options, state)
        self._journal = journal = ShownJournal(self._record, self._display)
        self._found = PreflightAnswers(journal, store)
        variables = self._variables_of_task
        shared = None if is_check else open_shared(options, variables, self._run, state, self._signer)
        questions = Questions(
            options,
            self._run,
            terms,
            store,
            signer=self._signer,
            decision=lambda: shared.for_hosts() if shared is not None and shared.is_joined else None,
        )
        wave = options["wave"]
        self._hosts = RolloutHosts(hosts, wave, self._answers, questions, journal, self._found, is_check=is_check)
        self._bake = BakeWatch(options, self._run, self._hosts, journal)
        self._part = RolloutSlice(shared, self._hosts, self._bake, journal) if shared is not None else WholeRollout()

    def _preflight(self) -> dict[str, Any]:
        """Look at the hosts, and return the waves of those that are to change."""
        options, hosts = self._options, self._hosts
        role = self._task._role
        check_agreement(role.get_default_vars() if role else (), hosts.names, self._variables)
        order, hooks = self._order(), hooks_of(options["hooks"], project())
        if options["detach"]:
            check_detachable([wave.to_json() for wave in order], hooks, is_shared=bool(options["store"]))
        hosts.take("preflight")
        self._found.show_platforms()
        self._bake.before_run()
        self._part.join([wave.hosts for wave in only(order, hosts.due())], is_hooked=bool(hooks))
        return {"waves": [wave.to_json() for wave in only(order, hosts.due())], "hooks": hooks}

    def _take(self, step: str) -> dict[str, Any]:
        """Take a step after the preflight, and return how the run is. Hosts that bake without it are let alone."""
        steps: Mapping[str, Callable[[], None]] = {
            "wave": self._wave,
            "bake": self._bake_on,
            "pause": self._pause,
            "rollback": self._rollback,
            "finalize": self._finalize,
        }
        if step == "resume":
            self._detaching.resume(self._options["decision"], self._bake, self._journal)
        if self._detaching.bakes:
            for done in self._hosts.done.values():
                done.setdefault("why", "bakes on, and the run has ended")
        elif step != "resume":
            steps[step]()
        is_bad = self._journal.is_bad
        result: dict[str, Any] = {"stopped": is_bad, "detached": self._detaching.bakes}
        if step == "resume":
            result["waves"] = [] if self._detaching.bakes or is_bad else self._detaching.waves
        if step == "rollback":
            result["to_return"] = to_return(self._journal.events())
        return result

    def _wave(self) -> None:
        """Switch a wave, watch it, and wait before the next; or leave it to bake."""
        is_left = not self._task.check_mode and leaves(self._options)
        self._part.await_wave()
        self._bake.watch("activate", first_bake(self._options) if is_left else self._options["bake"])
        self._part.acknowledge("wave")
        if is_left:
            self._detaching.leave(self._options, self._hosts.terms.emergency, self._hosts.names, self._journal)
            self._part.stop_others()
        else:
            self._pause()

    def _bake_on(self) -> None:
        """Watch hosts pending, where hooks stand between that and their switch."""
        self._bake.watch("bake", self._options["bake"])
        self._part.acknowledge("bake")
        self._part.stop_others()

    def _pause(self) -> None:
        """Wait before the next wave."""
        pause(self._options, self._run, self._bake, self._journal, is_check=self._hosts.is_check)
        self._part.stop_others()

    def _rollback(self) -> None:
        """Roll back where anything has failed, before the run is finalized."""
        self._part.stop_others()
        if self._journal.is_bad:
            self._end_hosts("rollback")

    def _finalize(self) -> None:
        """Confirm everywhere, or roll back everywhere."""
        self._end_hosts("finalize")
        self._detaching.end()

    def _end_hosts(self, step: str) -> None:
        if self._part.may_finalize(step):
            self._hosts.take("finalize")
            self._hosts.take("retry_rollback")

    def _order(self) -> list[Wave]:
        """Divide the hosts into waves, and note a policy that is not the usual one. Raises ``InputError``."""
        groups, names = self._variables_of_task["groups"], self._hosts.names
        order = waves(read_waves(self._options["waves"], groups), names, Inventory(groups, self._label))
        budget = budget_of(self._options["unreachable_budget"], len(names))
        if budget:
            self._record.note(PLAN, "", good=True, answer={"operation": PLAN, "unreachable_budget": budget})
        return order

    def _label(self, host: str, name: str) -> object:
        """Return the value of a host's variable; None where it has none."""
        variables = self._variables(host)
        if variables.get(name) is None:
            return None
        return self._templar.copy_with_new_env(available_variables=variables).template(variables[name])

    def _emergency(self, hosts: list[str]) -> str:
        """Return the emergency of the run; of one that was left, that which counted when it began."""
        written = self._variables(hosts[0]).get(EMERGENCY) if hosts else None
        given = emergency_of(self._options["emergency"], self._loader, self._templar, written)
        begun_with = self._detaching.emergency
        return given if begun_with is None else begun_with

    def _signer(self) -> Signer | None:
        """Return what signs, where there is a key. Raises ``InputError``."""
        if not self._options["signing_key"]:
            return None
        key = path_of(project(), self._options["signing_key"])
        return Signer(key, read_inventory(self._options["inventory"]))
