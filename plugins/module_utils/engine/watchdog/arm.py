"""Arming the watchdog on a host, before anything is switched.

With systemd it is a transient timer, which costs nothing until it fires, and a unit that runs at boot before nginx.
Without systemd it is a process of its own.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ..host.starter import UNIT, USUAL, known_starter
from ..session import Fault, Problem, Session
from .heartbeat import extend

__all__ = ["BOOT_UNIT", "LATE", "arm", "disarm"]

BOOT_UNIT = "sluice-boot.service"
LATE = 3
"""The code with which a watchdog exits that came too late; there is no use in starting it again."""

# An engine that runs from memory has no folder: its paths would lead to wherever this process was started.
_ENGINE = os.path.realpath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 3)) if os.path.isabs(__file__) else ""
_TIMEOUT = 30.0
# What the name of a unit may hold.
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")

# A pending release must not be what a machine comes up with: nobody watches it then. Wanted by nginx itself, so that
# it comes before every start of nginx, whoever asks for it. Its time is that of arming, which is three commands of
# _TIMEOUT at most, and of leading the link back after that.
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

_SCRIPT = """\
import sys

sys.path.insert(0, {engine!r})
from sluice.engine.watchdog.watch import main

sys.exit(main(sys.argv[1:]))
"""


def arm(session: Session, run: str, seconds: float) -> None:
    """Set the watchdog on the release that ``run`` is about to switch to. Raises ``Fault`` when it cannot be had."""
    if session.system.systemd() and not _ENGINE:
        raise Fault(
            Problem(
                "the watchdog could not be armed on this host, so nothing was switched",
                f"the engine is kept below {session.layout.root}, for the watchdog to start",
                "it runs from memory, as it could not be kept",
                "see to the disk of the host, which may be full or read-only",
            )
        )
    extend(session, run, seconds)
    if not session.system.systemd():
        # Here, since the watchdog needs what arms it.
        from .watch import watch, watchdog_session

        session.system.detach(lambda: watch(watchdog_session(session.system, session.layout), run))
        return
    properties = ["Restart=on-failure", "RestartSec=1", "StartLimitIntervalSec=0", f"RestartPreventExitStatus={LATE}"]
    argv = ["systemd-run", "--quiet", "--collect", f"--unit={_unit(run)}", f"--on-active={seconds:.3f}s"]
    argv += ["--timer-property=AccuracySec=100ms", *(f"--property={each}" for each in properties)]
    argv += [sys.executable, "-IS", str(_install(session)), "watch", run]
    done = session.system.run(argv, _TIMEOUT)
    if done.rc:
        # A timer of the same run is there already; its time is over soon.
        session.system.run(["systemctl", "stop", f"{_unit(run)}.timer"], _TIMEOUT)
        done = session.system.run(argv, _TIMEOUT)
    if done.rc:
        raise Fault(
            Problem(
                "the watchdog could not be armed on this host, so nothing was switched",
                "systemd-run makes a timer",
                done.output.strip(),
                "see `systemctl status` on the host",
            )
        )


def disarm(session: Session, run: str) -> None:
    """End the watchdog's timer; a watchdog that runs already sees for itself that it is not needed."""
    if session.system.systemd():
        session.system.run(["systemctl", "stop", "--no-block", f"{_unit(run)}.timer"], _TIMEOUT)


def _unit(run: str) -> str:
    return "sluice-watchdog-" + ("".join(each if each in _PLAIN else "-" for each in run) or "unnamed")


def _install(session: Session) -> Path:
    """Put the watchdog's script and its unit for boots in place, as far as they are not there already."""
    layout, system = session.layout, session.system
    script = layout.root / "watchdog.py"
    _ensure(session, script, _SCRIPT.format(engine=_ENGINE))
    starter = known_starter(session)
    units = [USUAL, *([starter.name] if starter.kind == UNIT and starter.name != USUAL else [])]
    unit = _UNIT.format(python=sys.executable, script=script, units=" ".join(units))
    changed = _ensure(session, layout.units / BOOT_UNIT, unit, 0o644)
    missing = [
        each for each in (layout.units / f"{name}.wants" for name in units) if not (each / BOOT_UNIT).is_symlink()
    ]
    for folder in missing:
        system.make_directory(folder)
        system.symlink(layout.units / BOOT_UNIT, folder / BOOT_UNIT)
    if changed or missing:
        system.run(["systemctl", "daemon-reload"], _TIMEOUT)
    return script


def _ensure(session: Session, path: Path, text: str, mode: int = 0o600) -> bool:
    if path.is_file() and path.read_text() == text:
        return False
    session.system.make_directory(path.parent, os.stat(path.parent).st_mode & 0o7777 if path.parent.exists() else 0o755)
    session.system.write(path, text.encode(), mode)
    return True
