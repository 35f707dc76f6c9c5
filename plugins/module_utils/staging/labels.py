"""The labels by which everything that the project makes in Docker is known, and found again."""

from __future__ import annotations

import hashlib
from pathlib import Path

__all__ = ["labels", "project_label"]


def project_label(project: Path) -> str:
    """Name a checkout: 12 hex digits of a digest of its path."""
    return hashlib.sha256(str(project.resolve()).encode()).hexdigest()[:12]


def labels(project: Path, part: str) -> dict[str, str]:
    """Return the labels of what a checkout makes for a ``part`` (``stage``, ``sandbox``)."""
    return {"sluice": "1", "sluice.project": project_label(project), "sluice.part": part}
