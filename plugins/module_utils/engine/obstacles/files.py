"""Files that cannot be moved: immutable ones, read-only file systems, and places where something is mounted."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Iterator

from ..host.flags import is_fixed
from ..session import Problem, Session

__all__ = ["file_problems"]

_MOST_NAMED = 10
_READ_ONLY = "Read-only file system"


def file_problems(session: Session) -> list[Problem]:
    """Return which files of ``/etc/nginx`` and of the folders around it Sluice could not put in another one's place."""
    conf, root = session.layout.conf, session.layout.root
    folders = [conf.parent, _nearest(root), _nearest(session.layout.runtime)]
    problems = [_read_only(folder) for folder in dict.fromkeys(folders) if _is_read_only(folder)]
    fixed = [str(folder) for folder in dict.fromkeys(folders[:2]) if is_fixed(str(folder))]
    if not conf.is_symlink():
        # Only a directory is moved with all that is in it; of a link nothing but the link is replaced.
        mounted = list(_mounts(session, conf))
        if mounted:
            return [*problems, _mounted(session, mounted)]
        fixed += _fixed_below(conf)
    if fixed:
        problems.append(_fixed(fixed))
    return problems


def _nearest(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def _is_read_only(folder: Path) -> bool:
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)


def _read_only(folder: Path) -> Problem:
    return Problem(
        f"{folder} cannot be written on this host, so no release can be put there",
        "a file system that root can write",
        _READ_ONLY,
        f"mount it writable; where the system is read-only by design, mount a writable file system at {folder}",
    )


def _fixed_below(conf: Path) -> list[str]:
    """Return what is immutable or append-only in a directory, itself included."""
    found = [str(conf)] if is_fixed(str(conf)) else []
    for folder, folders, files in os.walk(conf):
        paths = (os.path.join(folder, name) for name in sorted(folders + files))
        found += [path for path in paths if _may_have_flags(path) and is_fixed(path)]
    return found


def _may_have_flags(path: str) -> bool:
    # A pipe is not opened, for that may be what somebody waits for at its other end.
    return not os.path.islink(path) and (os.path.isfile(path) or os.path.isdir(path))


def _fixed(paths: list[str]) -> Problem:
    more = f" and {len(paths) - _MOST_NAMED} more" if len(paths) > _MOST_NAMED else ""
    listed = " ".join(paths[:_MOST_NAMED])
    verb = "is" if len(paths) == 1 else "are"
    return Problem(
        f"{listed.replace(' ', ', ')}{more} {verb} immutable or append-only on this host, and a switch replaces "
        f"{'it' if len(paths) == 1 else 'them'}",
        "files that root can replace",
        "the flag i or a of chattr (see lsattr)",
        f"take the flag away on the host: chattr -i -a {listed}",
    )


def _mounts(session: Session, conf: Path) -> Iterator[str]:
    """Yield the mount points at ``conf`` and below it."""
    try:
        lines = (session.system.proc / "self/mountinfo").read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    places = {_plain(line.split(" ")[4]) for line in lines if line.count(" ") > 4}
    for place in sorted(places):
        if place == str(conf) or place.startswith(f"{conf}/"):
            yield place


def _plain(place: str) -> str:
    return place.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")


def _mounted(session: Session, places: list[str]) -> Problem:
    conf, root = session.layout.conf, session.layout.root
    contained = _in_container()
    fix = (
        f"let the container have {conf} in its own file system and {root} on a volume, or install nginx on the host "
        f"that runs it and deploy there"
        if contained
        else f"unmount it, and copy what it has to {conf}; mount what must stay apart at another place, and let the "
        "configuration name that"
    )
    where = " in this container" if contained else ""
    return Problem(
        f"{', '.join(places[:_MOST_NAMED])} {'is a mount point' if len(places) == 1 else 'are mount points'}{where}, "
        f"and Sluice replaces {conf} by a link to a release",
        f"{conf} is a directory of its file system",
        "a mount, as of a bind, a volume or a ConfigMap",
        fix,
    )


def _in_container() -> bool:
    """Return whether this machine is a container, as Docker and Podman mark it."""
    return Path("/.dockerenv").exists() or Path("/run/.containerenv").exists()
