"""Ends a run: the table of hosts, ``run.json``, and a failure unless every host is where it was to be."""

from __future__ import annotations

from typing import Any, ClassVar

from ansible_collections.sluice.nginx.plugins.module_utils.fleet.record import Record
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.report import conclude
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import ControllerAction, read_run


class ActionModule(ControllerAction):
    """Reads the journal of the run."""

    SPEC: ClassVar[dict[str, Any]] = {"run": {"type": "dict", "required": True}}

    def work(self, options: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Judge the run."""
        record = Record(read_run(options["run"]))
        conclusion = conclude(record.events(), check_mode=self._task.check_mode)
        path = record.write(
            {"outcome": conclusion.outcome, "hosts": conclusion.hosts, "emergency": conclusion.emergency}
        )
        shown = record.show("fleet", f"{conclusion.text}\n\n{conclusion.outcome}\nrecord: {path}")
        answer = {"changed": False, "outcome": conclusion.outcome, "sluice_report": str(shown)}
        return answer if conclusion.good else {**answer, "failed": True, "msg": conclusion.outcome}
