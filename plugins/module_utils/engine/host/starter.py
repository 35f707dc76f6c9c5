"""Who starts nginx on this host: a unit of systemd, whatever its name, or a supervisor.

What starts nginx is also what must start it during the rollback: an nginx beside its unit holds the ports that the unit
needs at its next start. So it is looked at while nginx runs, and remembered for when it does not.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from ...untrusted import printable
from ..session import Problem, Session
from .processes import Master, parent_of, unit_of

__all__ = [
    "NOBODY",
    "SUPERVISOR",
    "UNIT",
    "USUAL",
    "Starter",
    "Unit",
    "known_starter",
    "read_unit",
    "remember",
    "starter_of",
    "starter_problems",
    "vouched",
]

USUAL = "nginx.service"
"""The unit that distributions have."""

UNIT, SUPERVISOR, NOBODY = "unit", "supervisor", "nobody"

_TIMEOUT = 10.0
_FILE = "starter.json"
_PROPERTIES = "Id,LoadState,MainPID,User,Type,PIDFile,ExecStart,UnitFileState"
_SHELLS = ("sh", "bash", "dash", "ash", "busybox", "zsh", "ksh")
_MOST_PARENTS = 8


class Starter(NamedTuple):
    """``kind`` is ``unit`` (of systemd), ``supervisor`` (a process that runs nginx as its child) or ``nobody``."""

    kind: str = NOBODY
    name: str = ""


class Unit(NamedTuple):
    """A service of systemd as it is loaded: ``main`` is the pid of its main process, or 0."""

    name: str
    main: int
    user: str
    type: str
    pid_file: str
    command: str
    is_masked: bool


def read_unit(session: Session, name: str) -> Unit | None:
    """Ask systemd for a service; nothing where it has none of that name."""
    argv = ["systemctl", "show", f"--property={_PROPERTIES}", "--", name]
    done = session.system.run(argv, _TIMEOUT)
    found = dict(line.partition("=")[::2] for line in done.output.splitlines())
    if done.rc or found.get("LoadState") not in ("loaded", "masked"):
        return None
    main = found.get("MainPID", "")
    return Unit(
        found.get("Id") or name,
        int(main) if main.isdigit() else 0,
        found.get("User", ""),
        found.get("Type", ""),
        found.get("PIDFile", ""),
        found.get("ExecStart", ""),
        found.get("LoadState") == "masked",
    )


def starter_of(session: Session, master: Master) -> Starter:
    """Return who starts this nginx. Where a person did, it is the unit that distributions have, as far as it is there.

    systemd is asked only where the unit has another name than that one.
    """
    proc = session.system.proc
    if not session.system.systemd():
        return _supervisor(session, master)
    name = unit_of(proc, master.pid)
    if name == USUAL:
        return Starter(UNIT, name)
    unit = read_unit(session, name) if name else None
    if unit is not None and (unit.main == master.pid or f"path={master.exe} " in unit.command):
        return Starter(UNIT, unit.name)
    found = _supervisor(session, master)
    if found.kind == SUPERVISOR:
        return found
    usual = read_unit(session, USUAL)
    return Starter(UNIT, USUAL) if usual is not None and not usual.is_masked else Starter()


def _supervisor(session: Session, master: Master) -> Starter:
    """Find the process that runs nginx in its foreground. The first process of a machine is the parent of whatever has
    left its own, so it says nothing.
    """
    proc, pid = session.system.proc, master.pid
    for _ in range(_MOST_PARENTS):
        pid = parent_of(proc, pid)
        if pid <= 1:
            break
        try:
            name = (proc / str(pid) / "comm").read_text(errors="replace").strip()
        except OSError:
            break
        # A script that runs nginx belongs to whoever runs the script.
        if name not in _SHELLS and not name.startswith("nginx"):
            return Starter(SUPERVISOR, printable(name))
    return Starter()


def remember(session: Session, starter: Starter) -> None:
    """Write down who starts nginx, for when it is gone and cannot be looked at."""
    if starter != known_starter(session) or not (session.layout.root / _FILE).exists():
        session.system.write(session.layout.root / _FILE, json.dumps(starter._asdict()).encode())


def known_starter(session: Session) -> Starter:
    """Return who started nginx when it was last looked at; on a host where nobody has looked, the usual unit."""
    try:
        found = json.loads((session.layout.root / _FILE).read_bytes())
        kind, name = found["kind"], found["name"]
    except (OSError, ValueError, KeyError, TypeError):
        return Starter(UNIT, USUAL)
    if kind not in (UNIT, SUPERVISOR, NOBODY) or not isinstance(name, str):
        return Starter(UNIT, USUAL)
    return Starter(kind, name)


def starter_problems(session: Session, starter: Starter, master: Master, *, in_foreground: bool) -> list[Problem]:
    """Return that nobody would start nginx again if it died pending; where it starts by itself, that is only warned of.

    ``in_foreground``: the configuration says ``daemon off``, so nothing but a supervisor can run it.
    """
    if starter.kind != NOBODY:
        return []
    what = f"nothing on this host is known to start nginx (process {master.pid}) again if it dies pending"
    if in_foreground:
        do = (
            "let a unit of systemd (ExecStart with nginx's binary) or a supervisor run it, and start it by that; in a "
            "container, let that be the first process, which nginx is not"
        )
        return [Problem(what, "a unit or a supervisor that runs nginx in its foreground (daemon off)", "neither", do)]
    if session.system.systemd():
        session.warn(f"{what}: no unit of systemd has it, so Sluice would run {master.exe} itself")
    return []


def vouched(session: Session, pid: int) -> bool:
    """Return whether a process of another user than root is nginx by root's own word: the main process of a unit that
    runs nginx's binary as that user.
    """
    if not session.system.systemd():
        return False
    name = unit_of(session.system.proc, pid)
    unit = read_unit(session, name) if name else None
    return unit is not None and unit.main == pid and bool(unit.user) and "nginx" in unit.command
