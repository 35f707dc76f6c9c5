"""Arming the watchdog on a host, before anything is switched.

With systemd it is a transient timer, which costs nothing until it fires; without it, it is a process of its own. What
rolls back at boot is in ``hook``.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ..host.starter import known_starter
from ..session import Fault, Problem, Session
from .heartbeat import extend
from .hook import ensure_hook

__all__ = ["LATE", "arm", "disarm"]

LATE = 3
"""The code with which a watchdog exits that came too late; there is no use in starting it again."""

# An engine that runs from memory has no folder: its paths would lead to wherever this process was started.
_ENGINE = os.path.realpath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 3)) if os.path.isabs(__file__) else ""
_TIMEOUT = 30.0
# What the name of a unit may hold.
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")

_SCRIPT = """\
import sys

sys.path.insert(0, {engine!r})
from sluice.engine.watchdog.watch import main

sys.exit(main(sys.argv[1:]))
"""


def arm(session: Session, run: str, seconds: float) -> None:
    """Set the watchdog on the release that ``run`` is about to switch to. Raises ``Fault`` when it cannot be had."""
    has_systemd = session.system.systemd()
    if has_systemd and not _ENGINE:
        raise Fault(
            Problem(
                "the watchdog could not be armed on this host, so nothing was switched",
                f"the engine is kept below {session.layout.root}, for the watchdog to start",
                "it runs from memory, as it could not be kept",
                "see to the disk of the host, which may be full or read-only",
            )
        )
    extend(session, run, seconds)
    if not has_systemd:
        if _ENGINE:
            _install(session)
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
    """Put the watchdog's script in place, and what starts it at boot, as far as they are not there already."""
    script = session.layout.root / "watchdog.py"
    text = _SCRIPT.format(engine=_ENGINE)
    if not script.is_file() or script.read_text() != text:
        session.system.make_directory(script.parent)
        session.system.write(script, text.encode(), 0o600)
    ensure_hook(session, known_starter(session), script)
    return script
