"""The releases that are on the host, and what is left of others."""

from __future__ import annotations

import os

from ...errors import SluiceError
from ...lean import TYPE_CHECKING, suppress
from ...manifest import read_tree, release_id

if TYPE_CHECKING:
    from ..forms import Json
    from ..session import Session

__all__ = ["has_release", "remove_unknown"]

_ANY = "*"


def has_release(session: Session, release: str) -> bool:
    """Tell whether a release is on the host, unchanged."""
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
    for pattern in (layout.release(_ANY), layout.bundle(_ANY), layout.meta(_ANY)):
        known = {pattern.name.replace(_ANY, release) for release in state["releases"]}
        for name in sorted(os.listdir(pattern.parent)):
            if name not in known:
                session.system.remove(pattern.parent / name)
