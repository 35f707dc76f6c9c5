"""``/etc/nginx`` as a plain directory again: the live tree, with what is kept outside of releases back in its place."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ...manifest import compare, read_tree
from ..session import Fault, Problem
from ..traces import leaving
from .live import take_place

if TYPE_CHECKING:
    from pathlib import Path

    from ..session import Session

__all__ = ["directory_problems", "make_directory", "put_directory"]

_MOST_NAMED = 10


def directory_problems(session: Session) -> list[Problem]:
    """Return what keeps the live tree from standing alone: it needs Sluice's folder, or something would be lost."""
    root, kept, tree = session.layout.root, session.layout.shared, session.layout.conf.resolve()
    links = _links(session, tree)
    stray = [f"{name} leads to {target}" for name, target in links.items() if not _is_below(target, str(kept))]
    stray += _naming(tree, os.fsencode(f"{root}/"))
    unused = _unused(kept, {target for name, target in links.items() if target == str(kept / name)})
    problems = []
    if stray:
        do = "deploy a release that has these files at paths below /etc/nginx"
        expected = f"nothing in the live release names {root}"
        problems.append(Problem("the live release needs what is to be removed", expected, _listed(stray), do))
    if unused:
        what = "files are kept on this host that the live release does not lead to; they would be lost"
        do = "move them to another place on this host, or remove them"
        problems.append(Problem(what, f"each file below {kept} is in use", _listed(unused), do))
    return problems


def make_directory(session: Session) -> Path:
    """Make the directory, beside ``/etc/nginx`` and closed to others, and return its path. Raises ``Fault`` where the
    live tree was changed meanwhile.
    """
    system, conf, kept, folder = session.system, session.layout.conf, session.layout.shared, leaving(session)
    tree, place, whole = conf.resolve(), folder / conf.name, folder / "shared"
    system.remove(folder)
    system.make_directory(folder, 0o700)
    system.copy(tree, place)
    links = _links(session, place)
    for name, target in links.items():
        at = kept / name
        if target == str(at):
            # The copy is whole before it takes the link's place.
            system.copy(at, whole)
            system.remove(place / name)
            system.rename(whole, place / name)
        else:
            system.symlink(conf / os.path.relpath(target, kept), place / name)
    system.label(place, conf)
    ours = [entry for entry in read_tree(tree) if entry.path not in links]
    theirs = [entry for entry in read_tree(place) if not any(_is_below(entry.path, name) for name in links)]
    differences = compare(ours, theirs)
    if differences:
        raise Fault(Problem(f"{differences[0].path} was changed meanwhile", fix="see who changes it, and try again"))
    return place


def _links(session: Session, tree: Path) -> dict[str, str]:
    """Return the links of a tree that lead below Sluice's folder, and where to."""
    return {
        entry.path: os.path.normpath(entry.value)
        for entry in read_tree(tree)
        if entry.kind == "link" and _is_below(entry.value, str(session.layout.root))
    }


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


def _naming(tree: Path, root: bytes) -> list[str]:
    """Return the lines of a tree's files, but for comments, that name Sluice's folder."""
    return [
        f"{entry.path}:{number}"
        for entry in read_tree(tree)
        if entry.kind == "file"
        for number, line in enumerate((tree / entry.path).read_bytes().split(b"\n"), 1)
        if root in line and not line.lstrip().startswith(b"#")
    ]


def _unused(kept: Path, used: set[str]) -> list[str]:
    """Return what is kept below none of the paths that are in use."""
    found = []
    for folder, folders, files in os.walk(kept):
        there = [os.path.join(folder, name) for name in files + folders if os.path.join(folder, name) not in used]
        found += [path for path in there if os.path.islink(path) or not os.path.isdir(path)]
        folders[:] = [name for name in folders if os.path.join(folder, name) not in used]
    return sorted(found)


def _listed(found: list[str]) -> str:
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    return ", ".join(found[:_MOST_NAMED]) + more


def put_directory(session: Session, place: Path) -> None:
    """Let the directory take the place of the link, in one step where the file system can."""
    take_place(session.system, place, session.layout.conf)
    session.system.remove(leaving(session))
