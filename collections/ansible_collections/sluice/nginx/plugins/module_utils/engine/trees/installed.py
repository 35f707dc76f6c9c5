"""Releases on the host: installing, adopting what is there, repairing, and keeping what outlives them."""

from __future__ import annotations

import os

from ...lean import TYPE_CHECKING, Path, contextmanager
from ...manifest import Entry, compare, entries_from_json, entries_to_json, read_tree, release_id
from ...outside import ReleaseId
from .. import state as states
from ..session import Fault, Problem, Session
from .bundle import is_for_group, pack_tree, unpack
from .live import CANNOT_EXCHANGE
from .stock import has_release

if TYPE_CHECKING:
    from typing import Iterator

    from ..forms import Facts, Json

__all__ = ["adopt", "install", "keep", "repair"]


@contextmanager
def _temporary(session: Session, name: str) -> Iterator[Path]:
    """A place beside the releases, so that moving in is one rename, in a folder that only root may enter; what a crash
    left there is removed first.
    """
    work = session.layout.work
    session.system.remove(work)
    session.system.make_directory(work, 0o700)
    try:
        yield work / name
    finally:
        session.system.remove(work)


def install(
    session: Session,
    release: ReleaseId,
    manifest: list[Entry],
    bundle: bytes,
    owners: bool = False,
    facts: Facts | None = None,
) -> None:
    """Put a release on the host:

    from ``bundle``, else from the pristine copy. ``facts`` say which group nginx's workers are of. Raises ``Fault``;
    then nothing was touched.
    """
    if release_id(manifest) != release:
        raise Fault(
            Problem(
                "the manifest is not that of the release",
                f"id {release}",
                f"id {release_id(manifest)}",
                "push it again",
            )
        )
    pristine = session.layout.bundle(release)
    data = bundle or (pristine.read_bytes() if pristine.is_file() else b"")
    if not data:
        raise Fault(
            Problem(f"this host has no release {release[:12]}", do="deploy it, so that the controller sends it along")
        )
    with _temporary(session, "incoming") as place:
        unpack(data, place, manifest, owners, _group(session, manifest, facts))
        if bundle:
            session.system.write(pristine, bundle)
        _move_in(session, place, session.layout.release(release))


def _group(session: Session, manifest: list[Entry], facts: Facts | None) -> int:
    """Return the group of nginx's workers where a file of the release is for them alone; else -1."""
    if not any(is_for_group(entry) for entry in manifest):
        return -1
    from ..host.workers import worker_group

    return worker_group(session, (facts or {}).get("user") or [])


def _move_in(session: Session, place: Path, tree: Path) -> None:
    """Put a whole tree at its place, where a damaged one may be: there is never none."""
    if not os.path.lexists(tree):
        session.system.rename(place, tree)
        return
    try:
        session.system.exchange(place, tree)
    except OSError as error:
        if error.errno not in CANNOT_EXCHANGE:
            raise
        session.system.remove(tree)
        session.system.rename(place, tree)


def adopt(session: Session, state: Json, facts: Facts) -> Json:
    """Make what ``/etc/nginx`` holds a release of its own, confirmed, and return the new state.

    The tree itself stays where it is.
    """
    conf = session.layout.conf.resolve()
    with _temporary(session, "adopted") as place:
        session.system.copy(conf, place)
        _straighten_links(conf, place)
        manifest = read_tree(place)
        release = release_id(manifest)
        session.system.write(session.layout.bundle(release), pack_tree(place))
        session.store.save_meta(
            release,
            {
                "id": release,
                "origin": "adopted",
                "manifest": entries_to_json(manifest),
                "facts": facts,
                "contract": None,
            },
        )
        if not has_release(session, release):
            _move_in(session, place, session.layout.release(release))
    return states.adopted(state, release, session.system.now())


def _straighten_links(origin: Path, copy: Path) -> None:
    """Relative links that lead out of the tree, as ``modules -> ../../usr/lib/nginx/modules``, would lead elsewhere
    from the copy.
    """
    for folder, folders, files in os.walk(copy):
        for path in (Path(folder) / name for name in folders + files):
            if not path.is_symlink():
                continue
            target = os.readlink(path)
            at_origin = origin / path.relative_to(copy).parent
            absolute = os.path.normpath(at_origin / target)
            if not os.path.isabs(target) and os.path.commonpath([absolute, origin]) != str(origin):
                path.unlink()
                path.symlink_to(absolute)


