"""Needs as the question that hosts are asked."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from ..config.parse import CONF_ROOT
from ..tree_reader import kind_inside

__all__ = ["questions"]

_MOST_LINKS = 16
_PATHS = ("directory", "file", "socket")


def questions(needs: Iterable[Mapping[str, Any]], tree: Path, *, endpoints: bool = True) -> list[dict[str, Any]]:
    """Add to needs (as JSON) where their paths lead to by links of the release, as those to what is kept.

    What the tree brings after all is left out. Without ``endpoints`` no host connects to another machine.
    """
    found = []
    for need in needs:
        row = dict(need)
        if need["kind"] in _PATHS:
            row["path"] = _followed(need["value"], tree)
            row["beside"] = _followed(need["beside"], tree) if need.get("beside") else ""
            if _brings(tree, row["path"]):
                continue
        if need["kind"] == "endpoint" and not endpoints:
            row["connect"] = False
        found.append(row)
    return found


def _inside(path: str) -> str | None:
    pure = PurePosixPath(os.path.normpath(path))
    return pure.relative_to(CONF_ROOT).as_posix() if pure.is_relative_to(CONF_ROOT) else None


def _brings(tree: Path, path: str) -> bool:
    inside = _inside(path)
    return inside is not None and bool(kind_inside(tree, inside))


def _followed(path: str, tree: Path) -> str:
    """Follow links of the tree, which may be any folder on the way, until the path leads out of it or to none."""
    for _ in range(_MOST_LINKS):
        inside = _inside(path)
        link = _first_link(tree, inside) if inside is not None else None
        if inside is None or link is None:
            break
        target = os.path.join(CONF_ROOT, os.path.dirname(link), os.readlink(tree / link))
        path = os.path.normpath(os.path.join(target, os.path.relpath(inside, link)))
    return path


def _first_link(tree: Path, inside: str) -> str | None:
    parts = PurePosixPath(inside).parts
    paths = ("/".join(parts[:end]) for end in range(1, len(parts) + 1))
    return next((path for path in paths if (tree / path).is_symlink()), None)
