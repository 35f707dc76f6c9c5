"""Takes the releases of a run through the gates, and writes receipts for those that pass."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.record import Record
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Store
from ansible_collections.sluice.nginx.plugins.module_utils.staging.connection import connect
from ansible_collections.sluice.nginx.plugins.module_utils.staging.labels import labels, project_label
from ansible_collections.sluice.nginx.plugins.module_utils.staging.stage import (
    StageSettings,
    owner_label,
    remove_orphans,
)
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.examine import Candidate, Examiner, write_receipt
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import Options
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.runner import find_gates
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.table import report
from ansible_collections.sluice.nginx.plugins.module_utils.world.model import parse_services
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import ControllerAction, project, read_run, state


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
    }

    def work(self, options: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Examine every release; fails unless each gate passed for each of them."""
        run = read_run(options["run"])
        record = Record(run)
        examined = self._examiner(options, run.id).examine(self._candidates(options["releases"]))
        passed = all(each.passed for each in examined)
        for each in examined:
            if each.passed:
                write_receipt(each, run.id)
        record.note("gate", "", good=passed, answer={"releases": [each.to_json() for each in examined]})
        path = record.write({"outcome": "passed the gates" if passed else "stopped by the gates"})
        shown = record.show("gates", f"{report(examined)}\n\nrecord: {path}")
        answer = {
            "changed": False,
            "releases": {host: each["id"] for each in options["releases"] for host in each["hosts"]},
            "sluice_report": str(shown),
        }
        if passed:
            return answer
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


def _own_gates(path: str) -> Path | None:
    if not path:
        return None
    folder = project() / path
    if not folder.is_dir():
        raise InputError(
            "gates_path", f"{folder} is no directory; name a folder with one Python file for each gate of your own"
        )
    return folder
