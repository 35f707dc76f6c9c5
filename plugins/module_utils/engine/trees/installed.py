"""Releases on the host: installing, adopting what is there, repairing, and keeping what outlives them."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Iterator, Sequence

from ...manifest import ManifestEntry, compare, entries_from_json, entries_to_json, read_tree, release_id
from ...untrusted import ReleaseId
from .. import state as states
from ..session import Fault, Problem, Session
from .bundle import is_for_group, pack_tree, unpack
from .live import take_place
from .release_inventory import has_release

if TYPE_CHECKING:
    from ..protocol import Json, ReleaseFacts

__all__ = ["adopt", "install", "keep", "repair", "take_over"]

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


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
    manifest: list[ManifestEntry],
    bundle: bytes,
    owners: bool = False,
    facts: ReleaseFacts | None = None,
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
            Problem(f"this host has no release {release[:12]}", fix="deploy it, so that the controller sends it along")
        )
    with _temporary(session, "incoming") as place:
        unpack(data, place, manifest, owners, _group(session, manifest, facts))
        _label(session, release, place)
        if bundle:
            session.system.write(pristine, bundle)
        _move_in(session, place, session.layout.release(release))


def _label(session: Session, release: ReleaseId, place: Path) -> None:
    fault = session.system.label(place, session.layout.conf)
    if fault:
        # Whether nginx may read it is what the reload proves.
        session.warn(f"the files of release {release[:12]} could not get the labels of {session.layout.conf}: {fault}")


def _group(session: Session, manifest: list[ManifestEntry], facts: ReleaseFacts | None) -> int:
    """Return the group of nginx's workers where a file of the release is for them alone; else -1."""
    if not any(is_for_group(entry) for entry in manifest):
        return -1
    from ..host.workers import worker_group

    return worker_group(session, (facts or {}).get("user") or [])


def _move_in(session: Session, place: Path, tree: Path) -> None:
    """Put a whole tree at its place, where a damaged one may be: there is never none."""
    if os.path.lexists(tree):
        take_place(session.system, place, tree)
    else:
        session.system.rename(place, tree)


def adopt(session: Session, state: Json, facts: ReleaseFacts) -> Json:
    """Make what ``/etc/nginx`` holds a release of its own, confirmed, and return the new state.

    The tree itself stays where it is.
    """
    conf = session.layout.conf.resolve()
    with _temporary(session, "adopted") as place:
        session.system.copy(conf, place)
        # In a release of ours they are meant from /etc/nginx: packages write through the link.
        _straighten_links(conf if session.layout.linked(ours=True) is None else session.layout.conf, place)
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
    _remember_link(session, release)
    return states.adopted(state, release, session.system.now())


def _remember_link(session: Session, release: ReleaseId) -> None:
    """Where ``/etc/nginx`` is somebody's link, write down where it leads, for the rollback to what is adopted now."""
    layout = session.layout
    if layout.conf.is_symlink() and layout.linked(ours=True) is None:
        former = {"target": os.readlink(layout.conf), "release": release}
        session.system.write(layout.former, json.dumps(former).encode())


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
        with _kept_folder(session, path) as folder:
            _keep_one(session, path, folder)


def _keep_one(session: Session, path: Path, folder: Path) -> None:
    live, place = session.layout.conf / str(path), folder / path.name
    if place.exists():
        return
    if not live.exists():
        raise _lacking(session, path)
    with _temporary(session, "shared") as closed:
        # What is there may be another file system.
        is_near = os.stat(closed.parent).st_dev == os.stat(folder).st_dev
        temporary = closed if is_near else folder / f".{path.name}.incoming"
        session.system.remove(temporary)
        session.system.copy(live.resolve(), temporary)
        session.system.rename(temporary, place)


def take_over(session: Session, paths: Sequence[str]) -> None:
    """Make what stands in place of the links of shared paths their content, and put the links back. Raises ``Fault``.

    What replaces files instead of writing into them, as ``sed -i``, leaves a file there. nginx reads it already, and
    goes on reading it: the content is whole at its place before the link is.
    """
    for name in paths:
        path, live = Path(name), session.layout.conf.resolve() / name
        with _kept_folder(session, path) as folder, _temporary(session, "shared") as closed:
            place = folder / path.name
            is_near = os.stat(closed.parent).st_dev == os.stat(folder).st_dev
            temporary = closed if is_near else folder / f".{path.name}.incoming"
            session.system.remove(temporary)
            session.system.copy(live, temporary)
            _move_in(session, temporary, place)
        if _is_folder(live):
            session.system.remove(live)
        session.system.symlink(session.layout.shared / name, live)


def _lacking(session: Session, path: Path) -> Fault:
    shown = session.layout.shared / str(path)
    return Fault(
        Problem(
            f"{path} is to be kept, and is not on this host",
            f"{session.layout.conf / str(path)} or {shown}",
            fix=f"put it at {shown} on this host, or take it off the shared paths",
        )
    )


