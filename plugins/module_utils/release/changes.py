"""What a release changes, as a diff by file, without what is secret."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..engine.trees.disclosure import read_side, secrets_in
from ..manifest import CONF_ROOT
from ..secrets import redact_line, redactions
from ..textfmt import count

if TYPE_CHECKING:
    from .store import Release

__all__ = ["MOST_LINES", "changes", "compare"]

MOST_LINES = 2000
"""Of the diff of a file; and of a release, ten times as many."""

_MOST_BYTES = 1_000_000
_MOST_OF_TREE = 1 << 40


def changes(live: Release | None, release: Release) -> list[dict[str, str]]:
    """Return what ``release`` changes in the tree of ``live``, file by file.

    A first release changes nothing that anybody knows of, and the list is empty.
    """
    if live is None:
        return []
    told = compare(live.tree, release.tree, live.described.get("withheld", ()))
    origins: Mapping[str, str] = release.described.get("origins", {})
    return [{"file": path, "origin": origins.get(path, ""), "diff": diff} for path, diff in told]


def compare(before: Path, after: Path, withheld: Collection[str] = ()) -> list[tuple[str, str]]:
    """Compare two trees: the path and the unified diff of each file that differs. ``withheld`` are paths whose content
    the host of ``before`` kept to itself.
    """
    old, new = _read(before), _read(after)
    # As hosts have it: by mode, by the rows that a map includes, and copies of what is secret, too.
    sides = [side for tree in (before, after) if (side := read_side(tree, _MOST_OF_TREE)) is not None]
    secret = {*withheld, *secrets_in(CONF_ROOT, *sides)}
    found: list[tuple[str, str]] = []
    left = MOST_LINES * 10
    for path in sorted(old.keys() | new.keys()):
        # What was withheld is not there to compare with.
        if path in withheld or old.get(path) == new.get(path):
            continue
        if left <= 0:
            diff = "(left out: this release changes too much)\n"
        else:
            diff = _diff(path, old.get(path), new.get(path), secret=path in secret)
        left -= diff.count("\n")
        found.append((path, diff))
    return found


def _read(root: Path) -> dict[str, bytes]:
    """The files of a tree; a link stands for itself."""
    return {
        path.relative_to(root).as_posix(): f"→ {path.readlink()}\n".encode() if path.is_symlink() else path.read_bytes()
        for path in root.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def _diff(path: str, old: bytes | None, new: bytes | None, *, secret: bool) -> str:
    parts = [part for part in (old, new) if part is not None]
    words = "added" if old is None else "removed" if new is None else "changed"
    if secret:
        return f"({words}, and not shown: it is a key, a certificate or a list of passwords)\n"
    if any(b"\0" in part for part in parts):
        return f"({words}; it is no text)\n"
    if sum(map(len, parts)) > _MOST_BYTES:
        return f"({words}; too large to compare: {sum(map(len, parts)) // 1024} KiB)\n"
    before, after = ((part or b"").decode("utf-8", "replace").splitlines() for part in (old, new))
    heads = f"live/{path}" if old is not None else "/dev/null", f"release/{path}" if new is not None else "/dev/null"
    rows = {**redactions("\n".join(before)), **redactions("\n".join(after))}
    # The true lines are compared, so one is there also where only what is redacted in it has changed.
    lines = [
        line if number < 2 or line.startswith("@@") else line[:1] + rows.get(line[1:], redact_line(line[1:]))
        for number, line in enumerate(difflib.unified_diff(before, after, *heads, lineterm=""))
    ]
    if not lines:
        return f"({words}: an empty file, or only the end of a line differs)\n"
    more = len(lines) - MOST_LINES
    told = lines[:MOST_LINES] + ([f"(left out: {count(more, 'more line')})"] if more > 0 else [])
    return "".join(f"{line}\n" for line in told)
