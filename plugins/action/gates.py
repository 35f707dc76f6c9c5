"""Takes the releases of a run through the gates, and writes receipts for those that pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.accepted.judging import Accepted, notes
from ansible_collections.sluice.nginx.plugins.module_utils.accepted.recorded import faults_of
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.waivers import read_accept
from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError, SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.policy import read_moments
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.requests import reason_of
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import RunRecord
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.signing import read_inventory
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.summarize import summarize
from ansible_collections.sluice.nginx.plugins.module_utils.gating.discovery import find_gates
from ansible_collections.sluice.nginx.plugins.module_utils.gating.examine import Candidate, Examined, Examiner, Later
from ansible_collections.sluice.nginx.plugins.module_utils.gating.receipts import sign, withdraw_receipt, write_receipt
from ansible_collections.sluice.nginx.plugins.module_utils.record.lived import Soaking, read_demand
from ansible_collections.sluice.nginx.plugins.module_utils.record.summary import accepted_texts, emergency_text
from ansible_collections.sluice.nginx.plugins.module_utils.redactor.releases import door_of
from ansible_collections.sluice.nginx.plugins.module_utils.release.live_trees import find_live
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.renewal.model import read_renewal
from ansible_collections.sluice.nginx.plugins.module_utils.reports.console import gates_text
from ansible_collections.sluice.nginx.plugins.module_utils.reports.progress import GatesProgress
from ansible_collections.sluice.nginx.plugins.module_utils.staging.ahead import end_ahead
from ansible_collections.sluice.nginx.plugins.module_utils.staging.connection import connect
from ansible_collections.sluice.nginx.plugins.module_utils.staging.labels import project_label
from ansible_collections.sluice.nginx.plugins.module_utils.staging.stage import remove_orphans
from ansible_collections.sluice.nginx.plugins.module_utils.storage import path_of
from ansible_collections.sluice.nginx.plugins.module_utils.untrusted import ReleaseId, read_release_id
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import GateOptions
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.runner import read_waivers
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.watching import Watcher
from ansible_collections.sluice.nginx.plugins.plugin_utils.accepting import accepted_file, offer
from ansible_collections.sluice.nginx.plugins.plugin_utils.concluding import ConcludingAction
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import project, read_run
from ansible_collections.sluice.nginx.plugins.plugin_utils.emergency import NAME as EMERGENCY
from ansible_collections.sluice.nginx.plugins.plugin_utils.emergency import emergency_of
from ansible_collections.sluice.nginx.plugins.plugin_utils.live import LiveLine
from ansible_collections.sluice.nginx.plugins.plugin_utils.showing import warn
from ansible_collections.sluice.nginx.plugins.plugin_utils.staging import PlatformsOfHosts, read_staging

_MOST_HOURS = 24.0 * 366
_MOST_SEARCHED = 3600.0
_FEW = 4


def _refuse_sliced(task_vars: Mapping[str, Any]) -> None:
    """Refuse a job slice of AWX before anything is examined. The preflight reads the same variables, and holds them."""
    from ansible_collections.sluice.nginx.plugins.module_utils.slices.model import refuse_sliced_job

    written = str(task_vars.get("rollout_slices") or 0)
    count = int(written) if written.isdecimal() else 2
    refuse_sliced_job(task_vars, has_store=bool(task_vars.get("rollout_store")), count=count)


class ActionModule(ConcludingAction):
    """Runs the gates on staging containers of the controller."""

    def work(self, options: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Examine every release; fails unless each gate passed for each of them, or an emergency overrides those that
        did not.
        """
        run = read_run(options["run"])
        record = RunRecord(run)
        try:
            if options["deploy"] and "awx_job_template_name" in task_vars:
                _refuse_sliced(task_vars)
            given = emergency_of(options["emergency"], self._loader, self._templar, task_vars.get(EMERGENCY))
            if given and not options["deploy"]:
                self._display.warning(f"{EMERGENCY} is ignored: this run only examines, and deploys nothing")
                given = ""
            return self._examine({**options, "emergency": given}, record)
        except SluiceError as error:
            # Nothing was examined, and the run has a record all the same.
            noted = {"releases": [], "signed": None, "emergency": None, "problems": [{"what": str(error)}]}
            record.note("gate", "", good=False, answer=noted)
            told = self._conclude_gates(record, f"the gates could not be run: {error}")
            return {"changed": False, "failed": True, "msg": record.door.line(error), **told}

    def _examine(self, options: dict[str, Any], record: RunRecord) -> dict[str, Any]:
        """Examine; stages of few releases are removed while the record is written."""
        removing: list[Future[None]] = []
        with ThreadPoolExecutor(_FEW) as pool:

            def remove(work: Callable[[], None]) -> None:
                removing.append(pool.submit(work))

            try:
                answer = self._judge(options, record, remove if len(options["releases"]) <= _FEW else None)
            finally:
                remove(lambda: end_ahead(str(options["staging"].get("ahead") or "")))
        for each in removing:
            if error := each.exception():
                # It changes nothing of what the gates said, and the next run removes what is left.
                warn(self._display, error, record.door)
        return answer

    def _judge(self, options: dict[str, Any], record: RunRecord, later: Later | None) -> dict[str, Any]:
        run = record.run
        reason = reason_of(options["emergency"])
        key, hours = _signing(options)
        inventory = read_inventory(options["inventory"])
        file = accepted_file(options["accepted_file"])
        changes = file.read()
        soaking = self._soaking(options, reason)
        # An emergency waits for no window that the controller has set; those of the hosts are theirs.
        moments = {} if reason else read_moments(options["windows"], options["freezes"], "gates")
        candidates = self._candidates(options)
        record.door = door_of(each for one in candidates for each in (one.release, one.live))
        accepted = Accepted(changes, file.shown, record.door)
        with LiveLine(self._display, door=record.door) as live:
            progress = GatesProgress(live, record.door, len(candidates))
            live.now = progress.now
            examined = self._examiner(options, run.id, accepted, progress.of).examine(candidates, later)
        for each in examined:
            if each.candidate.release is not None and (each.passed or reason):
                lived = soaking.told(each.candidate.release.id)
                more: dict[str, Any] = {"inventory": inventory, "reason": reason, "lived": lived, "moments": moments}
                write_receipt(each, run.id, hours, key, **more)
            elif each.candidate.release is not None:
                withdraw_receipt(each.candidate.release)
        emergency = {"reason": reason, "gates": _overridden(examined)} if reason else None
        # A release that could not be rendered is none, and no reason makes it one.
        goes_on = all(each.passed or (reason and each.candidate.release is not None) for each in examined)
        # From here on people read it.
        examined = [each.through(record.door) for each in examined]
        releases = [{**each.to_json(), "lived": soaking.told(each.release_id)} for each in examined]
        offered = "" if goes_on else self._offered(run.id, releases)
        noted: dict[str, Any] = {"releases": releases, "signed": key is not None, "emergency": emergency}
        noted.update(offer=offered, inventory=inventory)
        record.note("gate", "", good=goes_on, answer=noted)
        loud = [*([emergency_text(emergency)] if emergency else []), *soaking.overridden, *accepted_texts(releases)]
        unsigned = [] if key else ["receipts are not signed: gates_signing_key names no key"]
        told = notes(accepted, [(each["live"], each["release"]) for each in releases])
        offers = [f"if all of this is meant, say why, and commit the file that this writes:\n    {offered}"]
        text = "\n\n".join([*loud, gates_text(examined), *told, *unsigned, *(offers if offered else [])]) + "\n"
        answer = {
            "changed": False,
            "releases": {host: each["id"] for each in options["releases"] for host in each["hosts"]},
            **self._conclude_gates(record, text),
        }
        if goes_on:
            needs = {each.candidate.release.id: list(each.needs) for each in examined if each.candidate.release}
            # The verdicts were shown as they fell, and hosts come next.
            brief = "\n\n".join(part for part in (gates_text(examined, tables=False), *told, *unsigned) if part)
            return {**answer, "needs": needs, "sluice_problems": loud, "sluice_brief": brief}
        failed = sum(not each.passed for each in examined)
        return {
            **answer,
            "failed": True,
            "msg": f"{failed} of {len(examined)} releases did not pass the gates; no host was touched",
        }

    def _soaking(self, options: Mapping[str, Any], reason: str) -> Soaking:
        """Return where the releases have lived. Raises ``SluiceError`` where one has not soaked as is demanded."""
        runs = self._state() / "runs"
        named = [str(each["id"]) for each in options["releases"] if each["id"]]
        return Soaking.of(runs, named, read_demand("gates_soaked", options["soaked"]), reason)

    def _offered(self, run: str, releases: Sequence[Mapping[str, Any]]) -> str:
        """The command that accepts what the gates found, where all of it can be accepted."""
        faults = [fault for each in releases for fault in faults_of(each["verdicts"])]
        return offer(run, self._loader) if faults and not any(why for _, _, why in faults) else ""

    def _conclude_gates(self, record: RunRecord, text: str) -> dict[str, Any]:
        events = list(record.events())
        return self._conclude(record, "gates", text, summarize(events), events)

    def _examiner(
        self, options: Mapping[str, Any], run: str, accepted: Accepted, watch: Callable[[Candidate], Watcher]
    ) -> Examiner:
        settings, services = read_staging(options["staging"])
        client = connect()
        remove_orphans(client, project_label(project()))
        gates = find_gates(_own_gates(options["path"]))
        read_accept(options["accept"])
        read_renewal(options["renewal"])
        given = {each.name: options[each.name] for each in fields(GateOptions) if each.name in options}
        given["decide"] = read_waivers(options["decide"], gates)
        given["replay_log"] = str(path_of(project(), options["replay_log"])) if options["replay_log"] else ""
        given["verify"] = [str(path_of(project(), name)) for name in options["verify"]]
        given["docroots"] = {path: str(folder) for path, folder in settings.docroots.items()}
        return Examiner(
            client=client,
            gates=gates,
            options=GateOptions(**given),
            settings=settings,
            services=services,
            run=run,
            accepted=accepted,
            culprit_seconds=_culprit_seconds(options),
            endpoints=options["probe_endpoints"],
            watch=watch,
        )

    def _candidates(self, options: Mapping[str, Any]) -> list[Candidate]:
        made, served = ReleaseStore(self._state() / "releases"), ReleaseStore(self._state() / "live")
        answers, platforms = options["said"], PlatformsOfHosts(options["staging"])
        found = []
        for each in options["releases"]:
            said = {host: answers[host] for host in each["hosts"] if host in answers}
            live = None
            if each["live"]:
                live = served.get(each["live"])
            elif serving := _most((answer.get("live_release") for answer in said.values()), made):
                # Fails, in words, where it went after it was found for the host.
                live = find_live(self._state(), serving) or served.get(serving)
            found.append(
                Candidate(
                    hosts=tuple(each["hosts"]),
                    release=made.get(each["id"]) if each["id"] else None,
                    problems=tuple(each["problems"]),
                    live=live,
                    said=said or None,
                    declared=tuple(each["needs"]),
                    settings=platforms.settings(each["hosts"][0]),
                    platform=platforms.title(each["hosts"][0]),
                )
            )
        return found


