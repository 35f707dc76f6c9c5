"""Takes Sluice off the hosts of the play: a look at all of them first, then one host, then the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.fleet.requests import Question, RolloutOptions
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import visitor
from ansible_collections.sluice.nginx.plugins.module_utils.textfmt import sentences
from ansible_collections.sluice.nginx.plugins.plugin_utils.fleet import Answer, FleetAction, HostRequest, failing
from ansible_collections.sluice.nginx.plugins.plugin_utils.showing import show


class ActionModule(FleetAction):
    """Outside of any run. What is in the way on one host stops it on all."""

    def work_on(self, hosts: list[str], options: dict[str, Any]) -> dict[str, Any]:
        """Take Sluice off; fails where something is in the way, or a host could not be left, and says why."""
        looked = self._ask(hosts, options, looking=True)
        if not all(answer["ok"] for answer in looked.values()):
            return self._failed({}, looked, "nothing was removed on any host; --limit leaves others out")
        due = [host for host in hosts if looked[host]["release"] or looked[host]["removed"]]
        done = looked
        if not self._task.check_mode:
            done = {**looked, **self._ask(due[:1], options, looking=False)}
            if all(done[host]["ok"] for host in due[:1]):
                done.update(self._ask(due[1:], options, looking=False))
            else:
                due = due[:1]
        if not all(answer["ok"] for answer in done.values()):
            return self._failed({host: done[host] for host in due}, done, "run it again when that is fixed")
        return self._result({host: done[host] for host in hosts})

    def _ask(self, hosts: list[str], options: Mapping[str, Any], *, looking: bool) -> dict[str, Answer]:
        request = {"op": "leave", "run": visitor("leave").asking(), "drift": options["drift"], "looking": looking}
        asking = HostRequest(Question(request), RolloutOptions().timeout)
        return dict(self._answers(dict.fromkeys(hosts, asking)))

    def _failed(self, done: Mapping[str, Answer], answers: Mapping[str, Answer], fix: str) -> dict[str, Any]:
        failed = [f"{host}: {sentences(answer)}" for host, answer in answers.items() if not answer["ok"]]
        result = self._result({host: answer for host, answer in done.items() if answer["ok"]})
        return failing(result, [*failed, fix])

    def _result(self, answers: Mapping[str, Answer]) -> dict[str, Any]:
        """Return what was removed, host by host, and return it."""
        would = "would be" if self._task.check_mode else "is"
        for host, answer in answers.items():
            self._show(host, would, answer)
        wanted = ("release", "removed", "left")
        hosts = {host: {name: answer[name] for name in wanted} for host, answer in answers.items()}
        changed = any(row["release"] or row["removed"] for row in hosts.values())
        diff = [_difference(host, row) for host, row in hosts.items() if self._task.diff]
        return {"changed": changed, "hosts": hosts, **({"diff": diff} if diff else {})}

    def _show(self, host: str, would: str, answer: Answer) -> None:
        lines = [*answer.get("warnings", [])]
        if answer["release"]:
            lines.append(f"/etc/nginx {would} a directory again, with the files of release {answer['release'][:12]}")
        if answer["removed"]:
            lines.append(f"{', '.join(answer['removed'])} {'would be' if would != 'is' else 'were'} removed")
        if not (answer["release"] or answer["removed"]):
            lines.append("there is nothing of Sluice on this host")
        for line in [*lines, *(f"left for you: {each}" for each in answer["left"])]:
            show(self._display, f"{host}: {line}")


def _difference(host: str, row: Mapping[str, Any]) -> dict[str, str]:
    link = [f"/etc/nginx -> /var/lib/sluice/releases/{row['release']}"] if row["release"] else []
    before, after = [*link, *row["removed"]], ["/etc/nginx (a directory)"] if link else []
    return {
        "before_header": f"{host}, with Sluice",
        "after_header": f"{host}, without Sluice",
        "before": "".join(f"{line}\n" for line in before),
        "after": "".join(f"{line}\n" for line in after),
    }
