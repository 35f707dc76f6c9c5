"""Ends a run: the table of hosts, ``run.json``, and a failure unless every host is where it was to be."""

from __future__ import annotations

import functools
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.fleet.record import Record
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.stored import stored_releases
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.summarize import cleared_events, gate_answer, summarize
from ansible_collections.sluice.nginx.plugins.module_utils.reports.console import fleet_text
from ansible_collections.sluice.nginx.plugins.plugin_utils.concluding import ConcludingAction
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import read_run


class ActionModule(ConcludingAction):
    """Reads the journal of the run."""

    def work(self, options: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Judge the run."""
        record = Record(read_run(options["run"]))
        events = cleared_events(record.events())
        releases = []
        if not any(event.phase == "gate" for event in events):
            # Here, as it brings nginx's grammar along, and most runs begin with the gates.
            from ansible_collections.sluice.nginx.plugins.module_utils.release.fetched import find_live

            releases = stored_releases(events, functools.partial(find_live, self._state()))
        summary = summarize(events, releases, check_mode=self._task.check_mode)
        text = fleet_text(summary, gate_answer(events).get("emergency"))
        told = self._conclude(record, "fleet", text, summary, events, releases)
        answer = {"changed": False, "outcome": summary.outcome, **told}
        return answer if summary.is_good else {**answer, "failed": True, "msg": summary.outcome}
