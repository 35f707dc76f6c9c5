"""Services of OpenRC, runit and sysvinit: which of them nginx is. Imported where systemd does not run the machine."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Iterator

from .known import SERVICES
from .processes import Master, command_of, folder_of, parent_of
from .starter import OPENRC, RUNIT, SYSVINIT, Starter

if TYPE_CHECKING:
    from ..session import Session

__all__ = ["find_manager", "installed_service", "runit_service", "script_of"]

_MOST = 256 << 10
_NONE = "none"


def find_manager(proc: Path, run: Path = Path("/run")) -> str:
    """Return what starts services on a machine without systemd, by what has been started, not by what is installed;
    ``none`` where nothing does.
    """
    if (run / "openrc/softlevel").exists():
        return OPENRC
    first = os.path.basename((command_of(proc, 1) or [""])[0])
    if first.startswith("runsvdir") or first == RUNIT:
        return RUNIT
    return SYSVINIT if first.split(" ")[0] == "init" else _NONE


def runit_service(proc: Path, pid: int) -> Starter | None:
    """Return the service that a process of runit's (``runsv``) runs; nothing where its command names none."""
    words = command_of(proc, pid)
    if len(words) < 2:
        return None
    above = command_of(proc, parent_of(proc, pid))
    scanned = next((word for word in above[1:] if word.startswith("/")), "")
    place = folder_of(proc, pid) or os.path.join(scanned, words[1])
    return Starter(RUNIT, os.path.basename(words[1]), "", place, scanned)


def script_of(session: Session, manager: str, master: Master) -> Starter | None:
    """Return the script of init that starts the binary of a master; nothing where none does."""
    if manager == _NONE:
        return None
    names = [name for name in _scripts(session) if _starts(session, name, master.exe)]
    likeliest = next((name for name in SERVICES if name in names), names[0]) if names else ""
    return Starter(OPENRC if manager == OPENRC else SYSVINIT, likeliest) if names else None


def installed_service(session: Session, manager: str) -> Starter:
    """Return what would start an nginx that is installed; nobody where nothing does."""
    etc = session.layout.conf.parent
    for scanned in (etc / "service", Path("/var/service"), Path("/service")) if manager == RUNIT else ():
        for name in SERVICES:
            if (scanned / name / "run").exists():
                return Starter(RUNIT, name, "", str(scanned / name), str(scanned))
    if manager != _NONE:
        for name in SERVICES:
            if os.access(_init(session) / name, os.X_OK):
                return Starter(OPENRC if manager == OPENRC else SYSVINIT, name)
    return Starter()


def _scripts(session: Session) -> Iterator[str]:
    """Yield the scripts of init; with OpenRC those that it has started, where it says so."""
    for folder in (Path("/run/openrc/started"), _init(session)):
        with suppress(OSError):
            names = sorted(os.listdir(folder))
            if names:
                yield from names
                return


def _init(session: Session) -> Path:
    return session.layout.conf.parent / "init.d"


def _starts(session: Session, name: str, binary: str) -> bool:
    """Return whether a script names a binary."""
    path = _init(session) / name
    with suppress(OSError):
        if path.is_file() and os.access(path, os.X_OK):
            with open(path, "rb") as file:
                return os.fsencode(binary) in file.read(_MOST)
    return False
