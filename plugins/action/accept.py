"""Writes what a run found into ``accepted.yml``, so that exactly that may pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.accepted.model import AcceptedChange
from ansible_collections.sluice.nginx.plugins.module_utils.accepted.recorded import changes_of
from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import visitor
from ansible_collections.sluice.nginx.plugins.module_utils.postmortem.finding import find_run
from ansible_collections.sluice.nginx.plugins.module_utils.record.model import read_record
from ansible_collections.sluice.nginx.plugins.module_utils.redactor.redactor import Redactor
from ansible_collections.sluice.nginx.plugins.module_utils.storage import path_of
from ansible_collections.sluice.nginx.plugins.module_utils.textfmt import count, first_of, short
from ansible_collections.sluice.nginx.plugins.module_utils.untrusted import has_controls, printable
from ansible_collections.sluice.nginx.plugins.plugin_utils.accepting import PLACEHOLDER, accepted_file
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import ControllerAction, project
from ansible_collections.sluice.nginx.plugins.plugin_utils.showing import show

_HOW = """give it in quotes within quotes: -e '{"reason": "the catalogue moved"}'"""


class ActionModule(ControllerAction):
    """Reads a record of the controller; no host is asked."""

    def work(self, options: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Add the entries that are not there yet; in check mode only say so."""
        reason = _read_reason(options["reason"], task_vars.get("_raw_params"))
        if not options["run"]:
            raise InputError("run", "which one is meant? Give its id, the beginning of it, last, or a record's folder")
        record = Redactor().data(read_record(self._folder(options["run"])))
        me = visitor("accept")
        file = accepted_file(options["accepted_file"])
        changes = changes_of(record, file.read(), me.who, me.started, reason)
        edit = file.add(changes, write=not self._task.check_mode)
        for change in changes:
            self._tell(change, file.shown)
        if not changes:
            show(self._display, f"{file.shown} has all of it already; nothing to do")
        result = {
            "changed": edit.changed,
            "path": str(file.path),
            "findings": sum(len(each.findings) for each in changes),
        }
        headers = {"before_header": file.shown, "after_header": file.shown}
        return {**result, "diff": {**headers, **edit._asdict()}} if self._task.diff and edit.changed else result

    def _folder(self, wanted: str) -> Path:
        """Return the folder of a record: of a run of this controller, or one that was brought here, as from CI."""
        brought = path_of(project(), wanted)
        if (brought / "run.json").is_file():
            return brought
        if "/" in wanted:
            raise InputError(
                "run", f"{printable(wanted)} has no run.json; give the folder of a record, or the id of a run"
            )
        return find_run(self._state() / "runs", wanted)

    def _tell(self, change: AcceptedChange, shown: str) -> None:
        would = "would accept" if self._task.check_mode else "accepts"
        pairs = first_of([f"{short(live)} to {short(candidate)}" for live, candidate in change.pairs])
        what = f"{count(len(change.findings), 'finding')} of the change from {pairs}"
        show(self._display, f"{shown} {would} {what}, by {change.by}")
        for found in change.findings:
            place = f"{found.file}:{found.lines[0]}: " if found.file and found.lines else ""
            show(self._display, f"  {found.gate}: {place}{found.what}")
        if not self._task.check_mode:
            show(self._display, f"commit {shown}: whoever approves that commit approves these findings")


def _read_reason(given: str, rest: object) -> str:
    """Return the reason. Raises ``InputError`` where there is none, or Ansible has cut it at a space."""
    reason = given.strip()
    if rest:
        raise InputError("reason", f"it ends at the first space, with '{printable(reason)}'; {_HOW}")
    if not reason or reason == PLACEHOLDER:
        raise InputError("reason", f"it is missing, and stands in the file and in each record; {_HOW}")
    if has_controls(reason):
        raise InputError("reason", f"it is more than one line of text; {_HOW}")
    return reason
