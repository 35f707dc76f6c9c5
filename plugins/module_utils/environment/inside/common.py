"""What both containers share: running commands, waiting, starting the user's services."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import stat
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["CONTROL_PORT", "HOME", "LINK", "PLAN", "connects", "ip", "read_file", "run", "start_service", "wait_for"]

HOME = Path("/sluice")
PLAN = HOME / "plan.json"
CONTROL_PORT = 1
LINK = "stubs"
_TIMEOUT_SECONDS = 30.0
_MOST_BYTES = 32 * 1024 * 1024


def run(*command: str) -> None:
    """Run a command. Raises ``RuntimeError`` with what it printed when it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout.decode(errors='replace').strip()}")


def ip(*lines: str) -> None:
    """Run commands of ``ip`` by one process, as there may be hundreds. Raises ``RuntimeError`` with what it printed."""
    done = subprocess.run(
        ["ip", "-batch", "-"],
        input="\n".join(lines).encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"ip {'; '.join(lines)[:200]}: {done.stdout.decode(errors='replace').strip()}")


def read_file(path: str | Path, start: int = 0) -> str:
    """Read a regular file from ``start`` on, up to a bound; nothing where there is none.

    A release may put anything at the path: a pipe that nobody writes to, or a device without an end.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        return ""
    with open(handle, "rb") as file:
        file.seek(start)
        return file.read(_MOST_BYTES).decode("utf-8", "replace")


def wait_for(what: str, ready: Callable[[], bool], seconds: float = _TIMEOUT_SECONDS) -> None:
    """Wait until ``ready``. Raises ``RuntimeError`` when that takes more than ``seconds``."""
    until = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > until:
            raise RuntimeError(f"{what} is not there after {seconds:.0f} s")
        time.sleep(0.02)


def connects(address: str, port: int) -> bool:
    """Return whether something accepts connections there."""
    try:
        socket.create_connection((address, port), timeout=1).close()
    except OSError:
        return False
    return True


def start_service(plan: dict[str, Any]) -> None:
    """Start a service of the plan, and wait until it answers. Raises ``RuntimeError`` with its own words."""
    try:
        user = pwd.getpwnam(plan["user"])
    except KeyError:
        raise RuntimeError(f"the service {plan['name']} cannot start: there is no user {plan['user']}") from None
    folder = Path(plan["socket"]).parent
    if not folder.exists():
        folder.mkdir(parents=True)
        shutil.chown(folder, plan["user"])
    log = (HOME / f"{plan['name']}.log").open("wb")

    def become() -> None:
        os.initgroups(user.pw_name, user.pw_gid)
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)

    try:
        process = subprocess.Popen(
            plan["command"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **plan["environment"]},
            start_new_session=True,
            preexec_fn=None if user.pw_uid == 0 else become,
        )
    except OSError as error:
        raise RuntimeError(f"the service {plan['name']} cannot start: {error}") from error

    def ready() -> bool:
        if process.poll() is not None:
            words = (HOME / f"{plan['name']}.log").read_text(errors="replace").strip()[-400:]
            raise RuntimeError(f"the service {plan['name']} ended with {process.returncode}: {words}")
        if plan["socket"]:
            return os.path.exists(plan["socket"])
        return connects(plan["endpoint"]["bind"], plan["endpoint"]["port"])

    wait_for(f"the service {plan['name']} ({plan['socket'] or plan['endpoint']['port']})", ready)
