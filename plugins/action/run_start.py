"""Opens the record of a run."""

from __future__ import annotations

from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import open_run
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import ControllerAction


class ActionModule(ControllerAction):
    """Makes a folder below ``.sluice/runs``."""

    def work(self, options: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Return the run's id and folder."""
        return {"changed": False, **open_run(self._state() / "runs").to_json()}
