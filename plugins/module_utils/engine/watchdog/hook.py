"""What starts the watchdog with the machine, before nginx: a pending release must not be what a machine comes up with,
since nobody watches it then.

Each service manager has a way of its own to say "before nginx". runit has none: there the watchdog starts beside nginx,
and rolls back what nginx came up with.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..host.starter import OPENRC, RUNIT, SYSVINIT, UNIT, USUAL, known_starter

if TYPE_CHECKING:
    from ..host.starter import Starter
    from ..session import Session

__all__ = ["BOOT_UNIT", "ensure_hook", "forget_hooks", "hooks"]

_NAME = "sluice-boot"
BOOT_UNIT = f"{_NAME}.service"
"""The unit of systemd's."""

_TIMEOUT = 30.0

# Wanted by nginx itself, so that it comes before every start of nginx, whoever asks for it. Its time is that of arming,
# which is three commands of _TIMEOUT at most, and of leading the link back after that.
_UNIT = """\
[Unit]
Description=Sluice rolls a pending release back before nginx starts
Before={units}

[Service]
Type=oneshot
Restart=on-failure
RestartSec=1
ExecStart={python} -IS {script} boot
TimeoutStartSec=180

[Install]
WantedBy={units}
"""

_OPENRC = """\
#!/sbin/openrc-run
description="Sluice rolls a pending release back before nginx starts"

depend() {{
    use localmount
    before {service}
}}

start() {{
    ebegin "Looking for a pending release"
    {python} -IS {script} boot
    eend 0
}}
"""

_SYSVINIT = """\
#!/bin/sh
### BEGIN INIT INFO
# Provides:          sluice-boot
# Required-Start:    $local_fs
# Required-Stop:
# X-Start-Before:    {service}
# Default-Start:     2 3 4 5
# Default-Stop:
# Short-Description: Sluice rolls a pending release back before nginx starts
### END INIT INFO

case "$1" in
start) {python} -IS {script} boot ;;
esac
exit 0
"""

# Once for each start of the machine, and not again when it has ended.
_RUNIT = """\
#!/bin/sh
exec 2>&1
sv once {place}
exec {python} -IS {script} boot
"""


def ensure_hook(session: Session, starter: Starter, script: Path) -> None:
    """Let ``script`` run at boot, as far as it does not already. A host on which nothing starts services has none:
    there the next run finds what is pending. Raises ``OSError``.
    """
    words = {"service": starter.name, "python": sys.executable, "script": script}
    manager = starter.kind if starter.kind in (RUNIT, SYSVINIT) else session.system.manager()
    if manager == UNIT:
        _ensure_units(session, _units(starter), script)
    elif manager == OPENRC:
        changed = _ensure(session, _script(session), _OPENRC.format(**words), 0o755)
        if changed or not _is_enabled(session, "runlevels/default/"):
            session.system.run(["rc-update", "add", _NAME, "default"], _TIMEOUT)
    elif manager == SYSVINIT:
        changed = _ensure(session, _script(session), _SYSVINIT.format(**words), 0o755)
        if changed or not _is_enabled(session, "rc2.d/S??"):
            _enable(session)
    elif manager == RUNIT and starter.scanned:
        place = _supervised(session)
        _ensure(session, place / "run", _RUNIT.format(place=place, **words), 0o755)
        link = Path(starter.scanned) / _NAME
        if not link.is_symlink():
            session.system.symlink(place, link)


def _units(starter: Starter) -> list[str]:
    """Return the units of systemd that start nginx: the usual one always, as a package may bring it back."""
    own = starter.name if starter.kind == UNIT else starter.unit
    return list(dict.fromkeys(each for each in (USUAL, own) if each))


def hooks(session: Session) -> list[Path]:
    """Return what there is of it on this host, links before what they lead to."""
    units = session.layout.units
    folders = {each.parent for each in units.glob(f"*.service.wants/{BOOT_UNIT}")}
    starter = known_starter(session)
    found = [_whole_or_link(each) for each in sorted(folders | {units / f"{unit}.wants" for unit in _units(starter)})]
    found += [units / BOOT_UNIT, _script(session), _supervised(session)]
    if starter.scanned:
        # The link by which the supervisor finds it.
        found.insert(0, Path(starter.scanned) / _NAME)
    return [path for path in found if os.path.lexists(path)]


def forget_hooks(session: Session) -> None:
    """Let service managers forget what is about to be removed."""
    script = _script(session)
    if not script.exists():
        return
    if session.system.manager() == OPENRC:
        # It has been started with the machine, and OpenRC remembers that.
        session.system.run(["rc-service", _NAME, "zap"], _TIMEOUT)
        session.system.run(["rc-update", "del", _NAME, "default"], _TIMEOUT)
        return
    # Links of runlevels lead to the script, so they are removed only once it is gone.
    session.system.remove(script)
    if session.system.run(["update-rc.d", _NAME, "remove"], _TIMEOUT).rc == 127:
        session.system.run(["chkconfig", "--del", _NAME], _TIMEOUT)


def _whole_or_link(folder: Path) -> Path:
    """Return a folder that has nothing else in it than our link; else the link, as the rest is somebody else's."""
    with suppress(OSError):
        if set(os.listdir(folder)) <= {BOOT_UNIT}:
            return folder
    return folder / BOOT_UNIT


def _is_enabled(session: Session, where: str) -> bool:
    """Return whether a runlevel has the script: a crash may have come between."""
    return any(session.layout.conf.parent.glob(f"{where}{_NAME}"))


def _ensure_units(session: Session, units: list[str], script: Path) -> None:
    layout, system = session.layout, session.system
    text = _UNIT.format(units=" ".join(units), python=sys.executable, script=script)
    changed = _ensure(session, layout.units / BOOT_UNIT, text, 0o644)
    wanting = [layout.units / f"{unit}.wants" for unit in units]
    missing = [each for each in wanting if not (each / BOOT_UNIT).is_symlink()]
    for folder in missing:
        system.make_directory(folder)
        system.symlink(layout.units / BOOT_UNIT, folder / BOOT_UNIT)
    if changed or missing:
        system.run(["systemctl", "daemon-reload"], _TIMEOUT)


def _enable(session: Session) -> None:
    """Let init run the script: Debian's family has ``update-rc.d``, others ``chkconfig``."""
    if session.system.run(["update-rc.d", _NAME, "defaults"], _TIMEOUT).rc == 127:
        session.system.run(["chkconfig", "--add", _NAME], _TIMEOUT)


def _script(session: Session) -> Path:
    return session.layout.conf.parent / "init.d" / _NAME


def _supervised(session: Session) -> Path:
    return session.layout.conf.parent / "sv" / _NAME


def _ensure(session: Session, path: Path, text: str, mode: int) -> bool:
    with suppress(OSError):
        if path.read_text() == text:
            return False
    parent = path.parent
    session.system.make_directory(parent, os.stat(parent).st_mode & 0o7777 if parent.exists() else 0o755)
    session.system.write(path, text.encode(), mode)
    return True
