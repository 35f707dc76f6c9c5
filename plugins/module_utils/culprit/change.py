"""The change from one tree to another as parts that can be taken over one by one, and the trees between the two."""

from __future__ import annotations

import functools
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path, PurePosixPath

from .lines import Replaced, Unit, hunks, in_units

__all__ = ["ChangePart", "ChangedEntry", "Files", "TreeChange", "TreeEdit", "read_change", "read_files"]


@dataclass(frozen=True)
class ChangedEntry:
    """A file (``data`` is its content) or a link (``data`` is its target)."""

    kind: str
    data: bytes

    @property
    def lines(self) -> list[bytes] | None:
        """The lines of a text, None for what can only be taken as a whole."""
        return None if self.kind != "file" or b"\0" in self.data else self.data.split(b"\n")


Files = Mapping[str, ChangedEntry]


@dataclass(frozen=True)
class TreeEdit:
    """The smallest thing that can be taken over: lines of the file ``path``, or all of it where ``lines`` is None."""

    path: str
    lines: Replaced | None


@dataclass(frozen=True)
class ChangePart:
    """Edits that are taken over together, by their numbers, and the ``finer`` parts that they can be split into."""

    edits: frozenset[int]
    finer: tuple[ChangePart, ...] = ()


@dataclass(frozen=True)
class TreeChange:
    """What leads from the tree ``old`` to the tree ``new``.

    ``parts`` are its hunks, and files that can only be taken as a whole. ``known`` are the files that are not part of
    it, and not there in ``old`` as they are: the host has withheld their content.
    """

    old: Files
    new: Files
    edits: tuple[TreeEdit, ...]
    parts: tuple[ChangePart, ...]
    known: Files = field(default_factory=dict)

    @property
    def all(self) -> frozenset[int]:
        """The numbers of all edits."""
        return frozenset(range(len(self.edits)))

    def mixed(self, chosen: Collection[int]) -> dict[str, ChangedEntry | None]:
        """The files of the old tree that are otherwise when the ``chosen`` edits are taken over; None: it is gone."""
        found: dict[str, ChangedEntry | None] = {**self.known}
        for path, group in groupby(sorted(chosen), lambda number: self.edits[number].path):
            numbers = list(group)
            if len(numbers) == len(self._of(path)):
                found[path] = self.new.get(path)
            else:
                rows = [edit.lines for edit in map(self.edits.__getitem__, numbers) if edit.lines is not None]
                found[path] = ChangedEntry("file", _applied(self.old.get(path), rows))
        return found

    def at(self, path: str, line: int) -> int | None:
        """The number of the edit that brought a line (from 1) of the new tree."""
        for number in self._of(path):
            lines = self.edits[number].lines
            if lines is None or lines.at < line <= lines.at + len(lines.new):
                return number
        return None

    def _of(self, path: str) -> list[int]:
        return self._by_path.get(path, [])

    @functools.cached_property
    def _by_path(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for number, edit in enumerate(self.edits):
            found.setdefault(edit.path, []).append(number)
        return found


def _applied(old: ChangedEntry | None, rows: Sequence[Replaced]) -> bytes:
    lines = (old.lines if old else None) or []
    found: list[bytes] = []
    done = 0
    for row in rows:
        found += [*lines[done : row.start], *row.new]
        done = row.end
    return b"\n".join([*found, *lines[done:]])


def read_files(tree: Path) -> dict[str, ChangedEntry]:
    """Read the files and links of a tree on disk."""
    found = {}
    for folder, folders, files in os.walk(tree):
        for name in (*folders, *files):
            path = Path(folder, name)
            where = path.relative_to(tree).as_posix()
            if path.is_symlink():
                found[where] = ChangedEntry("link", os.fsencode(os.readlink(path)))
            elif path.is_file():
                found[where] = ChangedEntry("file", path.read_bytes())
    return found


def read_change(before: Path, after: Path, withheld: Collection[str] = ()) -> TreeChange:
    """Split what differs between two trees. What the host of ``before`` has ``withheld`` is taken for unchanged."""
    old, new = read_files(before), read_files(after)
    known = {path: new[path] for path in withheld if path in new}
    edits: list[TreeEdit] = []
    parts: list[ChangePart] = []
    for path in sorted(old.keys() | new.keys()):
        if path not in withheld and old.get(path) != new.get(path):
            for hunk in _hunks(old.get(path), new.get(path)):
                parts.append(_part(len(edits), hunk))
                edits += [TreeEdit(path, row) for row in hunk]
    return TreeChange(old, new, tuple(edits), tuple(_without_clashes(old, new, edits, parts)), known)


def _hunks(old: ChangedEntry | None, new: ChangedEntry | None) -> Iterator[Sequence[Replaced | None]]:
    before, after = ([] if node is None else node.lines for node in (old, new))
    if before is None or after is None:
        yield [None]
    else:
        yield from hunks(before, after)


def _part(first: int, hunk: Sequence[Replaced | None]) -> ChangePart:
    rows = [row for row in hunk if row is not None]

    def part(unit: Unit) -> ChangePart:
        if isinstance(unit, int):
            return ChangePart(frozenset({first + unit}))
        whole, finer = unit
        return ChangePart(frozenset(first + number for number in whole), tuple(part(each) for each in finer))

    units = [part(unit) for unit in in_units(rows)]
    every = frozenset(range(first, first + len(hunk)))
    return ChangePart(every, tuple(units)) if len(units) > 1 else units[0] if units else ChangePart(every)


def _without_clashes(
    old: Files, new: Files, edits: Sequence[TreeEdit], parts: Sequence[ChangePart]
) -> Iterator[ChangePart]:
    """Join the parts of a folder that is a file or a link in the other tree: neither half of it can be."""
    clashes = {above for path in (*old, *new) for above in _above(path) if above in old or above in new}
    joined: dict[str, frozenset[int]] = {}
    for part in parts:
        path = edits[min(part.edits)].path
        top = next((each for each in (*_above(path), path) if each in clashes), "")
        if top:
            joined[top] = joined.get(top, frozenset()) | part.edits
        else:
            yield part
    yield from (ChangePart(numbers) for numbers in joined.values())


def _above(path: str) -> list[str]:
    return [parent.as_posix() for parent in reversed(PurePosixPath(path).parents)][1:]
