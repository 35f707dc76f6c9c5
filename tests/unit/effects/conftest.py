"""Two small configurations, and what the change from one to the other does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.changes import changes
from ansible_collections.sluice.nginx.plugins.module_utils.config.derive import DerivedRequest
from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import Config, parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.effects.effects import effects
from ansible_collections.sluice.nginx.plugins.module_utils.effects.model import Effects

Reads = Callable[[str], Config]
Works = Callable[..., Effects]


@pytest.fixture
def read(tmp_path: Path) -> Reads:
    """Read the directives of an ``http`` block."""

    def reader(http: str) -> Config:
        folder = tmp_path / f"tree-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        (folder / "nginx.conf").write_text(f"events {{}}\nhttp {{\n{http}\n}}\n", encoding="utf-8")
        return parse_tree(folder)

    return reader


@pytest.fixture
def work(read: Reads) -> Works:
    """Work out what a change of the blocks in ``http`` does."""

    def worker(
        live: str, candidate: str, requests: Sequence[DerivedRequest] = (), seconds: float | None = None
    ) -> Effects:
        before, after = read(live), read(candidate)
        return effects(before, after, changes(before, after), requests, seconds)

    return worker


def server(inside: str, name: str = "a.example") -> str:
    """Write a server with directives in it."""
    return f"server {{ listen 80; server_name {name};\n{inside}\n}}"


def rows(found: Effects) -> list[tuple[str, str, str]]:
    """List the shortest target of each effect, and what is done before and after."""
    return [(each.witness.target if each.witness else "", each.before, each.after) for each in found.found]
