"""Rolls back, on every host, what a run that died has left pending there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.fleet.requests import RolloutOptions, build
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import visitor
from ansible_collections.sluice.nginx.plugins.module_utils.textfmt import sentences
from ansible_collections.sluice.nginx.plugins.plugin_utils.fleet import Answer, FleetAction, HostRequest, failing
from ansible_collections.sluice.nginx.plugins.plugin_utils.showing import show


class ActionModule(FleetAction):
    """Outside of any run: the hosts' own journals say who freed them."""

    def work_on(self, hosts: list[str], options: dict[str, Any]) -> dict[str, Any]:
        """Ask what is pending, and roll that back; fails for hosts that are not free afterwards, and says why."""
        run, terms = visitor("unlock"), RolloutOptions()
        looking = HostRequest(build("status", run, "", None, terms), terms.timeout)
        failed: list[str] = []
        freed: list[str] = []
        held: dict[str, str] = {}
        rolling_back: dict[str, HostRequest] = {}
        for host, answer in self._answers(dict.fromkeys(hosts, looking)):
            self._tell(host, answer.get("warnings", []))
            if "pending" not in answer:
                failed.append(f"{host}: {sentences(answer)}")
            elif answer["pending"]:
                pending = answer["pending"]
                held[host] = _held(pending)
                question = build("rollback", run, "", None, terms, of=pending["run"])
                rolling_back[host] = HostRequest(question, terms.timeout)
        if self._task.check_mode:
            for host, what in held.items():
                self._tell(host, [f"would roll back {what}"])
            rolling_back, freed = {}, list(held)
        for host, answer in self._answers(rolling_back):
            freed += [host] if answer.get("changed") else []
            self._tell(host, [*_became(answer, held[host]), *answer.get("warnings", [])])
            if not answer["ok"]:
                failed.append(f"{host}: {held[host]} could not be rolled back: {sentences(answer)}")
        result = {"changed": bool(freed), "freed": freed}
        return failing(result, failed) if failed else result

    def _tell(self, host: str, lines: list[str]) -> None:
        for line in lines:
            show(self._display, f"{host}: {line}")


def _held(pending: Mapping[str, Any]) -> str:
    who = f"{pending.get('who') or 'somebody'} from {pending.get('from') or 'somewhere'}"
    return f"release {pending['release'][:12]} of run {pending['run']} ({who})"


def _became(answer: Answer, held: str) -> list[str]:
    if not answer["ok"]:
        return []
    if answer.get("rolled_back"):
        return [f"{held} is rolled back; {str(answer.get('release'))[:12]} serves again, proved"]
    return [str(answer.get("note", "nothing to roll back"))]
