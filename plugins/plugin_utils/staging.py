"""What the actions that open stages make of the settings of the role ``staging``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.environment.images import parse_images
from ansible_collections.sluice.nginx.plugins.module_utils.environment.model import Service
from ansible_collections.sluice.nginx.plugins.module_utils.environment.services import parse_services
from ansible_collections.sluice.nginx.plugins.module_utils.staging.bounds import read_bounds
from ansible_collections.sluice.nginx.plugins.module_utils.staging.labels import labels
from ansible_collections.sluice.nginx.plugins.module_utils.staging.stage import StageSettings, owner_label
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import project

__all__ = ["read_staging"]


def read_staging(staging: Mapping[str, Any]) -> tuple[StageSettings, tuple[Service, ...]]:
    """Read a registered result of ``sluice.nginx.staging_image``: what all stages share, and the services in them.

    Raises ``InputError`` for a setting that cannot be.
    """
    environment = staging["environment"]
    settings = StageSettings(
        image=staging["image"],
        labels={**labels(project(), "stage"), **owner_label()},
        docroots={path: project() / folder for path, folder in environment["docroots"].items()},
        owners=environment["directories"],
        images=parse_images(environment["images"]),
        bounds=read_bounds(environment.get("bounds", {})),
        nginx_version=str(staging.get("nginx_version") or ""),
        ahead=str(staging.get("ahead") or ""),
    )
    return settings, parse_services(environment["services"])
