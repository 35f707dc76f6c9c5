"""Ends a run: the table of hosts, ``run.json``, and a failure unless every host is where it was to be."""

from __future__ import annotations

import functools
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.fleet.record import Record
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.report import conclude
from ansible_collections.sluice.nginx.plugins.module_utils.record.changes import stored_releases
from ansible_collections.sluice.nginx.plugins.plugin_utils.concluding import ConcludingAction
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import read_run


class ActionModule(ConcludingAction):
    """Reads the journal of the run."""

    def work(self, options: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Judge the run."""
        record = Record(read_run(options["run"]))
        events = list(record.events())
        conclusion = conclude(events, check_mode=self._task.check_mode)
        releases = []
        if not any(event.phase == "gate" for event in events):
            # Here, as it brings nginx's grammar along, and most runs begin with the gates.
            from ansible_collections.sluice.nginx.plugins.module_utils.release.fetched import find_live

            releases = stored_releases(events, functools.partial(find_live, self._state()))
        told = self._conclude(
            record,
            "fleet",
            f"{conclusion.text}\n\n{conclusion.outcome}",
            conclusion.result,
            conclusion.outcome,
            conclusion.hosts,
            releases,
        )
        answer = {"changed": False, "outcome": conclusion.outcome, **told}
        return answer if conclusion.good else {**answer, "failed": True, "msg": conclusion.outcome}
