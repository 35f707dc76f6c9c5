"""What rules may know of the world outside the configuration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

__all__ = ["Context", "read_docroots"]


@dataclass(frozen=True)
class Context:
    """``extensions`` are those of the files in each document root that is known; empty when none is."""

    extensions: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def extensions_below(self, root: str) -> frozenset[str]:
        """Tell the extensions of files below ``root``; empty when nothing is known of it."""
        below = [
            found
            for known, found in self.extensions.items()
            if PurePosixPath(root).is_relative_to(known) or PurePosixPath(known).is_relative_to(root)
        ]
        return frozenset().union(*below)


def read_docroots(docroots: Mapping[str, Path]) -> Context:
    """Look at the files that the user maps to document roots (path on the host to folder here)."""
    return Context({where: frozenset(_extensions(folder)) for where, folder in docroots.items()})


def _extensions(folder: Path) -> Iterable[str]:
    return (path.suffix[1:].lower() for path in folder.rglob("*") if path.suffix and path.is_file())