def _most(served: Iterable[Any], made: ReleaseStore) -> ReleaseId | None:
    """The release that most hosts serve; None when they serve none. Of as many, one that was ``made`` here counts more
    than what a host has sent, which may be anything.
    """
    counted = Counter(read_release_id(identity) for identity in served if identity)
    return max(counted, key=lambda each: (counted[each], (made.root / each).is_dir()), default=None)


def _signing(options: Mapping[str, Any]) -> tuple[Path | None, float]:
    """The key that signs, and the hours for which a receipt is good. What cannot sign is told before the gates run."""
    hours = float(options["receipt_hours"])
    if not 0 < hours < _MOST_HOURS:
        raise InputError("gates_receipt_hours", f"{hours:g} is no time; give hours above 0 and below {_MOST_HOURS:g}")
    if not options["signing_key"]:
        return None, hours
    key = path_of(project(), options["signing_key"])
    sign(b"", key)
    return key, hours


def _culprit_seconds(options: Mapping[str, Any]) -> float:
    """For how long the culprit lines are searched; in an emergency nobody waits for that."""
    seconds = float(options["culprit_seconds"])
    if not 0 < seconds <= _MOST_SEARCHED:
        raise InputError(
            "gates_culprit_seconds",
            f"{seconds:g} is no time for it; give seconds above 0 up to {_MOST_SEARCHED:g}, or gates_culprit: false",
        )
    return seconds if options["culprits"] and not options["emergency"] else 0


def _overridden(examined: Sequence[Examined]) -> dict[str, list[str]]:
    """The gates that did not pass, for each release (or what stands for it) that has any."""
    return {
        each.candidate.release.id if each.candidate.release else f"none for {each.candidate.hosts[0]}": [
            verdict.gate for verdict in each.verdicts if verdict.result != "pass"
        ]
        for each in examined
        if not each.passed
    }


def _own_gates(path: str) -> Path | None:
    if not path:
        return None
    folder = path_of(project(), path)
    if not folder.is_dir():
        raise InputError(
            "gates_path", f"{folder} is no directory; name a folder with one Python file for each gate of your own"
        )
    return folder
