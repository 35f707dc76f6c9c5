"""Ends a run: the table of hosts, ``run.json``, and a failure unless every host is where it was to be."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.bakes import short_bake
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.detached import read_detached
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import RunRecord
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.signing import read_inventory
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.stored_releases import stored_releases
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.summarize import cleared_events, gate_answer, summarize
from ansible_collections.sluice.nginx.plugins.module_utils.record.summary import RunSummary
from ansible_collections.sluice.nginx.plugins.module_utils.reports.console import fleet_text
from ansible_collections.sluice.nginx.plugins.plugin_utils.accepting import accepted_file
from ansible_collections.sluice.nginx.plugins.plugin_utils.concluding import ConcludingAction
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import group_of, read_run


class ActionModule(ConcludingAction):
    """Reads the journal of the run."""

    def work(self, options: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Judge the run."""
        record = RunRecord(read_run(options["run"]))
        left = read_detached(record.run.folder)
        if left is not None:
            # There is nothing to judge yet, and the record says that the roll-out was not concluded.
            return {"changed": False, "outcome": left.words}
        events = cleared_events(record.events())
        releases = []
        if not any(event.phase == "gate" for event in events):
            # Here, as it brings nginx's grammar along, and most runs begin with the gates.
            from ansible_collections.sluice.nginx.plugins.module_utils.release.live_trees import find_live

            releases = stored_releases(events, functools.partial(find_live, self._state()))
        summary = summarize(events, releases, check_mode=self._task.check_mode)
        text = fleet_text(summary, gate_answer(events).get("emergency"))
        short = short_bake(events) if summary.result == "confirmed" else ""
        text = "\n\n".join([*([short] if short else []), text, *self._remove_spent(options, task_vars, summary)])
        inventory = read_inventory(options["inventory"])
        told = self._conclude(record, "fleet", text, summary, events, releases, inventory)
        answer = {"changed": False, "outcome": summary.outcome, **told}
        if options.get("publish") and summary.result in ("confirmed", "unchanged") and not self._task.check_mode:
            # Here, as most runs publish nothing.
            from ansible_collections.sluice.nginx.plugins.plugin_utils.publishing import publish

            answer.update(publish(self, options, summary))
        return answer if summary.is_good else {**answer, "failed": True, "msg": summary.outcome}

    def _remove_spent(self, options: Mapping[str, Any], task_vars: Mapping[str, Any], summary: RunSummary) -> list[str]:
        """Remove what was accepted of a change that serves on all hosts of the group now, and say so.

        Other hosts may still need it. What cannot be removed changes nothing of what the run came to.
        """
        if summary.result not in ("confirmed", "unchanged"):
            return []
        try:
            hosts = set(task_vars.get("groups", {}).get(group_of(task_vars, self._templar), ()))
            if not hosts or not hosts <= summary.hosts.keys():
                return []
            serving = {host.release for host in summary.hosts.values()}
            file = accepted_file(options["accepted_file"])
            spent = [change for change in file.read() if change.candidates <= serving]
            if not spent:
                return []
            file.remove(serving)
        except SluiceError as error:
            return [f"what was accepted of this change is spent, and could not be removed; delete it: {error}"]
        runs = ", ".join(dict.fromkeys(change.run for change in spent))
        return [f"{file.shown}: what was accepted of run {runs} is spent, and was removed; commit the file"]
