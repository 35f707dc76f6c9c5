"""What must be true of a host that was left alone, whatever happened to it before."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.engine.store import HostStore
from ansible_collections.sluice.nginx.plugins.module_utils.engine.trees.bundle import unpack
from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.manifest import entries_from_json, read_tree, release_id
from ansible_collections.sluice.nginx.plugins.module_utils.untrusted import ReleaseId

from .host import SimulatedHost

__all__ = ["files", "serves", "state_of", "untrue"]


def state_of(host: SimulatedHost) -> dict[str, Any]:
    """Read the state as the engine does: as it is on disk, or as what a damaged one is rebuilt to."""
    return dict(HostStore(host, host.layout, lambda warning: None).load())


def serves(host: SimulatedHost) -> str:
    """Return the id of the tree that ``/etc/nginx`` leads to now."""
    try:
        return release_id(read_tree(host.layout.conf.resolve()))
    except (OSError, SluiceError) as error:
        return f"no tree ({error})"


def untrue(host: SimulatedHost) -> list[str]:
    """List what is not as it must be: one whole release is linked, named by the state, confirmed, and served.

    A tree that was rewritten on the host and that nobody has dealt with yet counts as whole.
    """
    layout, state = host.layout, state_of(host)
    found = [f"pending: {_told(state['pending'])}"] if state["pending"] is not None else []
    live, accepted, tree = state["live"], state["confirmed"] or {}, serves(host)
    if live is None and not layout.conf.is_symlink():
        # Nothing was ever done to it.
        live = accepted = None
    elif layout.linked() is None and accepted.get("run") is None:
        # Adopted, and never switched: what stands there is still the directory of before.
        if tree != live:
            found.append(f"the directory holds {tree[:12]}, and {live[:12]} was adopted")
    elif layout.linked() != live:
        found.append(f"the link leads to {_short(layout.linked())}, and {_short(live)} is live")
    if live is not None:
        if tree != live and tree not in host.rewritten:
            found.append(f"the tree of {live[:12]} is {tree[:12]}")
        if accepted.get("release") != live:
            found.append(f"{live[:12]} is live, and confirmed is {_short(accepted.get('release'))}")
        for release, name in ((live, "what is live"), (accepted.get("before"), "the one before")):
            found += _missing(host, release, name) if release is not None else []
        found += [
            f"{release[:12]} is in the state and not on disk"
            for release in state["releases"]
            if not layout.release(release).is_dir()
        ]
    loaded = {worker.loaded for worker in host.nginx.serving}
    if host.nginx.master is None or loaded != {tree}:
        seen = ", ".join(sorted(each[:12] for each in loaded)) or "nothing"
        found.append(f"nginx serves {seen}, and {tree[:12]} is live")
    return found


def _missing(host: SimulatedHost, release: ReleaseId, name: str) -> list[str]:
    """Return what is not there of a release; a changed tree is good as long as it can be repaired."""
    layout = host.layout
    try:
        manifest = entries_from_json(json.loads(layout.meta(release).read_bytes())["manifest"])
        if release_id(manifest) != release or not layout.release(release).is_dir():
            return [f"{name}, {release[:12]}, has no tree, or another manifest"]
        if release_id(read_tree(layout.release(release))) != release:
            with tempfile.TemporaryDirectory(dir=host.root) as folder:
                unpack(layout.bundle(release).read_bytes(), Path(folder) / "tree", manifest)
        layout.bundle(release).stat()
    except (OSError, ValueError, KeyError, SluiceError) as error:
        return [f"{name}, {release[:12]}, is gone: {error}"]
    return []


def _told(pending: dict[str, Any]) -> str:
    broken = "; ".join(pending.get("broken") or [])
    return f"{_short(pending['release'])} after {_short(pending['before'])}, {pending['phase']} {broken}".strip()


def _short(release: str | None) -> str:
    return release[:12] if release else "nothing"


def files(host: SimulatedHost) -> dict[str, tuple[int, bytes]]:
    """Read all that the engine has on the host, but for the lock, which every operation signs."""
    found: dict[str, tuple[int, bytes]] = {}
    lock = str(host.layout.root / "lock")
    left = [str(top) for top in (host.layout.root, host.layout.conf.parent) if top.is_dir()]
    # Thousands of files are read for each test of crashes.
    while left:
        with os.scandir(left.pop()) as entries:
            for entry in entries:
                if entry.is_symlink():
                    found[entry.path] = (0, os.fsencode(os.readlink(entry.path)))
                elif entry.is_dir():
                    found[entry.path] = (entry.stat().st_mode, b"")
                    left.append(entry.path)
                elif entry.is_file() and entry.path != lock:
                    with open(entry.path, "rb") as file:
                        found[entry.path] = (entry.stat().st_mode, file.read())
    return found
