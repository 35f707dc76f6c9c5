"""Stages of benchmarks: as the sandbox's, without files of a user."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import docker
import yaml

from ansible_collections.sluice.nginx.plugins.module_utils.staging.labels import labels
from ansible_collections.sluice.nginx.plugins.module_utils.staging.platform import PlatformImage, ensure_platform
from ansible_collections.sluice.nginx.plugins.module_utils.staging.stage import StageSettings, owner_label

__all__ = ["PROJECT", "sandbox_platform", "stage_settings"]

PROJECT = Path(__file__).resolve().parent.parent
_NOTHING: Mapping[str, Path] = MappingProxyType({})


def sandbox_platform(client: docker.DockerClient) -> PlatformImage:
    """Return the platform of the sandbox, whose image is made where there is none. Raises ``SluiceError``."""
    variables = yaml.safe_load((PROJECT / "inventories/sandbox/group_vars/all.yml").read_text(encoding="utf-8"))
    name, packages = variables["staging_platform"], variables["staging_packages"]
    return ensure_platform(client, name, packages, PROJECT / ".sluice/cache", lambda line: print(line, flush=True))


def stage_settings(platform: PlatformImage, docroots: Mapping[str, Path] = _NOTHING) -> StageSettings:
    """Return the settings of a stage of this platform, which goes when its owner does."""
    return StageSettings(platform.image, {**labels(PROJECT, "stage"), **owner_label()}, docroots, {})
