"""Opens or ends the silence of a deployment at Alertmanager."""

from __future__ import annotations

from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import ControllerAction, read_run
from ansible_collections.sluice.nginx.plugins.plugin_utils.showing import warn


class ActionModule(ControllerAction):
    """Asks Alertmanager from the controller, and never fails for it."""

    BYPASS_HOST_LOOP = True

    def work(self, options: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Return what Alertmanager took; what it does not take is a warning."""
        if self._task.check_mode:
            return {"changed": False}
        # Here, as Ansible loads the actions of tasks that it skips, too.
        from ansible_collections.sluice.nginx.plugins.module_utils.monitor.silences import close_silence, open_silence

        run = read_run(options["run"])
        if options["state"] == "closed":
            said = close_silence(options["url"], run)
        elif not options["url"]:
            return {"changed": False}
        elif options["minutes"] <= 0:
            raise InputError("monitor_silence_minutes", f"{options['minutes']:g} is no time; give minutes above 0")
        else:
            # Of the play there is also localhost, which no alert is about.
            members = frozenset(task_vars["groups"].get(self._group(), ()))
            hosts = [host for host in task_vars["ansible_play_hosts"] if host in members]
            said = open_silence(options["url"], run, hosts, options["minutes"])
        if said:
            warn(self._display, said)
        return {"changed": False, "said": said}
