"""What the actions that open stages make of the settings of the role ``staging``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.environment.images import parse_images
from ansible_collections.sluice.nginx.plugins.module_utils.environment.model import Service
from ansible_collections.sluice.nginx.plugins.module_utils.environment.services import parse_services
from ansible_collections.sluice.nginx.plugins.module_utils.staging.bounds import read_bounds
from ansible_collections.sluice.nginx.plugins.module_utils.staging.labels import labels
from ansible_collections.sluice.nginx.plugins.module_utils.staging.stage import StageSettings, owner_label
from ansible_collections.sluice.nginx.plugins.module_utils.storage import path_of
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import project

__all__ = ["PlatformsOfHosts", "read_staging"]


class PlatformsOfHosts:
    """Which platform each host has, by a registered result of ``sluice.nginx.staging_image``."""

    def __init__(self, staging: Mapping[str, Any]) -> None:
        self._usual = staging
        self._others = {host: each for each in staging.get("others") or () for host in each["hosts"]}

    def of(self, host: str) -> Mapping[str, Any]:
        """Return the platform of a host, as ``sluice.nginx.staging_image`` describes it."""
        platform: Mapping[str, Any] = self._others.get(host, self._usual)
        return platform

    def grouped(self, hosts: Iterable[str]) -> list[tuple[Mapping[str, Any], list[str]]]:
        """Return the platforms of hosts, each with those that have it, in the order of the first of them."""
        found: dict[str, tuple[Mapping[str, Any], list[str]]] = {}
        for host in hosts:
            platform = self.of(host)
            found.setdefault(str(platform["tree"]), (platform, []))[1].append(host)
        return list(found.values())

    def title(self, host: str) -> str:
        """Return what people call a host's platform, where hosts have several; nothing where all have the same."""
        platform = self.of(host)
        return f"{platform['os']} with {platform['flavour']} {platform['nginx_version']}" if self._others else ""

    def settings(self, host: str) -> StageSettings:
        """Return what the stages for a host are made of. Raises ``InputError`` for a setting that cannot be."""
        # What was started ahead is of the one image.
        others = {"ahead": ""} if host in self._others else {}
        return _settings({**self._usual, **self.of(host), **others})


def read_staging(staging: Mapping[str, Any]) -> tuple[StageSettings, tuple[Service, ...]]:
    """Read a registered result of ``sluice.nginx.staging_image``: what all stages share, and the services in them.

    Raises ``InputError`` for a setting that cannot be.
    """
    return _settings(staging), parse_services(staging["environment"]["services"])


def _settings(staging: Mapping[str, Any]) -> StageSettings:
    environment = staging["environment"]
    return StageSettings(
        image=staging["image"],
        labels={**labels(project(), "stage"), **owner_label()},
        docroots={path: path_of(project(), folder) for path, folder in environment["docroots"].items()},
        owners=environment["directories"],
        images=parse_images(environment["images"]),
        bounds=read_bounds(environment.get("bounds", {})),
        nginx_version=str(staging.get("nginx_version") or ""),
        ahead=str(staging.get("ahead") or ""),
        around=str(staging.get("around") or ""),
    )
