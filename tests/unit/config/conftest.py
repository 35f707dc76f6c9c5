"""Configurations from text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import Config, parse_tree


@pytest.fixture
def conf(tmp_path: Path) -> Callable[[str], Config]:
    """Parse a text as the nginx.conf of a tree."""

    def made(text: str) -> Config:
        (tmp_path / "nginx.conf").write_text(text)
        config = parse_tree(tmp_path)
        assert config.problems == []
        return config

    return made
