"""Makes or removes the containers of a sandbox on the controller."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.sandbox.hosts import (
    Fleet,
    SandboxHost,
    ensure_fleet,
    remove_fleet,
)
from ansible_collections.sluice.nginx.plugins.module_utils.staging.connection import connect
from ansible_collections.sluice.nginx.plugins.module_utils.textfmt import count
from ansible_collections.sluice.nginx.plugins.module_utils.untrusted import read_name
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import ControllerAction, project
from ansible_collections.sluice.nginx.plugins.plugin_utils.live import LiveLine


class ActionModule(ControllerAction):
    """Asks Docker on the controller."""

    _supports_check_mode = False

    def work(self, options: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Make or remove the hosts."""
        client = connect()
        fleet = Fleet(read_name(options["name"], "sandbox_name"), project().resolve(), self._state().resolve())
        if options["state"] == "absent":
            return {"changed": remove_fleet(client, fleet, options["hosts"])}
        hosts = {
            name: SandboxHost(
                tuple(options["aliases"].get(name, [])), "monitor" if name in options["monitors"] else "web"
            )
            for name in options["hosts"]
        }
        folders = {name: Path(folder) for name, folder in options["context"].items()}
        with LiveLine(self._display) as live:
            changed = ensure_fleet(client, fleet, hosts, options["image"], folders, live.goes_on)
            live.line(f"{count(len(hosts), 'host')} of the sandbox {fleet.name} run", "good")
        return {"changed": changed, "folder": str(fleet.folder)}
