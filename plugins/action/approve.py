"""Signs, as a person, that releases which passed the gates may go to the hosts of an inventory."""

from __future__ import annotations

from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError, SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.policy import approve
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import visitor
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.signing import read_inventory
from ansible_collections.sluice.nginx.plugins.module_utils.postmortem.finding import find_run
from ansible_collections.sluice.nginx.plugins.module_utils.record.model import read_record
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.storage import path_of
from ansible_collections.sluice.nginx.plugins.module_utils.untrusted import read_release_id
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import ControllerAction, project
from ansible_collections.sluice.nginx.plugins.plugin_utils.showing import show

_MOST_HOURS = 24.0 * 31


class ActionModule(ControllerAction):
    """Works on the controller; hosts verify it when a release comes."""

    def work(self, options: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Return what was approved. Raises ``SluiceError`` where the gates did not pass it and it is no emergency."""
        emergency = str(options["emergency"]).strip()
        if not 0 < options["hours"] <= _MOST_HOURS:
            raise InputError("approve_hours", f"{options['hours']:g} is no time; give hours up to {_MOST_HOURS:g}")
        inventory = read_inventory(options["inventory"])
        folder = find_run(self._state() / "runs", options["run"])
        record = read_record(folder)
        rows = [row for row in record["releases"] if row["release"]]
        if not rows or (not emergency and not all(row["passed"] for row in rows)):
            raise SluiceError(f"run {folder.name} has no release that passed its gates; approve one that has")
        if record.get("inventory") and record["inventory"] != inventory:
            raise SluiceError(
                f"run {folder.name} was for the inventory {record['inventory']}, and this is {inventory}; approve it "
                "with the inventory that it is for"
            )
        store, key = ReleaseStore(self._state() / "releases"), path_of(project(), options["key"])
        releases = list(dict.fromkeys(read_release_id(row["release"]) for row in rows))
        if not self._task.check_mode:
            for each in releases:
                approve(store.get(each), inventory, key, options["hours"], visitor("approve").who, emergency)
                show(self._display, f"release {each[:12]} is approved for {inventory}, with {key}")
        return {"changed": True, "run": folder.name, "releases": releases}
