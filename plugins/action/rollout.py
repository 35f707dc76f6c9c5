"""A step of a roll-out on all hosts of the play: one round trip for each that has something to do in it."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.sluice.nginx.plugins.module_utils.alarms.judging import PHASE as ALARMS
from ansible_collections.sluice.nginx.plugins.module_utils.alarms.model import read_alarms
from ansible_collections.sluice.nginx.plugins.module_utils.alarms.of_run import AlarmsOfRun
from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError, SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.evidence.of_run import EvidenceOfRun
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.decisions import PLAN, RunState
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.detached import (
    FIRST,
    TERMS,
    Detached,
    check_detachable,
    end_detached,
    read_detached,
    take,
)
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.hooks import hooks_of, to_return
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.pause import ATTENTIVE, STOP
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.requests import (
    Question,
    RolloutOptions,
    build,
    hold_to,
)
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import RunRecord, visitor
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.signing import Signer, read_inventory, sign_rollback
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.waves import (
    Inventory,
    Wave,
    budget_of,
    only,
    read_seconds,
    read_waves,
    rounds,
    waves,
)
from ansible_collections.sluice.nginx.plugins.module_utils.gating.receipts import Receipt
from ansible_collections.sluice.nginx.plugins.module_utils.redactor.redactor import Redactor
from ansible_collections.sluice.nginx.plugins.module_utils.redactor.releases import door_of
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release, ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.reports.progress import FleetProgress
from ansible_collections.sluice.nginx.plugins.module_utils.textfmt import listed, now, sentence
from ansible_collections.sluice.nginx.plugins.module_utils.untrusted import ReleaseId, read_release_id
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import GROUP, project, read_run
from ansible_collections.sluice.nginx.plugins.plugin_utils.emergency import NAME as EMERGENCY
from ansible_collections.sluice.nginx.plugins.plugin_utils.emergency import emergency_of
from ansible_collections.sluice.nginx.plugins.plugin_utils.fleet import Answer, HostRequest, failure
from ansible_collections.sluice.nginx.plugins.plugin_utils.live import LiveLine
from ansible_collections.sluice.nginx.plugins.plugin_utils.sharing import SharingAction
from ansible_collections.sluice.nginx.plugins.plugin_utils.showing import show

_LOOKS = "preflight"
# So many hosts of a kind are named; the rest is counted.
_NAMED = 3
# Settings of the role that hosts of one run may have different values of.
_EACH_ITS_OWN = ("rollout_allowed_signers", "rollout_engine_command", "rollout_inventory")
# A value of it may have a password.
_NOT_SHOWN = "rollout_store"


class _Wanted(NamedTuple):
    """An operation, the release that it is about (None where the host is to find it), and whether the host has it."""

    operation: str
    identity: ReleaseId | None
    has_release: bool


class ActionModule(SharingAction):
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
        here = [host for host in task_vars["ansible_play_hosts"] if host in members]
        everybody = [host for host in task_vars["ansible_play_hosts_all"] if host in members]
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
        detached = read_detached(read_run(options["run"]).folder) if options["step"] != _LOOKS else None
        if detached:
            options, hosts = detached.begun_with(options), _of_run(detached, hosts)
        self._detached, self._options, self._hosts = detached, options, hosts
        written = self._variables(hosts[0]).get(EMERGENCY) if hosts else None
        emergency = emergency_of(options["emergency"], self._loader, self._templar, written)
        if detached:
            # It counted when the run began.
            emergency = str(detached.terms["emergency"])
        self._run = read_run(options["run"])
        self._store = ReleaseStore(self._state() / "releases")
        self._door = self._door_of_run()
        self._record = RunRecord(self._run, self._door)
        self._progress = FleetProgress()
        self._live: LiveLine | None = None
        self._done: dict[str, dict[str, Any]] = {host: {"changed": False} for host in hosts}
        self._diffs: dict[str, list[str]] = {}
        self._told_of_platform: dict[str, dict[str, Any]] = {}
        self._terms = RolloutOptions(
            keep=options["keep"],
            drift=options["drift"],
            emergency=emergency,
            confirm_timeout=options["confirm_timeout"],
            want_tree=bool(self._task.diff),
            looking=self._task.check_mode,
        )
        self._alarms = AlarmsOfRun(read_alarms(options["alarms"], options["alertmanager_url"]), project())
        self._comparing: EvidenceOfRun | None = None
        self._read_shared()
        with self._alive():
            return self._step(options)

    def _step(self, options: dict[str, Any]) -> dict[str, Any]:
        order: list[Wave] = []
        hooks: dict[str, str] = {}
        if options["step"] == "preflight":
            self._agree()
            order, hooks = self._order(), hooks_of(options["hooks"], project())
            if options["detach"]:
                check_detachable([wave.to_json() for wave in order], hooks, is_shared=bool(options["store"]))
            self._ask_all("preflight")
            self._tell_platforms()
            if self._alarms and self._due():
                self._write(ALARMS, "", self._alarms.before())
            self._join(only(order, self._due()), is_hooked=bool(hooks))
        else:
            self._take(options["step"])
        changed = any(said["changed"] for said in self._done.values())
        due = self._due()
        result = {"changed": changed, "due": bool(due), "hosts": self._done}
        if options["step"] == "preflight":
            result["waves"] = [wave.to_json() for wave in only(order, due)]
            result["hooks"] = hooks
        else:
            result["stopped"] = self._is_bad()
            result["detached"] = self._detached is not None and self._detached.bakes
        if options["step"] == "resume" and self._detached:
            result["waves"] = [] if self._detached.bakes or self._is_bad() else self._detached.waves
        if options["step"] == "rollback":
            result["to_return"] = to_return(self._record.events())
        return {**result, "diff": _differences(self._diffs)} if self._diffs else result

    def _door_of_run(self) -> Redactor:
        """What hosts say passes it: it knows the secrets of the releases that the controller has of those they get."""
        named = {str(each) for each in self._options["releases"].values() if each}
        if self._options["stored"]:
            events = RunRecord(self._run).events()
            named = {str(event.answer.get("release")) for event in events if event.phase == "preflight"}
        found = []
        for identity, store in itertools.product(sorted(named), (self._store, ReleaseStore(self._state() / "live"))):
            # One that is gone, or is none, is told of where it is asked for.
            with contextlib.suppress(SluiceError):
                found.append(store.get(read_release_id(identity)))
        return door_of(found)

    def _tell_platforms(self) -> None:
        """Tell what the hosts are, each kind once, and what of it is described nowhere."""
        from ansible_collections.sluice.nginx.plugins.module_utils.platforms.detection import detected_of_answer

        kinds: dict[tuple[str, tuple[str, ...]], list[str]] = {}
        for host, answer in self._told_of_platform.items():
            found = detected_of_answer(answer)
            kinds.setdefault((found.words, found.missing), []).append(host)
        for (words, missing), hosts in sorted(kinds.items()):
            named = ", ".join(sorted(hosts)[:_NAMED]) + (
                f" and {len(hosts) - _NAMED} more" if len(hosts) > _NAMED else ""
            )
            show(self._display, f"{named}: {words}", self._door)
            for each in missing:
                show(self._display, f"{named}: {each}", self._door, color="yellow")

    def _agree(self) -> None:
        """A run has one setting for all its hosts. Raises ``InputError`` for one that hosts have their own of."""
        role = self._task._role
        names = [name for name in role.get_default_vars() if name not in _EACH_ITS_OWN] if role else []
        first, *others = self._hosts
        here = self._variables(first)
        for host in others:
            there = self._variables(host)
            for name in names:
                if here.get(name) != there.get(name):
                    values = f"{first} has {here.get(name)!r} and {host} has {there.get(name)!r}"
                    found = f"{first} and {host} have different values" if name == _NOT_SHOWN else values
                    do = "set it for their group, or leave hosts out with --limit"
                    raise InputError(name, f"{found}, but a run has one for all of its hosts; {do}")

    def _due(self) -> list[str]:
        """Return the hosts that are to be switched, or watched on, by a wave that comes now."""
        course = RunState(self._record.events())
        return [host for host in self._hosts if course.decide("activate", host).operation]

    def _take(self, step: str) -> None:
        """Take a step after the preflight."""
        if step == "resume":
            self._resume()
        if self._detached and self._detached.bakes:
            for said in self._done.values():
                said.setdefault("why", "bakes on, and the run has ended")
            return
        longest = ATTENTIVE if self._alarms or self._options["evidence"] else math.inf
        leaves = step == "wave" and self._leaves()
        bake = min(FIRST, self._options["bake"]) if leaves else self._options["bake"]
        duration = rounds(bake, self._options["confirm_timeout"], longest)
        if step == "wave":
            self._await_wave()
        if step in ("wave", "bake"):
            self._begin_evidence()
            for number, seconds in enumerate(duration):
                self._ask_all("activate" if step == "wave" and not number else "bake", bake=seconds)
                self._look(last=number == len(duration) - 1)
            self._acknowledge(step)
        if leaves:
            self._leave()
        elif step in ("wave", "pause"):
            self._pause(self._options["pause"])
        if step != "finalize":
            self._stop_others()
        if (step == "finalize" or (step == "rollback" and self._is_bad())) and self._may_finalize(step):
            self._ask_all("finalize")
            self._ask_all("retry_rollback")
        if step == "finalize":
            end_detached(self._run)

    def _leaves(self) -> bool:
        """Return whether the run ends while the hosts of this wave bake."""
        if not self._options["detach"] or self._task.check_mode:
            return False
        pause = read_seconds("rollout_waves.pause", self._options["pause"], 0)
        return float(self._options["bake"]) + pause > FIRST

    def _leave(self) -> None:
        """Leave the hosts to whoever continues the run, where all is well so far."""
        if self._is_bad():
            return
        begun = [each["hosts"] for each in self._options["waves"]].index(self._options["wave"])
        seconds = self._options["bake"] + float(self._options["pause"]) - min(FIRST, self._options["bake"])
        terms = {name: self._options[name] for name in TERMS}
        self._detached = Detached(
            run=self._run.to_json(),
            after=self._options["wave_name"] or "this wave",
            until=now(seconds),
            waves=list(self._options["waves"][begun + 1 :]),
            hosts=list(self._hosts),
            terms={**terms, "emergency": self._terms.emergency},
        )
        self._detached.write()
        show(self._display, self._detached.words, self._door)

    def _resume(self) -> None:
        """Give the hosts of a run that was left a heartbeat, and judge them; once they have baked, the run goes on.

        Raises ``SluiceError`` where the run was not left, or somebody else continues it.
        """
        if self._detached is None:
            raise SluiceError(f"run {self._run.id} is not detached: it is at work, has ended, or never was")
        self._detached = take(self._detached)
        self._detached.write()
        if self._options["decision"] == STOP:
            who = visitor("continue").who
            problems = [{"what": f"{who} stopped the run"}]
            self._write("pause", "", {"operation": "pause", "ok": False, "who": who, "problems": problems})
        else:
            self._ask_all("bake")
            self._look(last=True)
        if self._is_bad() or self._detached.is_over:
            self._detached = replace(self._detached, until="")
        else:
            self._detached = replace(self._detached, pid=0)
            show(self._display, self._detached.words, self._door)
        self._detached.write()

    def _order(self) -> list[Wave]:
        """Divide the hosts into waves, and note a policy that is not the usual one. Raises ``InputError``."""
        groups = self._variables_of_task["groups"]
        order = waves(read_waves(self._options["waves"], groups), self._hosts, Inventory(groups, self._label))
        budget = budget_of(self._options["unreachable_budget"], len(self._hosts))
        if budget:
            self._record.note(PLAN, "", good=True, answer={"operation": PLAN, "unreachable_budget": budget})
        return order

    def _label(self, host: str, name: str) -> object:
        """Return the value of a host's variable; None where it has none."""
        variables = self._variables(host)
        if variables.get(name) is None:
            return None
        return self._templar.copy_with_new_env(available_variables=variables).template(variables[name])

    def _ask_all(self, phase: str, *, bake: float = 0.0) -> None:
        """Ask each host what ``phase`` means for it now. In ``activate`` those of earlier waves are watched on."""
        course = RunState(self._record.events())
        wanted = {}
        for host in self._hosts:
            operation, why = course.decide(phase, host, self._options["wave"])
            if not operation:
                self._done[host].setdefault("why", why)
            elif self._task.check_mode and operation != _LOOKS:
                self._done[host] = {"changed": True, "would": operation}
            else:
                wanted[host] = operation
        for host, answer in self._asked(wanted, course, bake):
            self._note(phase, host, answer)

    def _asked(
        self, operations: Mapping[str, str], course: RunState, bake: float = 0.0
    ) -> Iterator[tuple[str, Answer]]:
        """Ask each host for its operation, and yield the answers as they come."""
        questions: dict[_Wanted, Question] = {}
        asked: dict[str, _Wanted] = {}
        for host, operation in operations.items():
            try:
                wanted = self._wanted(operation, host, course)
                if wanted not in questions:
                    questions[wanted] = self._question(*wanted, bake)
                asked[host] = wanted
            except (SluiceError, OSError) as error:
                yield host, {"operation": operation, **failure(str(error))}
        askings = {host: HostRequest(questions[wanted], bake + self._terms.timeout) for host, wanted in asked.items()}
        began = now()
        with LiveLine(self._display, self._progress.now, self._door) as live:
            self._live = live
            self._progress.asks(live, {host: wanted.operation for host, wanted in asked.items()}, bake)
            for host, answer in self._answers(askings):
                operation, identity, _ = asked[host]
                held = hold_to(operation, identity, self._options["stored"], answer)
                # A host that went back tells itself where it is; the others are told.
                yield host, {"operation": operation, "asked": began, "release": identity or "", **held}
                self._progress.answered(host, operation, held)
            self._progress.all_answered()
        self._live = None

    def _wanted(self, operation: str, host: str, course: RunState) -> _Wanted:
        """What a host is to be asked. Hosts for which that is the same are asked the same."""
        if operation != "preflight":
            story = course.stories[host]
            if operation == "rollback":
                # Where it goes back to, the host knows; nothing that was noted before must keep it from that.
                return _Wanted(operation, None, False)
            # What the host was asked for, of which it was held to answer; else what it has stored under a name.
            identity = read_release_id(story.said("preflight", "release"))
            if operation == "activate" and not self._options["stored"]:
                identity = self._own(host)
            return _Wanted(operation, identity, bool(story.said("preflight", "has_release")))
        return _Wanted(operation, None if self._options["stored"] else self._own(host), False)

    def _own(self, host: str) -> ReleaseId:
        """The release that the gates made for a host. Raises ``SluiceError`` where that is none."""
        identity = self._options["releases"].get(host)
        if not identity:
            raise SluiceError("the gates made no release for this host; run sluice.nginx.deploy, which runs the gates")
        return read_release_id(identity)

    def _question(self, operation: str, identity: ReleaseId | None, has_release: bool, bake: float) -> Question:
        return build(
            operation,
            self._run,
            identity or "",
            self._release(operation, identity),
            self._terms,
            has_release=has_release,
            needs=self._options["needs"].get(identity or "", []),
            stored=self._options["stored"],
            bake=bake,
            permission=self._permission(operation, identity),
            decision=self._decision_for_hosts() if operation == "activate" else None,
        )

    def _permission(self, operation: str, identity: ReleaseId | None) -> Receipt | None:
        """Sign that hosts may go back to a release that they have, where there is a key."""
        if identity is None or operation != "activate" or not self._options["stored"]:
            return None
        signer = self._signer()
        return sign_rollback(signer, identity, self._run.id) if signer else None

    def _signer(self) -> Signer | None:
        if not self._options["signing_key"]:
            return None
        key = project() / Path(self._options["signing_key"]).expanduser()
        return Signer(key, read_inventory(self._options["inventory"]))

    def _release(self, operation: str, identity: ReleaseId | None) -> Release | None:
        """The release of the controller that the host is to get; none where it is one that the host has stored."""
        if identity is None or operation not in ("preflight", "activate") or self._options["stored"]:
            return None
        return self._store.get(identity)

    def _note(self, phase: str, host: str, answer: Answer) -> None:
        """Write the answer to the journal, and show what is wrong at once."""
        operation = answer["operation"]
        if operation == "activate":
            # What a host that cannot be reached any more will do by itself is known by this.
            answer["confirm_timeout"] = self._options["confirm_timeout"]
        baked = answer.pop("bake", None)
        tree, digests = answer.pop("tree", None), answer.pop("digests", {})
        self._write("bake" if operation == "bake" else phase, host, answer)
        if baked is not None:
            self._write("bake", host, {"operation": "bake", "ok": not baked.get("problems"), **baked})
        if phase == "preflight" and answer.get("platform"):
            self._told_of_platform[host] = {name: answer.get(name) for name in ("platform", "nginx")}
        said = self._done[host]
        said.update(operation=operation, ok=bool(answer.get("ok")))
        said["changed"] = said["changed"] or bool(answer.get("changed"))
        if phase == "preflight" and answer.get("ok"):
            said["changed"] = bool(answer.get("changes_needed")) and self._task.check_mode
            if tree is not None:
                diff = self._door.diff(self._difference(tree, digests, read_release_id(answer["release"])))
                if diff:
                    self._diffs.setdefault(diff, []).append(host)

    def _write(self, phase: str, host: str, answer: Answer) -> None:
        self._record.note(phase, host, good=bool(answer.get("ok")), answer=answer)
        for problem in answer.get("problems", []):
            self._shown(f"{host or 'the run'}: {phase}: {sentence(problem)}")

    def _shown(self, line: str) -> None:
        if self._live is None:
            show(self._display, line, self._door, color="red")
        else:
            self._live.line(line, "bad")

    def _difference(self, before: dict[str, str], digests: dict[str, str], identity: ReleaseId) -> str:
        """Compare a host's live tree with the release, file by file."""
        if not (self._store.root / identity / "release.json").is_file():
            return ""
        from ansible_collections.sluice.nginx.plugins.module_utils.fleet.difference import difference

        return difference(before, digests, self._store.get(identity).tree)


def _of_run(detached: Detached, hosts: list[str]) -> list[str]:
    """Return the hosts of a run that was left. Raises ``SluiceError`` where the play lacks any."""
    lacking = [host for host in detached.hosts if host not in hosts]
    if lacking:
        raise SluiceError(
            f"run {detached.run['id']} has hosts that are not in this play: {listed(lacking)}; leave out --limit, and "
            "give the inventory and group that the run was begun with"
        )
    return list(detached.hosts)


def _differences(diffs: dict[str, list[str]]) -> list[dict[str, str]]:
    """Each difference once, with the hosts that have it."""
    return [{"prepared": f"{', '.join(hosts)}:\n{text}"} for text, hosts in diffs.items()]
