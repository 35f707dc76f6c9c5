"""Where culprit edits are: file and line, the lines before and after, and what they were made from."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..manifest import CONF_ROOT
from ..secrets import redactions, secret_paths
from .change import ChangedEntry, TreeChange, TreeEdit
from .model import CulpritPlace

__all__ = ["Where"]

_MOST_LINES = 40
_SECRET = "(not shown: it is a key, a certificate or a list of passwords)"
_TEMPLATES = "roles/nginx/templates/"


class Where:
    """Tells the places of a change. ``old`` and ``new`` describe the two releases."""

    def __init__(self, change: TreeChange, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        self._change = change
        self._described = (old, new)
        texts = [{path: node.data for path, node in files.items()} for files in (change.old, change.new)]
        self._secret = {path for each in texts for path in secret_paths(each, CONF_ROOT)}

    def places(self, edits: Iterable[int]) -> list[CulpritPlace]:
        """The places of edits, in the order of files and lines; neighbours are one."""
        return [self._place(run) for run in self._runs(sorted(edits))]

    def _runs(self, numbers: Sequence[int]) -> Iterator[list[TreeEdit]]:
        run: list[TreeEdit] = []
        for edit in map(self._change.edits.__getitem__, numbers):
            if run and not _follows(run[-1], edit):
                yield run
                run = []
            run.append(edit)
        if run:
            yield run

    def _place(self, run: Sequence[TreeEdit]) -> CulpritPlace:
        path = run[0].path
        rows = [edit.lines for edit in run if edit.lines is not None]
        old_files, new_files = self._change.old, self._change.new
        old: tuple[str, ...]
        new: tuple[str, ...]
        if path in self._secret:
            old, new = ((_SECRET,) if path in files else () for files in (old_files, new_files))
            line = before = 0
        elif rows:
            before, line = rows[0].start + 1, rows[0].at + 1
            text = old_files[path].lines or [] if path in old_files else []
            old = _told(text[rows[0].start : rows[-1].end], old_files.get(path))
            come = [each for row in rows for each in row.new]
            new = _told(come, new_files.get(path))
            # The first line that says something.
            line += next((n for n, each in enumerate(come) if each.strip()), 0)
        else:
            old, new, line, before = _whole(old_files.get(path)), _whole(new_files.get(path)), 0, 0
        gone = not any(row.new for row in rows) if rows else path not in new_files
        variable = self._variable(path, before if gone else line, gone)
        return CulpritPlace(path, line, old, new, self._origin(path, gone), variable)

    def _origin(self, path: str, gone: bool) -> str:
        """What the file was made from; of what is gone, in the old release, where that is known."""
        described = self._described if gone else self._described[::-1]
        return next((str(each["origins"][path]) for each in described if path in each.get("origins", {})), "")

    def _variable(self, path: str, line: int, gone: bool) -> str:
        """The variable that the line was made from: the narrowest lines that have one tell."""
        described = self._described[0 if gone else 1]
        rows = [row for row in described.get("variables", {}).get(path, ()) if row[0] <= line <= row[1]]
        if rows:
            return str(min(rows, key=lambda row: row[1] - row[0])[2])
        origin = str(described.get("origins", {}).get(path, ""))
        if origin.startswith("nginx_shared_paths["):
            return origin
        return "" if not origin or origin.startswith(("packaged/", _TEMPLATES)) else "nginx_tree"


def _follows(one: TreeEdit, other: TreeEdit) -> bool:
    if one.path != other.path or one.lines is None or other.lines is None:
        return False
    return one.lines.end == other.lines.start and one.lines.at + len(one.lines.new) == other.lines.at


def _told(lines: Sequence[bytes], node: ChangedEntry | None) -> tuple[str, ...]:
    """The lines as they may be shown; what is secret in them the whole file says."""
    rows = _redactions(node.data) if node else {}
    said = [number for number, line in enumerate(lines) if line.strip()]
    kept = lines[said[0] : said[-1] + 1] if said else ()
    texts = [line.decode("utf-8", "replace").rstrip("\r") for line in kept[:_MOST_LINES]]
    texts = [rows.get(text, text) for text in texts]
    return (*texts, f"… ({len(kept) - _MOST_LINES} more lines)") if len(kept) > _MOST_LINES else tuple(texts)


@functools.lru_cache(maxsize=4)
def _redactions(data: bytes) -> dict[str, str]:
    return redactions(data.decode("utf-8", "replace"))


def _whole(node: ChangedEntry | None) -> tuple[str, ...]:
    if node is None:
        return ()
    return (f"→ {node.data.decode('utf-8', 'replace')}",) if node.kind == "link" else ("(no text)",)
