"""Trees from a few words."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees


@pytest.fixture
def tree() -> Callable[..., trees.Tree]:
    """Make a tree of files; a content of ``-> TARGET`` makes a link, None a directory."""

    def node(content: str | None, origin: str) -> trees.Node:
        if content is None:
            return trees.Node("dir", 0o755, b"", origin)
        if content.startswith("-> "):
            return trees.link(content.removeprefix("-> "), origin)
        return trees.file(content.encode(), origin)

    def made(files: Mapping[str, str | None], origin: str = "raw") -> trees.Tree:
        return {path: node(content, f"{origin}/{path}") for path, content in files.items()}

    return made
