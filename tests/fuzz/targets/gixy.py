"""A main file, given to gixy, which was made for what nginx accepts."""

from __future__ import annotations

from hypothesis import strategies as st

from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.lint.audit import audit

from ..harness import scratch
from . import nginx

SEEDS = "nginx"


def run(data: bytes) -> None:
    """Audit what parses."""
    with scratch() as folder:
        (folder / "nginx.conf").write_bytes(data)
        config = parse_tree(folder)
        if not config.problems:
            audit(folder, config)


def inputs() -> st.SearchStrategy[bytes]:
    """Draw configurations."""
    return nginx.inputs()