@contextmanager
def _kept_folder(session: Session, path: Path) -> Iterator[Path]:
    """Have the folder of a shared path, for the time of a ``with``: the folders above it with the owners and modes of
    their origin, and closed where they are more open than it, as earlier versions made them.

    Such a folder may be another user's, who can put a link in the place of one below it. So each is gone through by
    its descriptor. Raises ``Fault``.
    """
    layout = session.layout
    known = session.store.load()["releases"]
    adopted = [layout.release(name) for name, row in known.items() if row.get("origin") == "adopted"]
    if not layout.shared.exists():
        session.system.make_directory(layout.shared, 0o700)
    at = os.open(layout.shared, _FOLDER)
    try:
        # The first is the folder of all that is kept: it stands for /etc/nginx itself.
        for length in range(len(path.parts)):
            name = Path(*path.parts[:length])
            origins = [tree / str(name) for tree in (layout.conf, *adopted)]
            found = [origin.stat() for origin in origins if origin.is_dir()]
            is_new = False
            if length:
                below = _entered(at, path.parts[length - 1], layout.shared / str(name))
                is_new = below < 0
                if is_new:
                    if not found:
                        raise _lacking(session, path)
                    os.mkdir(path.parts[length - 1], 0o700, dir_fd=at)
                    below = os.open(path.parts[length - 1], _FOLDER | os.O_NOFOLLOW, dir_fd=at)
                    session.system.label(f"/proc/self/fd/{below}/.", layout.conf / str(name))
                os.close(at)
                at = below
            _close(at, [each for each in found if not os.path.samestat(each, os.fstat(at))], is_new)
        yield Path(f"/proc/self/fd/{at}")
    finally:
        os.close(at)


def _entered(at: int, name: str, shown: Path) -> int:
    """Open a folder in the one that is open; returns -1 where there is none. Raises ``Fault`` for what is no folder."""
    status = os.fstat(at)
    # Where others may write, a link is anybody's.
    is_open = status.st_uid not in (0, os.geteuid()) or status.st_mode & 0o022
    flags = _FOLDER | (os.O_NOFOLLOW if is_open else 0)
    try:
        return os.open(name, flags, dir_fd=at)
    except FileNotFoundError:
        return -1
    except OSError as error:
        what = f"{shown} is no folder in which anything can be kept"
        do = "see who put it there; a link counts only in a folder that is root's alone"
        raise Fault(Problem(what, "a folder", error.strerror or str(error), do)) from error


def _close(folder: int, origins: list[os.stat_result], is_new: bool) -> None:
    """Give a folder the owner and mode of its narrowest origin, where it is new, or more open than that."""
    if not origins:
        return
    narrowest = min(origins, key=lambda status: bin(status.st_mode & 0o077).count("1"))
    there = os.fstat(folder).st_mode & 0o7777
    wanted = narrowest.st_mode & 0o7777 if is_new else there & (narrowest.st_mode | 0o7700)
    if wanted != there or is_new:
        # Its mode last: to change the owner takes bits from it, and gives it to somebody.
        os.fchown(folder, narrowest.st_uid, narrowest.st_gid)
        os.fchmod(folder, wanted)


def repair(session: Session, release: ReleaseId) -> None:
    """Bring the changed files of a release back from its pristine copy. Raises ``Fault`` when that is damaged too."""
    manifest = entries_from_json(session.store.meta(release).get("manifest", []))
    tree = session.layout.release(release)
    pristine = session.layout.bundle(release)
    if not pristine.is_file():
        raise Fault(
            Problem(f"the pristine copy of {release[:12]} is gone", str(pristine), fix="adopt the drift instead")
        )
    meta = session.store.meta(release)
    owners = meta.get("origin") == "adopted"
    with _temporary(session, "pristine") as place:
        unpack(pristine.read_bytes(), place, manifest, owners, _group(session, manifest, meta.get("facts")))
        _label(session, release, place)
        if not tree.is_dir():
            session.system.rename(place, tree)
            return
        for difference in compare(manifest, read_tree(tree, odd=True)):
            target = tree / difference.path
            if _is_behind_link(tree, difference.path):
                raise Fault(Problem(f"somebody changes {target.parent} meanwhile", fix="see who does, and try again"))
            _restore(session, place / difference.path, target)


def _restore(session: Session, source: Path, target: Path) -> None:
    if not os.path.lexists(source):
        session.system.remove(target)
        return
    if _is_folder(source) and _is_folder(target):
        target.chmod(source.stat().st_mode & 0o7777)
        return
    temporary = target.with_name(f".{target.name}.pristine")
    session.system.remove(temporary)
    session.system.copy(source, temporary)
    if _is_folder(source) or _is_folder(target):
        # A folder takes the place of nothing else, and nothing else takes that of a folder.
        session.system.remove(target)
    session.system.replace(temporary, target)


def _is_behind_link(tree: Path, path: str) -> bool:
    folder = os.path.dirname(path)
    while folder and not (tree / folder).is_symlink():
        folder = os.path.dirname(folder)
    return bool(folder)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()
