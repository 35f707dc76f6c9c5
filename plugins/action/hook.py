"""Notes what became of a hook: a file of tasks of the user's."""

from __future__ import annotations

from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.fleet.decisions import RunFaults
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.hooks import PHASE, not_ended
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import RunRecord
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import ControllerAction, read_run
from ansible_collections.sluice.nginx.plugins.plugin_utils.showing import show

_UNREACHED = "the hook did not come to its end: a task of it could not reach its host"
_FIX = "see the output of that task; where the hook takes hosts out of a balancer, look there for this host"


class ActionModule(ControllerAction):
    """Writes to the journal of the run, from which every later step decides."""

    def work(self, options: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Note a hook that ended, on a host or for the run as a whole; or those of hosts that did not end."""
        record, name = RunRecord(read_run(options["run"])), options["name"]
        if options["state"] == "begun":
            record.note(PHASE, "", good=True, answer={"operation": PHASE, "begins": name, "hosts": options["hosts"]})
        elif options["state"] == "ended":
            for host in options["hosts"] or [""]:
                self._note(record, host, name, options["problem"])
        else:
            for host in not_ended(record.events(), name, options["hosts"]):
                self._note(record, host, name, _UNREACHED, _FIX)
        return {"changed": False, "stopped": bool(RunFaults.of(record.events()).bad)}

    def _note(self, record: RunRecord, host: str, name: str, problem: str, fix: str = "") -> None:
        problems = [{"what": f"{name}: {problem}", **({"fix": fix} if fix else {})}] if problem else []
        answer = {"operation": PHASE, "hook": name, "problems": problems}
        record.note(PHASE, host, good=not problems, answer=answer)
        for each in problems:
            show(self._display, f"{host or 'the run'}: hook: {each['what']}", color="red")
