"""Configurations from text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import Config, parse_tree


@pytest.fixture
def conf(tmp_path: Path) -> Callable[[str], Config]:
    """Parse a text as the nginx.conf of a tree of its own."""
    made: list[Path] = []

    def read(text: str) -> Config:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(folder)
        (folder / "nginx.conf").write_text(text)
        config = parse_tree(folder)
        assert config.problems == []
        return config

    return read
