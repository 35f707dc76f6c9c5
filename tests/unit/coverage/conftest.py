"""Makes copies of configurations, as the gate does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.coverage.instrument import Copy, instrument

Made = Callable[..., Copy]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """``made(http, **{"conf.d/x.conf": text})``: the copy of a tree with this text in ``http``, and other files."""

    def make(http: str, **files: str) -> Copy:
        for name, text in {"nginx.conf": f"http {{{http}}}", **files}.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text, encoding="utf-8")
        config = parse_tree(tmp_path)
        assert config.problems == []
        return instrument(config, tmp_path)

    return make
