"""Lets each host look by itself for the release that is published for it, or not any more."""

from __future__ import annotations

from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.fleet.requests import Question, RolloutOptions
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import visitor
from ansible_collections.sluice.nginx.plugins.module_utils.publishing.model import read_pull
from ansible_collections.sluice.nginx.plugins.module_utils.textfmt import sentences
from ansible_collections.sluice.nginx.plugins.plugin_utils.fleet import FleetAction, HostRequest, failing
from ansible_collections.sluice.nginx.plugins.plugin_utils.showing import show


class ActionModule(FleetAction):
    """Asks all hosts at once, each with its own name."""

    def work_on(self, hosts: list[str], options: dict[str, Any]) -> dict[str, Any]:
        """Return the paths that changed; fails for hosts that could not be told, and says why."""
        row, timeout = read_pull(options["pull"]), RolloutOptions().timeout
        base = {"op": "pull", "run": visitor("pull").asking(), "looking": bool(self._task.check_mode)}
        asked = {
            host: HostRequest(Question({**base, "settings": row.of(host).to_json() if row else None}), timeout)
            for host in hosts
        }
        failed, changed = [], {}
        for host, answer in self._answers(asked):
            changed[host] = list(answer.get("paths", []))
            if not answer["ok"]:
                failed.append(f"{host}: {sentences(answer)}")
            elif answer["cron"]:
                line = f"{host}: this host has no systemd; add this line to /etc/crontab: {answer['cron']}"
                show(self._display, line)
        result = {"changed": any(changed.values()), "hosts": changed}
        return failing(result, failed) if failed else result
