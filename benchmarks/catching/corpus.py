"""The corpus: good configurations, and the edits that break them or change nothing, as data.

``CASE/case.yml`` says what is around ``CASE/tree``, and ``checks.yml`` is its contract. ``faults.yml``,
``harmless.yml`` and ``improvements.yml`` (changes that are meant, and that nobody has to be asked about) are lists of
changes. A change is one edit or a list of ``edits``; an edit names its ``file`` and has

- ``replace: [old, new]``, a text that is in the file once,
- or ``old`` and ``new``, whole lines that are in the file once, however they are indented,
- or ``write`` (a new file with this text), ``move`` (to another path) or ``remove: true``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import Check, parse_contract
from ansible_collections.sluice.nginx.plugins.module_utils.environment.model import Service
from ansible_collections.sluice.nginx.plugins.module_utils.environment.services import parse_services
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees

__all__ = [
    "CORPUS",
    "HARMLESS",
    "IMPROVEMENT",
    "KINDS",
    "MUTATION",
    "Case",
    "Change",
    "CorpusError",
    "apply",
    "names",
    "read",
]

CORPUS = Path(__file__).resolve().parents[1] / "corpus"
HARMLESS, IMPROVEMENT, MUTATION = "harmless", "improvement", "mutation"
KINDS = (
    "spelling",
    "omission",
    "duplication",
    "value",
    "unit",
    "place",
    "order",
    "reference",
    "redirect",
    "tls",
    "permission",
    "transition",
    "environment",
)
_KEYS = {"id", "kind", "what", "file", "edits", "replace", "old", "new", "write", "move", "remove"}


class CorpusError(ValueError):
    """Something in the corpus is not as it should be: the message says where and what."""


@dataclass(frozen=True)
class Change:
    """A change of a good configuration: a fault of one of ``KINDS``, a mutation, or something harmless or good."""

    case: str
    id: str
    kind: str
    what: str
    edits: tuple[Mapping[str, Any], ...]

    @property
    def name(self) -> str:
        """What it is called in tables, unique in the corpus."""
        return f"{self.case}/{self.id}"


@dataclass(frozen=True)
class Case:
    """A good configuration with what is around it."""

    name: str
    about: str
    tree: trees.Tree
    contract: tuple[Check, ...]
    docroots: Mapping[str, Path]
    services: tuple[Service, ...]
    faults: tuple[Change, ...]
    harmless: tuple[Change, ...]
    improvements: tuple[Change, ...]


def names() -> list[str]:
    """List the cases of the corpus."""
    return sorted(path.parent.name for path in CORPUS.glob("*/case.yml"))


def read(name: str, folder: Path = CORPUS) -> Case:
    """Read a case. Raises ``CorpusError`` and ``InputError``."""
    home = folder / name
    about = _yaml(home / "case.yml")
    return Case(
        name=name,
        about=str(about["about"]),
        tree=trees.read_layer(home / "tree", "tree"),
        contract=tuple(parse_contract(_yaml(home / "checks.yml"), f"{name}/checks.yml")),
        docroots={path: home / where for path, where in about["docroots"].items()},
        services=parse_services(about.get("services", [])),
        faults=_changes(home / "faults.yml", KINDS),
        harmless=_changes(home / "harmless.yml", (HARMLESS,)),
        improvements=_changes(home / "improvements.yml", (IMPROVEMENT,)),
    )


def _yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _changes(path: Path, kinds: Sequence[str]) -> tuple[Change, ...]:
    changes: dict[str, Change] = {}
    for row in _yaml(path):
        where = f"{path.parent.name}/{path.name}: {row.get('id')}"
        if unknown := set(row) - _KEYS:
            raise CorpusError(f"{where}: there is no key {', '.join(sorted(unknown))}")
        if row["id"] in changes:
            raise CorpusError(f"{where}: another change has this id")
        kind = row.get("kind", kinds[0])
        if kind not in kinds:
            raise CorpusError(f"{where}: {kind!r} is no kind; use {', '.join(kinds)}")
        edits = tuple({"file": row.get("file"), **edit} for edit in row.get("edits", [_edit(row)]))
        changes[row["id"]] = Change(path.parent.name, row["id"], kind, row["what"], edits)
    return tuple(changes.values())


def _edit(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: row[key] for key in row if key in _KEYS - {"id", "kind", "what", "edits"}}


def apply(tree: trees.Tree, change: Change) -> trees.Tree:
    """Make the tree that the change leaves. Raises ``CorpusError`` where an edit does not apply exactly once."""
    changed = dict(tree)
    for edit in change.edits:
        _apply(changed, edit, change.name)
    if trees.manifest(changed) == trees.manifest(tree):
        raise CorpusError(f"{change.name}: nothing is changed")
    return changed


def _apply(tree: trees.Tree, edit: Mapping[str, Any], where: str) -> None:
    path = edit["file"]
    if "write" in edit:
        if path in tree:
            raise CorpusError(f"{where}: {path} is to be written, and there is one already")
        tree[path] = trees.file(edit["write"].encode(), where)
        return
    if path not in tree:
        raise CorpusError(f"{where}: there is no file {path}")
    if "move" in edit:
        tree[edit["move"]] = tree.pop(path)
    elif edit.get("remove"):
        del tree[path]
    else:
        text = tree[path].data.decode()
        new = _replaced(text, edit["replace"], where) if "replace" in edit else _relined(text, edit, where)
        tree[path] = trees.file(new.encode(), where)


def _replaced(text: str, pair: Sequence[str], where: str) -> str:
    old, new = pair
    if (found := text.count(old)) != 1:
        raise CorpusError(f"{where}: {old!r} is in the file {found} times; once is wanted")
    return text.replace(old, new)


def _relined(text: str, edit: Mapping[str, Any], where: str) -> str:
    lines = text.splitlines(keepends=True)
    wanted = [line.strip() for line in edit["old"].splitlines()]
    bare = [line.strip() for line in lines]
    starts = [at for at in range(len(lines)) if bare[at : at + len(wanted)] == wanted]
    if len(starts) != 1:
        raise CorpusError(f"{where}: its lines are in the file {len(starts)} times; once is wanted")
    at = starts[0]
    indent = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
    new = [indent + line if line.strip() else line for line in edit["new"].splitlines(keepends=True)]
    return "".join([*lines[:at], *new, *lines[at + len(wanted) :]])
