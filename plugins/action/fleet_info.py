"""Asks every host what it serves, and shows it: a table with their stories, or JSON."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.fleet.requests import RolloutOptions, build
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import visitor
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.status import status_text
from ansible_collections.sluice.nginx.plugins.module_utils.redactor.redactor import Redactor
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import pulling_hosts
from ansible_collections.sluice.nginx.plugins.plugin_utils.fleet import FleetAction, HostRequest
from ansible_collections.sluice.nginx.plugins.plugin_utils.showing import show_cleared


class ActionModule(FleetAction):
    """Only looks, outside of any run."""

    def work_on(self, hosts: list[str], options: dict[str, Any]) -> dict[str, Any]:
        """Show the table, or JSON for machines; fails for a host that cannot be asked."""
        terms = RolloutOptions()
        question = build("status", visitor("status"), "", None, terms)
        said = dict(self._answers({host: HostRequest(question, terms.timeout) for host in hosts}))
        answers = Redactor().data({host: said[host] for host in hosts})
        text = (
            json.dumps(answers, indent=1, sort_keys=True, default=str)
            if options["format"] == "json"
            else status_text(answers)
        )
        pulled = pulling_hosts(self._variables_of_task)
        silent = [host for host, answer in answers.items() if answer.get("unreachable_host") and host not in pulled]
        show_cleared(self._display, text)
        result = {"changed": False, "answers": answers}
        return {**result, "failed": True, "msg": f"could not be reached: {', '.join(silent)}"} if silent else result
