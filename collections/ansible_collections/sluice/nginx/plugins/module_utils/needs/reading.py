"""Reads a configuration and says what its lines require of the machine around it."""

from __future__ import annotations

from collections.abc import Collection

from ..config.parse import Config
from .model import Need

__all__ = ["needs_of"]


def needs_of(config: Config, provided: Collection[str]) -> tuple[Need, ...]:
    """List the needs of ``config`` in the order of its lines; ``provided`` are absolute paths that the tree brings."""
    return ()
