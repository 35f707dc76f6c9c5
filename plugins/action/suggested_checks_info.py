"""Proposes checks for what no check of the contracts reaches, and prints them."""

from __future__ import annotations

import os
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.coverage.suggest import SUGGEST, suggestions_text
from ansible_collections.sluice.nginx.plugins.module_utils.gating.discovery import find_gates
from ansible_collections.sluice.nginx.plugins.module_utils.gating.examine import Candidate, Examiner
from ansible_collections.sluice.nginx.plugins.module_utils.redactor.releases import door_of
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.reports.console import findings_text
from ansible_collections.sluice.nginx.plugins.module_utils.staging.connection import connect
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import GateOptions
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import ControllerAction
from ansible_collections.sluice.nginx.plugins.plugin_utils.showing import printable_text, show_text
from ansible_collections.sluice.nginx.plugins.plugin_utils.staging import PlatformsOfHosts, read_staging

# What has to hold before nginx can be asked anything.
_FORERUNNERS = ("spec", "parse", "syntax", "start")


class ActionModule(ControllerAction):
    """Runs each release in a stage of its own on the controller."""

    def work(self, options: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Print the checks to paste; fails for a release that does not start, since nothing can be asked then."""
        settings, services = read_staging(options["staging"])
        gates = [*(gate for gate in find_gates() if gate.name in _FORERUNNERS), SUGGEST]
        # Warnings are a matter of the gates.
        examiner = Examiner(
            client=connect(),
            gates=gates,
            options=GateOptions(allow_warnings=True),
            settings=settings,
            services=services,
            run=f"suggest-{os.getpid()}",
        )
        store = ReleaseStore(self._state() / "releases")
        platforms = PlatformsOfHosts(options["staging"])
        candidates = [
            Candidate(
                hosts=tuple(each["hosts"]),
                release=store.get(each["id"]) if each["id"] else None,
                problems=tuple(each["problems"]),
                settings=platforms.settings(each["hosts"][0]),
            )
            for each in options["releases"]
        ]
        door = door_of(each.release for each in candidates)
        examined = [each.through(door) for each in examiner.examine(candidates)]
        failed = [each for each in examined if not each.passed]
        if failed:
            words = "\n".join(findings_text(each.verdicts) or each.verdicts[-1].summary for each in failed)
            return {
                "failed": True,
                "msg": printable_text(f"staging cannot run the release, so nothing was asked:\n{words}"),
            }
        text = suggestions_text(each.verdicts[-1] for each in examined)
        show_text(self._display, text)
        return {"changed": False, "suggestions": text}
