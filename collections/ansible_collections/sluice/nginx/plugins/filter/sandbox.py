"""The filter with which the sandbox's own variables find its hosts."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import state

__all__ = ["FilterModule"]


def fleet_url(name: object, host: str, service: str) -> str:
    """Tell where a service of a sandbox's host is; nothing where there is no such fleet, host or service."""
    try:
        fleet = json.loads((state() / str(name) / "fleet.json").read_text(encoding="utf-8"))
        return f"http://127.0.0.1:{fleet[host]['ports'][service]}"
    except (OSError, ValueError, KeyError):
        return ""


class FilterModule:
    """The filter's name in templates."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its short name."""
        return {"fleet_url": fleet_url}
