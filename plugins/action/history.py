"""Writes the index page over all runs."""

from __future__ import annotations

from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.reports.history import history
from ansible_collections.sluice.nginx.plugins.module_utils.storage import make_folder, write_text
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import ControllerAction
from ansible_collections.sluice.nginx.plugins.plugin_utils.showing import show


class ActionModule(ControllerAction):
    """Reads ``.sluice/runs``; no host is asked."""

    def work(self, options: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Return the page's path."""
        runs = self._state() / "runs"
        path = runs / "index.html"
        try:
            make_folder(runs)
            write_text(path, history(runs))
        except OSError as error:
            raise SluiceError(
                f"{path} cannot be written: {error.strerror}; give this user the folder {runs}"
            ) from error
        show(self._display, f"history: {path}")
        return {"changed": False, "path": str(path)}
