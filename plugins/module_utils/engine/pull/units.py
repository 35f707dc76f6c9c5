"""What makes a host pull: ``sluice-pull``, its settings, and a timer of systemd's."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..session import Fault, Problem
from .settings import settings_path

if TYPE_CHECKING:
    from ..session import Session
    from .settings import PullSettings

__all__ = ["cron_line", "install_pull", "is_timed", "pull_files", "pull_traces", "remove_pull", "stop_timer", "timer"]

_SERVICE, _TIMER = "sluice-pull.service", "sluice-pull.timer"
_TIMEOUT = 30.0

_SCRIPT = """\
#!{python} -IS
import os, sys

if os.geteuid():
    # Nobody else may read the engine.
    sys.exit("sluice-pull must be root on this host")
root = {own!r}
with open(os.path.join(root, "current")) as file:
    path = os.path.join(root, "engine", file.read().split()[0], "sluice/engine/launcher.py")
space = {{"__name__": "sluice_launcher"}}
with open(path) as file:
    exec(compile(file.read(), path, "exec"), space)
space["pull"](sys.argv[1:])
"""

# nginx may be a child of it where no service manager starts nginx, and the watchdog is.
_UNIT = """\
[Unit]
Description=Sluice looks for a release that was published for this host
Wants=network-online.target
After=network-online.target nginx.service

[Service]
Type=oneshot
KillMode=process
ExecStart={command}
"""

_TIMING = """\
[Unit]
Description=Sluice looks for a release that was published for this host, every {interval} s and a chance

[Timer]
OnBootSec=5s
OnUnitInactiveSec={interval}s
RandomizedDelaySec={jitter}s
AccuracySec=1s

[Install]
WantedBy=timers.target
"""


def pull_files(session: Session, settings: PullSettings, python: str) -> dict[Path, tuple[str, int]]:
    """Return what a host that pulls has, with its modes."""
    layout = session.layout
    words = {"python": python, "own": os.fspath(layout.own), "command": layout.pull}
    files = {
        settings_path(layout): (f"{json.dumps(settings.to_json(), indent=1, sort_keys=True)}\n", 0o600),
        layout.pull: (_SCRIPT.format(**words), 0o755),
    }
    if session.system.systemd():
        files[layout.units / _SERVICE] = (_UNIT.format(**words), 0o644)
        timing = _TIMING.format(interval=settings.interval, jitter=settings.interval)
        files[layout.units / _TIMER] = (timing, 0o644)
    return files


def install_pull(session: Session, files: dict[Path, tuple[str, int]]) -> None:
    """Put them in place, and let systemd start the timer. Raises ``Fault``."""
    layout, system = session.layout, session.system
    for path, (text, mode) in files.items():
        if not path.parent.is_dir():
            system.make_directory(path.parent)
        system.write(path, text.encode(), mode)
    if not system.systemd():
        return
    if not _link(session).is_symlink():
        system.make_directory(_link(session).parent)
        system.symlink(layout.units / _TIMER, _link(session))
    for argv in (["systemctl", "daemon-reload"], ["systemctl", "restart", "--no-block", _TIMER]):
        done = system.run(argv, _TIMEOUT)
        if done.rc:
            raise Fault(Problem("the timer of pull could not be started", " ".join(argv), done.output.strip()))


def is_timed(session: Session) -> bool:
    """Return whether the timer runs, and will after the next boot; so it is where there is no systemd."""
    if not session.system.systemd():
        return True
    argv = ["systemctl", "is-active", "--quiet", _TIMER]
    return _link(session).is_symlink() and session.system.run(argv, _TIMEOUT).rc == 0


def timer(session: Session) -> Path:
    """Return the timer's unit."""
    return session.layout.units / _TIMER


def cron_line(session: Session, settings: PullSettings) -> str:
    """Return the line of a crontab that stands for the timer, where there is none; it begins anew each hour or day."""
    hours, minutes = min((settings.interval + 1799) // 3600, 23), max(1, settings.interval // 60)
    when, seconds = (f"0 */{hours}", 3600 * hours) if hours else (f"*/{minutes} *", 60 * minutes)
    return f"{when} * * * root {session.layout.pull} --jitter {min(settings.interval, seconds)}"


def pull_traces(session: Session) -> list[Path]:
    """Return what there is of it on this host, links before what they lead to."""
    layout = session.layout
    places = [_link(session), layout.units / _TIMER, layout.units / _SERVICE, layout.pull, settings_path(layout)]
    return [path for path in places if os.path.lexists(path)]


def stop_timer(session: Session) -> None:
    """Let no new look begin. One that is at work goes on; what it has pending is in everybody's way until it ends."""
    if (session.layout.units / _TIMER).exists() and session.system.systemd():
        session.system.run(["systemctl", "stop", _TIMER], _TIMEOUT)


def remove_pull(session: Session) -> None:
    """Let the host not pull any more; what it serves stays, and so does what it remembers."""
    stop_timer(session)
    for path in pull_traces(session):
        session.system.remove(path)
    if session.system.systemd():
        session.system.run(["systemctl", "daemon-reload"], _TIMEOUT)


def _link(session: Session) -> Path:
    return session.layout.units / "timers.target.wants" / _TIMER
