"""What stages are opened with."""

from __future__ import annotations

from tests.integration.conftest import engine, platform, platform_image, play, stage_settings

# What other tests of real containers have as well.
__all__ = ["engine", "platform", "platform_image", "play", "stage_settings"]
