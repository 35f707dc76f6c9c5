"""What starts nginx on this host: a service of its service manager, whatever its name, or a supervisor.

What starts nginx is also what must start it during the rollback: an nginx beside its service holds the ports that the
service needs at its next start. So it is looked at while nginx runs, and remembered for when it does not. The commands
are those of the platforms' descriptions (``known.py``); how the watchdog comes before nginx at a boot is in
``watchdog/hook.py``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Mapping, NamedTuple

from ...untrusted import printable
from ..session import Problem, Session
from .known import RESTART, SERVICES, START, STATUS
from .processes import Master, parent_of, unit_of
from .system import Ran
from .trust import NAMES

__all__ = [
    "NOBODY",
    "OPENRC",
    "RUNIT",
    "SUPERVISOR",
    "SYSVINIT",
    "UNIT",
    "UNIT_FOLDERS",
    "USUAL",
    "Starter",
    "Unit",
    "known_starter",
    "read_unit",
    "remember",
    "restart_service",
    "start_service",
    "starter_of",
    "starter_problems",
    "vouched",
]

USUAL = "nginx.service"
"""The unit that distributions have."""

UNIT_FOLDERS = ("/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
"""Where systemd finds units, those that win first."""

UNIT, OPENRC, RUNIT, SYSVINIT = "systemd", "openrc", "runit", "sysvinit"
SUPERVISOR, NOBODY = "supervisor", "nobody"

_TIMEOUT = 10.0
_SERVICE_TIMEOUT = 60.0
_FILE = "starter.json"
_PROPERTIES = "Id,LoadState,MainPID,User,Type,PIDFile,ExecStart,UnitFileState"
_SHELLS = ("sh", "bash", "dash", "ash", "busybox", "zsh", "ksh")
# OpenRC's own supervisor, as the kernel cuts its name: what it runs is a service of OpenRC.
_OF_OPENRC = "supervise-daemo"
_RUNSV = "runsv"
_MOST_PARENTS = 8


class Starter(NamedTuple):
    """``kind`` is a service manager (``systemd``, ``openrc``, ``runit``, ``sysvinit``), ``supervisor`` (a process that
    runs nginx as its child) or ``nobody``. ``name`` is the service, as ``nginx.service`` of systemd, or the supervisor.

    ``unit`` is the unit of systemd by which a supervisor is started. Of runit ``place`` is the folder of the service,
    and ``scanned`` the one in which it looks for services.
    """

    kind: str = NOBODY
    name: str = ""
    unit: str = ""
    place: str = ""
    scanned: str = ""

    @property
    def status(self) -> str:
        """The command that tells a person how it is."""
        return STATUS.get(self.kind, STATUS["none"]).format(name=self.name.partition(".service")[0])


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
    """Return who starts this nginx. Where a person did, it is the service that packages have, as far as it is there.

    systemd is asked only where the unit has another name than the distributions'.
    """
    manager = session.system.manager()
    if manager != UNIT:
        # Here, as most hosts have systemd.
        from .services import installed_service, script_of

        found = _supervisor(session, master)
        if found.kind != NOBODY:
            return found
        return script_of(session, manager, master) or installed_service(session, manager)
    name = unit_of(session.system.proc, master.pid)
    if name == USUAL:
        return Starter(UNIT, name)
    unit = read_unit(session, name) if name else None
    if unit is not None and (unit.main == master.pid or f"path={master.exe} " in unit.command):
        return Starter(UNIT, unit.name)
    found = _supervisor(session, master)
    if found.kind != NOBODY:
        return found._replace(unit=name)
    usual = (read_unit(session, f"{each}.service") for each in SERVICES)
    return next((Starter(UNIT, each.name) for each in usual if each is not None and not each.is_masked), Starter())


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
        if name == _RUNSV:
            from .services import runit_service

            return runit_service(proc, pid) or Starter(SUPERVISOR, name)
        # A script that runs nginx belongs to whoever runs the script.
        if name not in (*_SHELLS, _OF_OPENRC) and not name.startswith(SERVICES):
            return Starter(SUPERVISOR, printable(name))
    return Starter()


def remember(session: Session, starter: Starter) -> None:
    """Write down who starts nginx, for when it is gone and cannot be looked at."""
    if starter != _kept(session):
        session.system.write(session.layout.root / _FILE, json.dumps(starter._asdict()).encode())


def known_starter(session: Session) -> Starter:
    """Return who started nginx when it was last looked at; on a host where nobody has looked, the service that would
    start an nginx that is installed.
    """
    kept = _kept(session)
    if kept is not None:
        return kept
    manager = session.system.manager()
    if manager == UNIT:
        folders = [session.layout.units, *map(Path, UNIT_FOLDERS)]
        units = (f"{name}.service" for name in SERVICES)
        return Starter(UNIT, next((unit for unit in units if any((each / unit).exists() for each in folders)), USUAL))
    from .services import installed_service

    return installed_service(session, manager)


def _kept(session: Session) -> Starter | None:
    try:
        found = Starter(**json.loads((session.layout.root / _FILE).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
    manager = session.system.manager()
    # A host may have changed what starts its services since. runit starts the scripts of init as well.
    if found.kind not in (manager, RUNIT, SUPERVISOR, NOBODY) and (found.kind, manager) != (SYSVINIT, RUNIT):
        return None
    return found if all(isinstance(each, str) for each in found) else None


def start_service(session: Session, starter: Starter) -> Ran | None:
    """Let the service manager start nginx; returns how that went, or nothing where none has it."""
    return _tell(session, starter, START)


def restart_service(session: Session, starter: Starter) -> Ran | None:
    """Let the service manager restart nginx; returns how that went, or nothing where none has it."""
    return _tell(session, starter, RESTART)


def _tell(session: Session, starter: Starter, what: Mapping[str, tuple[tuple[str, ...], ...]]) -> Ran | None:
    done = None
    for words in what.get(starter.kind, ()):
        argv = [word.format(name=starter.name, place=starter.place) for word in words]
        done = session.system.run(argv, _SERVICE_TIMEOUT)
    return done


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
    return unit is not None and unit.main == pid and bool(unit.user) and any(each in unit.command for each in NAMES)
