"""Live trees that were fetched from hosts: ``.sluice/live/ID/``, in the form of a release."""

from __future__ import annotations

import io
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from ..config.facts import facts
from ..config.parse import parse_tree
from ..errors import SluiceError
from ..manifest import Entry, entries_to_json
from . import tree as trees
from .store import Release, write_json

__all__ = ["find_live", "is_packaged", "keep_live", "known_ids"]

_FOLDERS = ("releases", "live")
_MADE_BY_PACKAGES = ("modules-available", "modules-enabled")
_DEFAULT_SITE = ("sites-available/default", "sites-enabled/default")


def known_ids(state: Path) -> list[str]:
    """List the releases that the controller has, made by itself or fetched; ``state`` is its folder."""
    return sorted({path.parent.name for folder in _FOLDERS for path in state.glob(f"{folder}/*/release.json")})


def find_live(state: Path, identity: str) -> Release | None:
    """Find what a host serves among the releases that the controller has."""
    for folder in _FOLDERS:
        root = state / folder / identity
        if (root / "release.json").is_file():
            return Release(identity, root)
    return None


def keep_live(state: Path, identity: str, bundle: bytes, more: Mapping[str, Any]) -> Release:
    """Keep a fetched tree under the id that it has on its host, unless it is there. ``more`` joins its description.

    Its manifest is that of what was fetched: the host withholds what is secret. Raises ``SluiceError`` for what is no
    tree.
    """
    tree = trees.overlay(_read(bundle))
    root = state / "live" / identity
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root.parent, prefix=".new-") as folder:
        made = Path(folder, "release")
        made.mkdir(0o700)
        trees.write(tree, made / "tree")
        description = {
            "id": identity,
            "manifest": entries_to_json(trees.manifest(tree)),
            "origins": {},
            "facts": facts(parse_tree(made / "tree")),
            "kept": [],
            **more,
        }
        write_json(made / "release.json", description)
        try:
            made.rename(root)
        except OSError:
            # Another host with the same tree was faster; what is not whole is replaced.
            if not (root / "release.json").is_file():
                shutil.rmtree(root, ignore_errors=True)
                made.rename(root)
    return Release(identity, root)


def _read(bundle: bytes) -> trees.Tree:
    """Read what a host sent; nothing of it can lead out of the folder that it is written to."""
    found: trees.Tree = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(bundle), mode="r:gz") as archive:
            for member in archive:
                path = PurePosixPath(member.name)
                if path.is_absolute() or ".." in path.parts or not path.parts:
                    raise SluiceError(f"the host sent {member.name!r}, which is no path in a tree")
                mode = member.mode & 0o777
                if member.isdir():
                    found[str(path)] = trees.Node("dir", mode | 0o700, b"", "live")
                elif member.issym():
                    found[str(path)] = trees.link(member.linkname, "live")
                elif member.isreg():
                    stream = archive.extractfile(member)
                    found[str(path)] = trees.Node("file", mode | 0o600, stream.read() if stream else b"", "live")
                else:
                    raise SluiceError(f"the host sent {member.name!r}, which is neither a file, a directory nor a link")
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise SluiceError(f"the live tree that the host sent is damaged: {error}") from error
    return found


def is_packaged(tree: Path, packaged: Path) -> bool:
    """Whether a live tree is the one that the distribution's package brings: then nobody has deployed anything yet.

    The default site and the links to modules do not count, for packages make and remove them; nor does what is not
    there, since staging may have more packages than a host.
    """
    return _compared(tree).items() <= _compared(packaged).items()


def _compared(root: Path) -> dict[str, tuple[str, str]]:
    entries: list[Entry] = trees.manifest(trees.read_layer(root, ""))
    return {
        entry.path: (entry.kind, entry.value)
        for entry in entries
        if entry.path not in _DEFAULT_SITE and PurePosixPath(entry.path).parts[0] not in _MADE_BY_PACKAGES
    }
