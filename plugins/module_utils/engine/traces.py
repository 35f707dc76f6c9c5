"""What Sluice has put on a host, and the removal of it; what others have put there for Sluice is only named."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Iterator

from .pull.units import pull_traces, stop_timer
from .watchdog.hook import forget_hooks, hooks

if TYPE_CHECKING:
    from pathlib import Path

    from .session import Session

__all__ = ["find_foreign", "find_traces", "leaving", "remove_traces"]

_TIMEOUT = 30.0
_MOST = 1 << 20
_PROGRAM = "metrics.pyz"


def leaving(session: Session) -> Path:
    """Return the folder beside ``/etc/nginx``, closed to others, in which the plain directory is made."""
    conf = session.layout.conf
    return conf.with_name(f".{conf.name}.leaving")


def find_traces(session: Session) -> list[Path]:
    """Return what there is of Sluice, the state last: as long as that is there, the host is known to be unfinished."""
    layout = session.layout
    conf = layout.conf
    places = [
        leaving(session),
        conf.with_name(f".{conf.name}.before-sluice"),
        conf.with_name(f".{conf.name}.sluice-link"),
        *hooks(session),
        *(path for path in pull_traces(session) if path.parent != layout.allowed_signers.parent),
        layout.command,
        *_whole_or_parts(layout.own, "current", "engine", "wheels"),
        layout.allowed_signers.parent,
        layout.runtime,
        layout.root,
    ]
    return [path for path in places if os.path.lexists(path)]


def _whole_or_parts(folder: Path, *names: str) -> list[Path]:
    """Return a folder that has nothing else in it than ``names``; else these, as the rest is somebody else's."""
    with suppress(OSError):
        if set(os.listdir(folder)) <= set(names):
            return [folder]
    return [folder / name for name in names]


def remove_traces(session: Session) -> list[str]:
    """Remove every trace and return their paths. The caller has the lock, which goes with them."""
    layout, system = session.layout, session.system
    found = find_traces(session)
    stop_timer(session)
    forget_hooks(session)
    for path in found:
        if path != layout.root:
            system.remove(path)
    if system.systemd():
        system.run(["systemctl", "daemon-reload"], _TIMEOUT)
    _remove_root(session)
    return [str(path) for path in found]


def _remove_root(session: Session) -> None:
    """Remove the state and all beside it, so that a host where that was cut short is one that was never touched.

    A journal without a state would be a state that was lost; and without the lock others could begin.
    """
    root = session.layout.root
    last = (session.layout.state, root / "lock")
    names = sorted(os.listdir(root), key=lambda name: (not name.startswith("journal"), name))
    for path in [root / name for name in names if root / name not in last] + list(last):
        session.system.remove(path)
    if os.path.ismount(root):
        session.warn(f"{root} is a mount point, so it stays, empty; unmount it and remove it")
    else:
        os.rmdir(root)


def find_foreign(session: Session) -> list[str]:
    """Return what others have put on this host for Sluice: administrators (docs/security.md) and the role monitor."""
    layout = session.layout
    found = [
        f"{path} names {layout.command}; remove that line"
        for path in _files_of_administrators(session)
        if os.fsencode(layout.command) in _content(path)
    ]
    found += [
        f"{path} names {layout.pull}; remove that line"
        for path in _crontabs(session)
        if os.fsencode(layout.pull) in _content(path)
    ]
    if (layout.own / _PROGRAM).exists() or (layout.units / "sluice-metrics.service").exists():
        found.append("the exporters of the role monitor are here; run sluice.nginx.leave with -e leave_monitor=true")
    return found


def _files_of_administrators(session: Session) -> Iterator[Path]:
    etc = session.layout.conf.parent
    yield etc / "sudoers"
    with suppress(OSError):
        yield from [etc / "sudoers.d" / name for name in sorted(os.listdir(etc / "sudoers.d"))]
    homes = {line.split(b":")[5] for line in _content(etc / "passwd").split(b"\n") if line.count(b":") == 6}
    for home in sorted(homes):
        # An absolute path takes the place of what stands before it.
        yield etc / os.fsdecode(home) / ".ssh" / "authorized_keys"


def _crontabs(session: Session) -> Iterator[Path]:
    etc = session.layout.conf.parent
    yield etc / "crontab"
    with suppress(OSError):
        yield from [etc / "cron.d" / name for name in sorted(os.listdir(etc / "cron.d"))]


def _content(path: Path) -> bytes:
    from .safe_open import read_any

    try:
        return read_any(path, _MOST)
    except OSError:
        return b""
