"""The releases that are on the host, and what is left of others."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from ...errors import SluiceError
from ...manifest import read_tree, release_id
from ...untrusted import ReleaseId

if TYPE_CHECKING:
    from ..protocol import Json
    from ..session import Session

__all__ = ["has_release", "remove_unknown"]

# Stands for any release where only the folder that they are in is meant.
_NONE = ReleaseId("0" * 64)


def has_release(session: Session, release: ReleaseId) -> bool:
    """Return whether a release is on the host, unchanged."""
    tree = session.layout.release(release)
    if not tree.is_dir() or not session.layout.meta(release).is_file():
        return False
    with suppress(OSError, SluiceError):
        return release_id(read_tree(tree)) == release
    return False


def remove_unknown(session: Session, state: Json) -> None:
    """Remove what an installation or a pruning that a crash cut short has left: no state names it."""
    layout = session.layout
    session.system.remove(layout.work)
    for place in (layout.release, layout.bundle, layout.meta):
        known = {place(release).name for release in state["releases"]}
        folder = place(_NONE).parent
        for name in sorted(os.listdir(folder)):
            # A name out of a listing has no way out of the folder in it.
            if name not in known:
                try:
                    session.system.remove(folder / name)
                except OSError as error:
                    # An immutable file, for one: waste on the disk is no reason to roll a good release back.
                    session.warn(f"{folder / name} could not be removed: {error.strerror}; see lsattr there")
