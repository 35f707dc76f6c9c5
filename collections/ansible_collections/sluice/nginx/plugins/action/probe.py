"""Asks a host what it serves, and what it has of that which its new release needs; nothing on the host is changed."""

from __future__ import annotations

import base64
import getpass
import socket
from pathlib import Path
from typing import Any, ClassVar

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.ask import Terms
from ansible_collections.sluice.nginx.plugins.module_utils.needs.asking import questions
from ansible_collections.sluice.nginx.plugins.module_utils.release.fetched import (
    find_live,
    is_packaged,
    keep_live,
    known_ids,
)
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release, Store
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import state
from ansible_collections.sluice.nginx.plugins.plugin_utils.engine import EngineAction, failure


class ActionModule(EngineAction):
    """A host that cannot be asked does not fail the task: its answer says why, and the gates judge that."""

    SPEC: ClassVar[dict[str, Any]] = {
        "releases": {"type": "list", "elements": "dict", "required": True},
        "platform": {"type": "dict", "required": True},
    }
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask, and keep the live tree where the controller does not have it."""
        result = super().run(tmp, task_vars)
        _, options = self.validate_argument_spec(argument_spec=self.SPEC)
        self._vars = task_vars or {}
        host = str(self._vars["inventory_hostname"])
        identity = next((each["id"] for each in options["releases"] if host in each["hosts"]), None)
        if identity is None:
            # Its variables are wrong, and the gate spec says so.
            return {**result, "changed": False, "skipped": True, "skip_reason": "no release was made for this host"}
        release = Store(state() / "releases").get(identity)
        return {**result, "changed": False, "answer": self._answer(release, Path(options["platform"]["tree"]))}

    def _answer(self, release: Release, packaged: Path) -> dict[str, Any]:
        answer = self._patiently(Terms().patience, lambda: self._asked(release))
        if answer.get("live"):
            answer.update(self._live(answer, packaged))
        answer.pop("tree", None)
        return answer

    def _asked(self, release: Release) -> dict[str, Any]:
        run = {"id": "probe", "who": getpass.getuser(), "from": socket.gethostname()}
        rows = questions(release.described["needs"], release.tree)
        return self._engine({"op": "probe", "run": run, "needs": rows, "known": known_ids(state())})

    def _live(self, answer: dict[str, Any], packaged: Path) -> dict[str, Any]:
        """Find the release that the host serves: none where it is what the package brings."""
        release = find_live(state(), answer["live"])
        if release is None and answer.get("tree"):
            more = {"contract": answer["contract"], "withheld": answer["withheld"], "platform": answer["facts"]}
            try:
                release = keep_live(state(), answer["live"], base64.b64decode(answer["tree"]), more)
            except (SluiceError, OSError, ValueError) as error:
                return {**failure(f"what the host serves cannot be kept: {error}"), "live_release": None}
        is_untouched = release is not None and is_packaged(release.tree, packaged)
        return {"packaged": is_untouched, "live_release": release.id if release and not is_untouched else None}
