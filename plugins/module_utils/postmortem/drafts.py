"""A draft is written anew as long as nobody has worked on it; what a person wrote stays."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ..storage import write_text

__all__ = ["keep"]

_MARK = "\n<!-- draft "


def keep(path: Path, text: str) -> Path:
    """Write a draft, and return where: beside ``path`` when somebody has edited the one that is there.

    A draft that would be the same is left alone. Raises ``OSError``.
    """
    if _is_edited(path):
        path = path.with_name(f"{path.stem}-draft{path.suffix}")
    marked = f"{text}{_MARK}{_digest(text)} -->\n"
    if not path.is_file() or path.read_text(encoding="utf-8", errors="replace") != marked:
        write_text(path, marked)
    return path


def _is_edited(path: Path) -> bool:
    try:
        there = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return False
    text, mark, digest = there.rpartition(_MARK)
    return not mark or digest != f"{_digest(text)} -->\n"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:16]
