"""Whether a line was edited together with the comment above it: then somebody wrote down what it is for."""

from __future__ import annotations

from pathlib import Path

from ..config.parse import Directive
from ..errors import SluiceError
from ..tree_reader import read_inside
from .changes import DirectiveChange

__all__ = ["Comments"]


class Comments:
    """The comments of the trees of two releases, ``live`` and ``candidate``."""

    def __init__(self, live: Path, candidate: Path) -> None:
        self._trees = (live, candidate)
        self._read: dict[tuple[Path, str], list[str]] = {}

    def changed(self, change: DirectiveChange) -> bool:
        """Return whether the comment above a line, or behind it, is another one in the candidate."""
        if change.old is None or change.new is None:
            return False
        before, after = (self._of(tree, line) for tree, line in zip(self._trees, (change.old, change.new), strict=True))
        return before != after

    def _of(self, tree: Path, line: Directive) -> list[str]:
        lines = self._lines(tree, line.file)
        found = [lines[line.line - 1].partition(" #")[2].strip()] if line.line <= len(lines) else []
        for above in reversed(lines[: max(line.line - 1, 0)]):
            if not above.lstrip().startswith("#"):
                break
            found.append(above.strip())
        return found

    def _lines(self, tree: Path, name: str) -> list[str]:
        if (tree, name) not in self._read:
            try:
                text = read_inside(tree, name).decode("utf-8", "replace")
            except (OSError, SluiceError):
                text = ""
            self._read[tree, name] = text.splitlines()
        return self._read[tree, name]
