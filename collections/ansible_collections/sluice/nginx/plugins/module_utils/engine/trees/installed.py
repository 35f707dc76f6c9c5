"""Releases on the host: installing, adopting what is there, keeping what outlives them, and drift."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Iterator

from ...errors import SluiceError
from ...manifest import Difference, Entry, compare, entries_from_json, entries_to_json, read_tree, release_id
from .. import state as states
from ..session import Fault, Problem, Session
from .bundle import pack_tree, unpack

if TYPE_CHECKING:
    from ..forms import Facts, Json

__all__ = ["NOT_LINKED", "adopt", "drift", "has_release", "install", "is_ours", "keep", "linked_release", "repair"]

NOT_LINKED = "."


def linked_release(session: Session) -> str | None:
    """Return the release that ``/etc/nginx`` leads to; nothing when it is a directory or leads elsewhere."""
    conf = session.layout.conf
    if not conf.is_symlink():
        return None
    target = Path(os.readlink(conf))
    return target.name if target.parent == session.layout.releases else None


def has_release(session: Session, release: str) -> bool:
    """Tell whether a release is on the host, unchanged."""
    tree = session.layout.release(release)
    if not tree.is_dir() or not session.layout.meta(release).is_file():
        return False
    with contextlib.suppress(OSError, SluiceError):
        return release_id(read_tree(tree)) == release
    return False


def drift(session: Session, state: Json) -> list[Difference]:
    """List where the live tree is no longer its release. The path ``.`` stands for the link itself.

    A host that Sluice never switched has no drift.
    """
    live = state["live"]
    if live is None or not is_ours(session, state):
        return []
    found = [] if linked_release(session) == _expected_link(state) else [Difference(NOT_LINKED, "changed")]
    tree = session.layout.release(live) if not found else session.layout.conf
    if not tree.is_dir():
        return found or [Difference(NOT_LINKED, "removed")]
    manifest = entries_from_json(session.store.meta(live).get("manifest", []))
    return found + compare(manifest, read_tree(tree))


def is_ours(session: Session, state: Json) -> bool:
    """Tell whether Sluice has ever switched this host; else what ``/etc/nginx`` holds is to be adopted."""
    if linked_release(session) is not None:
        return True
    return any((record.get("confirmed") or {}).get("run") for record in state["releases"].values())


def _expected_link(state: Json) -> str | None:
    pending = state["pending"]
    if pending and pending["phase"] not in ("intent", "reverting"):
        return str(pending["release"])
    live: str | None = state["live"]
    return live


@contextlib.contextmanager
def _temporary(session: Session, name: str) -> Iterator[Path]:
    """A place beside the releases, so that moving in is one rename; what a crash left there is removed first."""
    path = session.layout.releases / f".{name}"
    session.system.remove(path)
    try:
        yield path
    finally:
        session.system.remove(path)


def install(session: Session, release: str, manifest: list[Entry], bundle: bytes, owners: bool = False) -> None:
    """Put a release on the host:

    from ``bundle``, else from the pristine copy. Raises ``Fault``; then nothing was touched.
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
        unpack(data, place, manifest, owners)
        if bundle:
            session.system.write(pristine, bundle)
        session.system.remove(session.layout.release(release))
        session.system.rename(place, session.layout.release(release))


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
            session.system.remove(session.layout.release(release))
            session.system.rename(place, session.layout.release(release))
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
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise Fault(Problem(f"{name!r} cannot be kept", "a path inside /etc/nginx, as ssl/shop.key"))
        place = session.layout.kept / str(path)
        live = session.layout.conf / str(path)
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
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary = place.with_name(f".{place.name}.incoming")
        session.system.remove(temporary)
        session.system.copy(live.resolve(), temporary)
        session.system.rename(temporary, place)


def repair(session: Session, release: str) -> None:
    """Bring the changed files of a release back from its pristine copy. Raises ``Fault`` when that is damaged too."""
    manifest = entries_from_json(session.store.meta(release).get("manifest", []))
    tree = session.layout.release(release)
    pristine = session.layout.bundle(release)
    if not pristine.is_file():
        raise Fault(
            Problem(f"the pristine copy of {release[:12]} is gone", str(pristine), do="adopt the drift instead")
        )
    owners = session.store.meta(release).get("origin") == "adopted"
    with _temporary(session, "pristine") as place:
        unpack(pristine.read_bytes(), place, manifest, owners)
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
    os.replace(temporary, target)
