"""Takes the releases of a run through the gates, and writes receipts for those that pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.ask import reason_of
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.record import Record
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.report import emergency_words
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Store
from ansible_collections.sluice.nginx.plugins.module_utils.staging.connection import connect
from ansible_collections.sluice.nginx.plugins.module_utils.staging.labels import labels, project_label
from ansible_collections.sluice.nginx.plugins.module_utils.staging.stage import (
    StageSettings,
    owner_label,
    remove_orphans,
)
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.examine import Candidate, Examined, Examiner
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import Options
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.receipts import (
    sign,
    withdraw_receipt,
    write_receipt,
)
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.runner import find_gates
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.table import report
from ansible_collections.sluice.nginx.plugins.module_utils.world.model import parse_services
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import ControllerAction, project, read_run, state

_MOST_HOURS = 24.0 * 366


class ActionModule(ControllerAction):
    """Runs the gates on staging containers of the controller."""

    SPEC: ClassVar[dict[str, Any]] = {
        "run": {"type": "dict", "required": True},
        "releases": {"type": "list", "elements": "dict", "required": True},
        "image": {"type": "str", "required": True},
        "docroots": {"type": "dict", "default": {}},
        "directories": {"type": "dict", "default": {}},
        "services": {"type": "list", "elements": "dict", "default": []},
        "path": {"type": "str", "default": ""},
        "lint_level": {"type": "str", "default": "high"},
        "lint_accept": {"type": "list", "elements": "str", "default": []},
        "allow_warnings": {"type": "bool", "default": False},
        "verify": {"type": "list", "elements": "str", "default": []},
        "signing_key": {"type": "str", "default": ""},
        "receipt_hours": {"type": "float", "default": 24},
        "emergency": {"type": "str", "default": ""},
    }

    def work(self, options: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Examine every release; fails unless each gate passed for each of them, or an emergency overrides those that
        did not.
        """
        run = read_run(options["run"])
        record = Record(run)
        reason = reason_of(options["emergency"])
        key, hours = _signing(options)
        examined = self._examiner(options, run.id).examine(self._candidates(options["releases"]))
        for each in examined:
            if each.passed:
                write_receipt(each, run.id, hours, key)
            elif each.candidate.release is not None:
                withdraw_receipt(each.candidate.release)
        emergency = {"reason": reason, "gates": _overridden(examined)} if reason else None
        # A release that could not be rendered is none, and no reason makes it one.
        goes_on = all(each.passed or (reason and each.candidate.release is not None) for each in examined)
        noted = {"releases": [each.to_json() for each in examined], "signed": key is not None, "emergency": emergency}
        record.note("gate", "", good=goes_on, answer=noted)
        outcome = (
            "passed the gates" if not _overridden(examined) else "EMERGENCY" if goes_on else "stopped by the gates"
        )
        path = record.write({"outcome": outcome, "signed": key is not None, "emergency": emergency})
        loud = [emergency_words(emergency)] if emergency else []
        unsigned = [] if key else ["receipts are not signed: gates_signing_key names no key"]
        shown = record.show("gates", "\n\n".join([*loud, report(examined), *unsigned, f"record: {path}"]))
        answer = {
            "changed": False,
            "releases": {host: each["id"] for each in options["releases"] for host in each["hosts"]},
            "sluice_report": str(shown),
        }
        if goes_on:
            return {**answer, "sluice_problems": loud}
        failed = sum(not each.passed for each in examined)
        return {
            **answer,
            "failed": True,
            "msg": f"{failed} of {len(examined)} releases did not pass the gates; no host was touched",
        }

    def _examiner(self, options: Mapping[str, Any], run: str) -> Examiner:
        docroots = {path: project() / folder for path, folder in options["docroots"].items()}
        client = connect()
        remove_orphans(client, project_label(project()))
        marks = {**labels(project(), "stage"), **owner_label()}
        return Examiner(
            client=client,
            gates=find_gates(_own_gates(options["path"])),
            options=Options(
                lint_level=options["lint_level"],
                lint_accept=tuple(options["lint_accept"]),
                allow_warnings=options["allow_warnings"],
                verify=tuple(str(project() / name) for name in options["verify"]),
                docroots={path: str(folder) for path, folder in docroots.items()},
            ),
            settings=StageSettings(options["image"], marks, docroots, options["directories"]),
            services=parse_services(options["services"]),
            run=run,
        )

    def _candidates(self, releases: list[dict[str, Any]]) -> list[Candidate]:
        store = Store(state() / "releases")
        return [
            Candidate(tuple(each["hosts"]), store.get(each["id"]) if each["id"] else None, tuple(each["problems"]))
            for each in releases
        ]


def _signing(options: Mapping[str, Any]) -> tuple[Path | None, float]:
    """The key that signs, and the hours for which a receipt is good. What cannot sign is told before the gates run."""
    hours = float(options["receipt_hours"])
    if not 0 < hours < _MOST_HOURS:
        raise InputError("gates_receipt_hours", f"{hours:g} is no time; give hours above 0 and below {_MOST_HOURS:g}")
    if not options["signing_key"]:
        return None, hours
    key = project() / Path(options["signing_key"]).expanduser()
    sign(b"", key)
    return key, hours


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
    folder = project() / path
    if not folder.is_dir():
        raise InputError(
            "gates_path", f"{folder} is no directory; name a folder with one Python file for each gate of your own"
        )
    return folder
