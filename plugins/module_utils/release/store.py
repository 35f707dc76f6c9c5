"""The releases that a controller has made: ``.sluice/releases/ID/``, with the tree, its bundle and its description."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import SluiceError
from ..manifest import CONF_ROOT, entries_to_json, read_tree, release_id
from ..storage import alone, make_folder, write_bytes, write_text
from ..tree_reader import kind_inside, paths_inside
from ..untrusted import ReleaseId, is_inside, read_release_id
from . import tree as trees

if TYPE_CHECKING:
    from ..config.parse import Texts

__all__ = ["Release", "ReleaseStore", "remove_release", "write_json"]

_LISTS, _OBJECTS = ("manifest", "shared", "needs", "withheld"), ("origins", "variables", "facts", "platform")
_FORM: Mapping[str, type] = {"id": str, **dict.fromkeys(_LISTS, list), **dict.fromkeys(_OBJECTS, dict)}


def write_json(path: Path, value: object) -> None:
    """Write JSON to ``path`` so that a reader sees the old or the new file, never half of one."""
    make_folder(path.parent)
    write_text(path, json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n", sync=True)


@dataclass(frozen=True)
class Release:
    """A release on the controller's disk."""

    id: str
    root: Path

    @property
    def tree(self) -> Path:
        """Where its files are."""
        return self.root / "tree"

    @property
    def paths(self) -> set[str]:
        """The absolute paths of the files that it brings."""
        names = (name for name in paths_inside(self.tree) if kind_inside(self.tree, name) == "file")
        return {f"{CONF_ROOT}/{name}" for name in names}

    @property
    def described(self) -> dict[str, Any]:
        """What a host is told of it: id, manifest, kept, facts, needs, contract; and what its files are made from.

        Raises ``SluiceError`` for one that is damaged.
        """
        path = self.root / "release.json"
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise SluiceError(f"{path} cannot be read ({error}); run the gates again, which write it") from error
        odd = "all of it"
        if isinstance(found, dict):
            odd = next((name for name, kind in _FORM.items() if not isinstance(found.get(name, kind()), kind)), "")
        if odd:
            raise SluiceError(f"{path} is damaged: {odd} has another type; run the gates again, which write it")
        return dict(found)

    @property
    def bundle(self) -> bytes:
        """The tree as tar.gz."""
        return (self.root / "bundle.tar.gz").read_bytes()


class ReleaseStore:
    """The folder that holds releases.

    Who adds to several gives them the same ``texts``, empty at first: what is in many releases is read once.
    """

    def __init__(self, root: Path, texts: Texts | None = None) -> None:
        self.root = root
        self._texts: Texts = {} if texts is None else texts

    @staticmethod
    def identify(tree: trees.Tree) -> ReleaseId:
        """Return the id that a tree has."""
        return release_id(trees.manifest(tree))

    def add(
        self, tree: trees.Tree, contract: list[dict[str, Any]], kept: list[str], platform: Mapping[str, Any]
    ) -> Release:
        """Put a tree into the store, unless it is there, and describe it anew."""
        entries = trees.manifest(tree)
        identity = release_id(entries)
        release = Release(identity, self.root / identity)
        if not self.is_whole(release):
            make_folder(self.root)
            with alone(self.root):
                # Another run may have made the same one meanwhile.
                if not self.is_whole(release):
                    self._put(tree, release)
        # Here, because reading configurations costs imports that a roll-out, which only gets releases, never needs.
        from .description import read

        description = {
            "id": release.id,
            "manifest": entries_to_json(entries),
            "origins": {path: node.origin for path, node in tree.items() if node.kind != "dir"},
            "variables": {path: [list(row) for row in node.variables] for path, node in tree.items() if node.variables},
            **read(release.tree, release.paths, str(platform.get("prefix") or ""), self._texts),
            "shared": kept,
            "contract": contract,
            "platform": dict(platform),
        }
        write_json(release.root / "release.json", description)
        return release

    def get(self, wanted: ReleaseId) -> Release:
        """Find a release by its id. Raises ``SluiceError`` when it is not in the store, or that is no id."""
        release = Release(wanted, self.root / read_release_id(wanted))
        if not (release.root / "release.json").is_file():
            raise SluiceError(f"release {wanted[:12]} is not in {self.root}; run the gates again, which make it")
        return release

    def is_whole(self, release: Release) -> bool:
        """Return whether the files of a release are there, and those of its id."""
        return (release.root / "bundle.tar.gz").is_file() and release_id(read_tree(release.tree)) == release.id

    def _put(self, tree: trees.Tree, release: Release) -> None:
        with tempfile.TemporaryDirectory(dir=self.root, prefix=".new-") as folder:
            made = Path(folder, "release")
            make_folder(made)
            trees.write(tree, made / "tree")
            write_bytes(made / "bundle.tar.gz", trees.bundle(tree))
            remove_release(release.root, self.root)
            made.rename(release.root)


def remove_release(folder: Path, store: Path) -> None:
    """Remove the folder of a release, if it is there. Raises ``SluiceError`` for one that does not lie below ``store``:
    then it is a link, or the store is.
    """
    if not os.path.lexists(folder):
        return
    if folder.is_symlink() or not is_inside(folder, store):
        raise SluiceError(f"{folder} leads out of {store}, so it is not removed; see who put it there, and remove it")
    shutil.rmtree(folder, ignore_errors=True)
