"""Shows what the hosts said of themselves: a table with their stories, or JSON."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from ansible_collections.sluice.nginx.plugins.module_utils.fleet.status import status_text
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import ControllerAction


class ActionModule(ControllerAction):
    """Reads what ``sluice.nginx.host`` registered on each host of the play."""

    SPEC: ClassVar[dict[str, Any]] = {
        "registered": {"type": "str", "required": True},
        "format": {"type": "str", "default": "table", "choices": ["table", "json"]},
    }

    def work(self, options: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Show the table, or JSON for machines; fails for a host that cannot be asked."""
        hosts = task_vars["ansible_play_hosts_all"]
        answers = {host: task_vars["hostvars"][host][options["registered"]]["answer"] for host in hosts}
        text = (
            json.dumps(answers, indent=1, sort_keys=True, default=str)
            if options["format"] == "json"
            else status_text(answers)
        )
        silent = [host for host, answer in answers.items() if answer.get("unreachable_host")]
        self._display.display(text)
        result = {"changed": False, "answers": answers}
        return {**result, "failed": True, "msg": f"could not be reached: {', '.join(silent)}"} if silent else result
