"""The user's own files, in which fixes are made: which fix reaches one, and which does not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from ..errors import SluiceError
from ..release import tree as trees
from ..release.store import Release
from ..tree_reader import read_inside
from ..untrusted import printable
from ..verdicts.model import Edit
from .verifying import FoundFault

__all__ = ["OutOfReach", "Patch", "Proposed", "applied", "patched", "patches_of"]

_TEMPLATES = "roles/"


class OutOfReach(SluiceError):
    """A fix that cannot be made in a file of the user."""


@dataclass
class Patch:
    """What changes in one file of the user: ``origin`` is what it is called, ``edits`` are by their lines."""

    origin: str
    path: Path
    before: bytes
    edits: dict[int, Edit] = field(default_factory=dict)

    @property
    def after(self) -> bytes:
        """The file with its edits."""
        return applied(self.before, self.edits.values())


def applied(data: bytes, edits: Iterable[Edit]) -> bytes:
    """Return a file with edits. Raises ``OutOfReach`` where a line is not what it was.

    In a record a tab is an escape, and what is secret is not there at all. Of a line with other escapes nobody knows
    which of them stand in the file as they are.
    """
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    for edit in sorted(edits, key=lambda each: each.line, reverse=True):
        line = lines[edit.line - 1] if 0 < edit.line <= len(lines) else None
        if line is None or edit.old not in (line, printable(line)):
            raise OutOfReach("the line is another one than in the record; run the gates again, or it has a secret")
        if edit.old != line and ("\\t" in line or edit.old != line.replace("\t", "\\t")):
            raise OutOfReach("the line has characters that nobody sees, or tabs beside \\t; correct it by hand")
        new = [each.replace("\\t", "\t") if edit.old != line else each for each in edit.new]
        lines[edit.line - 1 : edit.line] = new
    return "\n".join(lines).encode("utf-8", "surrogateescape")


def source_of(release: Release, file: str, project: Path) -> tuple[str, Path, bytes]:
    """Return the user's file that a file of the tree was copied from: as it is called, its path, its bytes.

    Raises ``OutOfReach`` where it was made by a template, or comes with the package, or was changed since.
    """
    described = release.described
    origin = str(described["origins"].get(file, ""))
    variables = [str(row[2]) for row in described.get("variables", {}).get(file, [])]
    if origin.startswith("packaged/") or not origin:
        raise OutOfReach(f"{file} comes with nginx's package; lay a file of your own over it")
    if origin.startswith(_TEMPLATES):
        whose = f", from {', '.join(dict.fromkeys(variables))}" if variables else ""
        raise OutOfReach(f"{file} is rendered by {origin}{whose}; correct the variable")
    if origin.endswith(".j2"):
        raise OutOfReach(f"{file} is rendered from the template {origin}; correct it there")
    path = project / origin
    try:
        data = path.read_bytes()
    except OSError as error:
        raise OutOfReach(f"{origin} cannot be read: {error.strerror}") from error
    if data != read_inside(release.tree, file):
        raise OutOfReach(f"{origin} was changed since; run the gates again")
    return origin, path, data


class Proposed(NamedTuple):
    """A fix of a finding: the fault that it is of, and its edits."""

    fault: FoundFault
    edits: tuple[Edit, ...]


def patches_of(proposed: Iterable[tuple[Release, Proposed]], project: Path) -> tuple[dict[str, Patch], list[str]]:
    """Return what changes in files of the user, by their names, and what is out of reach, in words.

    A line that two findings would change otherwise gets the fix of the first.
    """
    patches: dict[str, Patch] = {}
    beyond: list[str] = []
    for release, fix in proposed:
        for edit in fix.edits:
            try:
                origin, path, data = source_of(release, edit.file, project)
                applied(data, [edit])
            except SluiceError as error:
                would = " ".join(each.strip() for each in edit.new)
                beyond.append(f"{edit.file}:{edit.line}: {error}; it would be: {would}")
                continue
            patch = patches.setdefault(origin, Patch(origin, path, data))
            patch.edits.setdefault(edit.line, edit)
    return patches, list(dict.fromkeys(beyond))


def patched(release: Release, patches: Mapping[str, Patch]) -> trees.Tree:
    """Return the tree of a release, with the files that are made of patched ones changed."""
    described = release.described
    origins, variables = described["origins"], described.get("variables", {})
    tree = {}
    for path, node in trees.read_layer(release.tree, "").items():
        origin = str(origins.get(path, ""))
        patch = patches.get(origin) if node.kind == "file" else None
        data = patch.after if patch and patch.before == node.data else node.data
        rows = tuple((int(first), int(last), str(name)) for first, last, name in variables.get(path, ()))
        tree[path] = replace(node, data=data, origin=origin, variables=rows)
    return trees.overlay(tree)
