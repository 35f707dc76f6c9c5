"""Puts a tree between two releases into nginx's container, and the container's nginx on it."""

from __future__ import annotations

import base64
import os
import shutil
from pathlib import Path
from typing import Any

from .common import run
from .completing import forget
from .running import end, swap

__all__ = ["mix"]


def mix(plan: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Change ``files`` of ``tree``, a copy of ``base`` that is made the first time: ``[path, kind, base64]``.

    ``kind`` is ``file``, ``link``, or ``gone``. With ``become`` nginx is ended, and the tree is this container's from
    now on: what is tested, started, served and copied is it.
    """
    (row,) = rows
    tree = Path(row["tree"])
    if not tree.exists():
        run("cp", "-a", row["base"], row["tree"])
    # What goes may be a link where a folder comes.
    for path, kind, data in sorted(row["files"], key=lambda file: file[1] != "gone"):
        place = tree / path
        _clear(place)
        if kind != "gone":
            place.parent.mkdir(parents=True, exist_ok=True)
            content = base64.b64decode(data)
            os.symlink(content, os.fsencode(place)) if kind == "link" else place.write_bytes(content)
    if row["become"]:
        end()
        forget()
        swap(row["tree"])
        plan["tree"] = row["tree"]
    return {}


def _clear(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
