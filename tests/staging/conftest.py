"""What stages are opened with."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.integration.conftest import engine, platform, platform_image, play, stage_settings

# What other tests of real containers have as well.
__all__ = ["engine", "platform", "platform_image", "play", "stage_settings"]


@pytest.fixture(scope="session")
def packages(project: Path) -> list[str]:
    """The packages of the platform, which another release has as well: to make an image takes a minute of a processor,
    so all tests share one of each release.
    """
    text = (project / "inventories/sandbox/group_vars/all.yml").read_text(encoding="utf-8")
    return list(yaml.safe_load(text)["staging_packages"])
