"""Live trees that were fetched from hosts: ``.sluice/live/ID/``, in the form of a release."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from ..errors import SluiceError
from ..manifest import ManifestEntry, entries_to_json, read_tree, release_id
from ..platforms.catalog import layouts
from ..untrusted import ReleaseId, read_release_id
from . import tree as trees
from .received import read_sent
from .store import Release, remove_release, write_json

__all__ = ["find_live", "is_packaged", "keep_live", "known_ids"]

_FOLDERS = ("releases", "live")


def known_ids(state: Path) -> list[ReleaseId]:
    """List the releases that the controller has, made by itself or fetched; ``state`` is its folder."""
    found = set()
    for folder in _FOLDERS:
        for path in state.glob(f"{folder}/*/release.json"):
            try:
                found.add(read_release_id(path.parent.name))
            except SluiceError:
                # Whatever else somebody has put there is no release.
                continue
    return sorted(found)


def find_live(state: Path, identity: ReleaseId) -> Release | None:
    """Find what a host serves among the releases that the controller has; one that it made itself comes first."""
    name = read_release_id(identity)
    for folder in _FOLDERS:
        root = state / folder / name
        if (root / "release.json").is_file():
            return Release(name, root)
    return None


def keep_live(state: Path, claimed: ReleaseId, bundle: bytes, withheld: Iterable[str]) -> Release:
    """Keep a fetched tree, unless it is there.

    Its name is the digest of what was sent, which is the id that the host ``claimed`` for it. Where the host has
    ``withheld`` files, that cannot be; then what was sent and the paths of these name it. So what one host sends never
    stands for what another one serves. Raises ``SluiceError`` for what is no tree, or not the one that was claimed.
    """
    sent = read_sent(bundle)
    digest = release_id(sent.entries)
    left_out = [] if digest == claimed else sorted(set(withheld))
    if digest != claimed and not left_out:
        raise SluiceError(
            f"the host names its live tree {claimed[:12]}, and the one that it sent is {digest[:12]}; either somebody "
            "writes to /etc/nginx there, and asking again helps, or this host is not to be trusted"
        )
    identity = _named(digest, left_out) if left_out else digest
    store = state / "live"
    root = store / identity
    if (root / "release.json").is_file():
        return Release(identity, root)
    # Here, since who only looks for a tree reads no configuration.
    from ..config.facts import facts
    from ..config.parse import parse_tree

    tree = trees.overlay(sent.tree)
    store.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=store, prefix=".new-") as folder:
        made = Path(folder, "release")
        made.mkdir(0o700)
        trees.write(tree, made / "tree")
        description = {
            "id": identity,
            "manifest": entries_to_json(trees.manifest(tree)),
            "origins": {},
            "facts": facts(parse_tree(made / "tree")),
            "shared": [],
            "withheld": left_out,
        }
        write_json(made / "release.json", description)
        try:
            made.rename(root)
        except OSError:
            # Another host with the same tree was faster; what is not whole is replaced.
            if not (root / "release.json").is_file():
                remove_release(root, store)
                made.rename(root)
    return Release(identity, root)


def _named(digest: ReleaseId, withheld: list[str]) -> ReleaseId:
    """Name a tree without some of its files. No tree has this id, for a manifest begins with a path."""
    text = "\0".join(["", "withheld", digest, *withheld])
    return read_release_id(hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest())


def is_packaged(tree: Path, packaged: Path) -> bool:
    """Return whether a live tree is the one that the distribution's package brings: then nobody has deployed anything
    yet.

    The default site and the links to modules do not count, for packages make and remove them; nor does what is not
    there, since staging may have more packages than a host.
    """
    return _compared(tree).items() <= _compared(packaged).items()


def _compared(root: Path) -> dict[str, tuple[str, str]]:
    entries: list[ManifestEntry] = read_tree(root)
    known = layouts()
    folders = {folder for each in known for folder in each.made_by_packages}
    sites = {path for each in known for path in each.default_site}
    return {
        entry.path: (entry.kind, entry.value)
        for entry in entries
        if entry.path not in sites and PurePosixPath(entry.path).parts[0] not in folders
    }
