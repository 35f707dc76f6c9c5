"""Finds or makes the image of a platform on the controller."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.staging.ahead import start_ahead
from ansible_collections.sluice.nginx.plugins.module_utils.staging.bounds import read_bounds
from ansible_collections.sluice.nginx.plugins.module_utils.staging.connection import connect
from ansible_collections.sluice.nginx.plugins.module_utils.staging.labels import labels
from ansible_collections.sluice.nginx.plugins.module_utils.staging.orphans import owner_label
from ansible_collections.sluice.nginx.plugins.module_utils.staging.platform import ensure_platform
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import ControllerAction, project
from ansible_collections.sluice.nginx.plugins.plugin_utils.live import LiveLine


class ActionModule(ControllerAction):
    """Asks Docker on the controller."""

    def work(self, options: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Ensure the image; what is said means that it had to be made."""
        said: list[str] = []
        bounds = read_bounds(options["bounds"])
        cache = Path(options["cache"]) if options["cache"] else self._state() / "cache"
        name, packages, digest = options["platform"], options["packages"], options["base_digest"]
        source, version = options["nginx"], options["nginx_version"]
        with LiveLine(self._display) as live:

            def say(line: str) -> None:
                said.append(line)
                live.goes_on(line)

            platform = ensure_platform(connect(), name, packages, cache, say, bounds, digest, source, version)
            if said:
                live.line(f"the platform image {platform.image} is there", "good")
        # Actions work in processes of their own, whose parent goes on to the end of the run.
        run = os.getppid()
        marks = {**labels(project(), "stage"), **owner_label(run)}
        ahead = start_ahead(options["ahead"], platform.image, marks, bounds, run) if options["ahead"] else ""
        environment = {name: options[name] for name in ("docroots", "directories", "services", "images", "bounds")}
        return {
            "changed": bool(said),
            **dataclasses.asdict(platform),
            "tree": str(platform.tree),
            "packages": list(packages),
            "environment": environment,
            "ahead": ahead,
        }
