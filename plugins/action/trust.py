"""Tells every host who may sign for it, and gives it an engine of its own that takes nothing unsigned."""

from __future__ import annotations

from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils import remote
from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.policy import read_policy
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.requests import Question, RolloutOptions
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import visitor
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.signing import (
    read_inventory,
    read_signers,
    sign_trust,
)
from ansible_collections.sluice.nginx.plugins.module_utils.storage import path_of
from ansible_collections.sluice.nginx.plugins.module_utils.textfmt import sentences
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import project
from ansible_collections.sluice.nginx.plugins.plugin_utils.fleet import FleetAction, HostRequest, failing
from ansible_collections.sluice.nginx.plugins.plugin_utils.showing import show


class ActionModule(FleetAction):
    """Asks all hosts at once, each for its own ``inventory``."""

    def work_on(self, hosts: list[str], options: dict[str, Any]) -> dict[str, Any]:
        """Return the hosts; fails for those that could not be told, and says why."""
        signers = read_signers(project(), options["allowed_signers"])
        inventory = read_inventory(options["inventory"])
        if not inventory:
            raise InputError("gates_inventory", "the inventory has no name; give it one, as `production`")
        key = path_of(project(), options["signing_key"]) if options["signing_key"] else None
        policy = read_policy(options["policy"])
        signed = sign_trust(inventory, signers, forget=options["forget"], key=key, policy=policy)
        request = {"op": "trust", "run": visitor("trust").asking(), "looking": bool(self._task.check_mode)}
        question = Question({**request, "statement": signed.content, "signature": signed.signature}, remote.pack().data)
        failed, changed = [], {}
        for host, answer in self._answers(dict.fromkeys(hosts, HostRequest(question, RolloutOptions().timeout))):
            for warning in answer.get("warnings", []):
                show(self._display, f"{host}: {warning}")
            changed[host] = list(answer.get("paths", []))
            if not answer["ok"]:
                failed.append(f"{host}: {sentences(answer)}")
        result = {"changed": any(changed.values()), "inventory": inventory, "hosts": changed}
        return failing(result, failed) if failed else result
