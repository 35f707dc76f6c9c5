"""The filters with which variables find the project, and the sandbox's own variables its hosts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.storage import path_of
from ansible_collections.sluice.nginx.plugins.module_utils.untrusted import read_name
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import project, state_folder

__all__ = ["FilterModule", "fleet_file", "fleet_url", "project_path"]


def fleet_url(name: object, host: str, service: str) -> str:
    """Return where a service of a sandbox's host is; nothing where there is no such fleet, host or service."""
    try:
        fleet = json.loads(fleet_file(name).read_text(encoding="utf-8"))
        return f"http://127.0.0.1:{int(fleet[host]['ports'][service])}"
    except (OSError, ValueError, KeyError, TypeError, SluiceError):
        return ""


def fleet_file(name: object) -> Path:
    """Return where it is written down where the hosts of a sandbox are. Raises ``SluiceError`` for what is no name."""
    return state_folder() / "fleets" / read_name(name, "sandbox_name") / "fleet.json"


def project_path(path: str) -> str:
    """Return an absolute path for one that is relative to the project."""
    return str(path_of(project(), path))


class FilterModule:
    """The filters' names in templates."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return each filter by its short name."""
        return {"fleet_url": fleet_url, "project_path": project_path}