def keep(session: Session, paths: list[str]) -> None:
    """Copy what must outlive releases from the live tree to ``kept/``, with owners and modes, unless it is there.

    Raises ``Fault``.
    """
    for name in paths:
        path = Path(name)
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise Fault(Problem(f"{name!r} cannot be kept", "a path inside /etc/nginx, as ssl/shop.key"))
        place = session.layout.kept / str(path)
        live = session.layout.conf / str(path)
        _keep_folders(session, path)
        if place.exists():
            continue
        if not live.exists():
            raise Fault(
                Problem(
                    f"{name} is to be kept, and is not on this host",
                    f"{live} or {place}",
                    do=f"put it at {place} on this host, or take it off the kept paths",
                )
            )
        if not place.parent.exists():
            # Nothing of the origin leads there: somebody is to put it there by hand.
            session.system.make_directory(place.parent)
        # Beside its place, since that may be another file system.
        temporary = place.with_name(f".{place.name}.incoming")
        session.system.remove(temporary)
        session.system.copy(live.resolve(), temporary)
        session.system.rename(temporary, place)


def _keep_folders(session: Session, path: Path) -> None:
    """Make the folders above a kept path with the owners and modes of their origin, and close those that are more open
    than it, as earlier versions made them.
    """
    layout = session.layout
    known = session.store.load()["releases"]
    adopted = [layout.release(name) for name, row in known.items() if row.get("origin") == "adopted"]
    # The first is the folder of all that is kept: it stands for /etc/nginx itself.
    for length in range(len(path.parts)):
        name = Path(*path.parts[:length])
        place = layout.kept / str(name)
        origins = [tree / str(name) for tree in (layout.conf, *adopted)]
        found = [origin.stat() for origin in origins if origin.is_dir() and origin.resolve() != place.resolve()]
        if not found:
            continue
        narrowest = min(found, key=lambda status: bin(status.st_mode & 0o077).count("1"))
        if not place.exists():
            session.system.make_directory(place, 0o700)
            os.chown(place, narrowest.st_uid, narrowest.st_gid)
            place.chmod(narrowest.st_mode & 0o7777)
            continue
        there = place.stat().st_mode & 0o7777
        wanted = there & (narrowest.st_mode | 0o7700)
        if wanted != there:
            place.chmod(wanted)
            os.chown(place, narrowest.st_uid, narrowest.st_gid)


def repair(session: Session, release: ReleaseId) -> None:
    """Bring the changed files of a release back from its pristine copy. Raises ``Fault`` when that is damaged too."""
    manifest = entries_from_json(session.store.meta(release).get("manifest", []))
    tree = session.layout.release(release)
    pristine = session.layout.bundle(release)
    if not pristine.is_file():
        raise Fault(
            Problem(f"the pristine copy of {release[:12]} is gone", str(pristine), do="adopt the drift instead")
        )
    meta = session.store.meta(release)
    owners = meta.get("origin") == "adopted"
    with _temporary(session, "pristine") as place:
        unpack(pristine.read_bytes(), place, manifest, owners, _group(session, manifest, meta.get("facts")))
        if not tree.is_dir():
            session.system.rename(place, tree)
            return
        for difference in compare(manifest, read_tree(tree)):
            _restore(session, place / difference.path, tree / difference.path)


def _restore(session: Session, source: Path, target: Path) -> None:
    if not os.path.lexists(source):
        session.system.remove(target)
        return
    if source.is_dir() and not source.is_symlink() and target.is_dir() and not target.is_symlink():
        target.chmod(source.stat().st_mode & 0o7777)
        return
    temporary = target.with_name(f".{target.name}.pristine")
    session.system.remove(temporary)
    session.system.copy(source, temporary)
    if target.is_dir() and not target.is_symlink():
        session.system.remove(target)
    session.system.replace(temporary, target)
