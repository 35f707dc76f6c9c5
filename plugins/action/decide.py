"""Lets a run that waits for a person go on, or stops it."""

from __future__ import annotations

from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.fleet.detached import find_detached
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.pause import HEARTBEAT, decide_wait, find_waiting
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import ControllerAction
from ansible_collections.sluice.nginx.plugins.plugin_utils.showing import show


class ActionModule(ControllerAction):
    """Writes the decision into the record of the run; the run itself reads it within seconds. No host is asked."""

    def work(self, options: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Decide for the run, and return its id and what it waited after."""
        runs = self._state() / "runs"
        found = find_detached(runs, options["run"])
        if found:
            return {"changed": False, "run": found[0].run["id"], "detached": True, "facts": found[0].run}
        if options["decision"] == HEARTBEAT:
            show(self._display, "no run is detached; there is nothing to continue")
            return {"changed": False, "run": "", "detached": False}
        folder = find_waiting(runs, options["run"])
        if self._task.check_mode:
            return {"changed": True, "run": folder.name, "detached": False}
        after = decide_wait(folder, options["decision"])
        show(self._display, f"run {folder.name}, which waits after {after}: {options['decision']}")
        return {"changed": True, "run": folder.name, "after": after, "detached": False}
