"""The link that says which release is live."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import SluiceError
from ...manifest import CONF_ROOT, ManifestEntry, entries_from_json, read_tree, release_id
from ...untrusted import ReleaseId
from ..session import Fault, Problem, Session

if TYPE_CHECKING:
    from ..host.system import System

__all__ = ["point", "take_place"]

_CANNOT_EXCHANGE = (errno.EXDEV, errno.EINVAL, errno.ENOSYS)
"""Where two names cannot change places: lower directories of overlayfs, and file systems that do not know how."""


def _former(session: Session, release: ReleaseId) -> Path | None:
    """Return where the link of before Sluice led, where ``release`` was adopted through it and is still there."""
    former = session.layout.read_former()
    if former is None or former[1] != release:
        return None
    place = session.layout.conf.parent / former[0]
    try:
        if release_id(read_tree(place.resolve())) == release:
            return Path(former[0])
    except (OSError, SluiceError):
        pass
    session.warn(f"{place}, to which {session.layout.conf} led before, was changed since, so its copy serves instead")
    return None


def point(session: Session, release: ReleaseId) -> None:
    """Let ``/etc/nginx`` lead to a release, in one step.

    The first time it is a directory, of which ``adopt`` made a copy before: link and directory change places. Raises
    ``Fault`` where the directory cannot be replaced.
    """
    system, conf, tree = session.system, session.layout.conf, session.layout.release(release)
    if not tree.is_dir():
        raise Fault(Problem(f"the tree of release {release[:12]} is gone from this host", str(tree)))
    _reach_usr(session, release)
    if conf.is_symlink() or not conf.exists():
        system.symlink(_former(session, release) or tree, conf)
        return
    if os.path.ismount(conf):
        raise Fault(
            Problem(
                f"{conf} is a mount point and cannot become a link",
                fix=f"mount it at another place, and copy it to {conf}",
            )
        )
    aside = conf.with_name(f".{conf.name}.before-sluice")
    system.remove(aside)
    system.symlink(tree, aside)
    system.label(aside, conf)
    take_place(system, aside, conf)
    system.remove(aside)


def _reach_usr(session: Session, release: ReleaseId) -> None:
    """Let ``../../usr`` lead from a release where it leads from ``/etc/nginx``.

    nginx.org's package for RPM has ``modules -> ../../usr/lib64/nginx/modules``, and each upgrade writes it anew,
    whatever a release has in its place. Without its modules nginx does not start.
    """
    place, root = session.layout.root / "usr", session.layout.conf.parents[1]
    if os.path.lexists(place):
        return
    try:
        links = [
            entry for entry in entries_from_json(session.store.meta(release).get("manifest", [])) if _is_usrs(entry)
        ]
        if links and _is_for_packages(root, links):
            session.system.symlink(root / "usr", place)
    except (OSError, SluiceError) as error:
        # A rollback must not fail for what no switch needs.
        session.warn(f"{place} could not be made a link to {root / 'usr'}, which links of packages may need: {error}")


def _is_for_packages(root: Path, links: list[ManifestEntry]) -> bool:
    # Here, as few hosts have such links.
    from ..packages import writes_links

    return writes_links(root) or not all(entry.value.startswith("/") for entry in links)


def _is_usrs(entry: ManifestEntry) -> bool:
    if entry.kind != "link":
        return False
    return os.path.normpath(os.path.join(CONF_ROOT, os.path.dirname(entry.path), entry.value)).startswith("/usr/")


def take_place(system: System, made: Path, place: Path) -> None:
    """Let what was made be at a place where something is, in one step where the file system can.

    What was there is at the place of what was made then, or it is gone. Raises ``OSError``.
    """
    try:
        system.exchange(made, place)
    except OSError as error:
        if error.errno not in _CANNOT_EXCHANGE:
            raise
        # overlayfs moves no directory of an image. nginx has read its files long ago, and there is a copy, so what this
        # costs is a moment without /etc/nginx, once; the watchdog and the unit for boots fix a crash in it.
        system.remove(place)
        system.rename(made, place)
