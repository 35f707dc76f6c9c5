"""nginx as the processes of its container: the master, its listening sockets, its end, and a cold start from a tree."""

from __future__ import annotations

import base64
import contextlib
import importlib
import os
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .common import read_file, run, wait_for
from .serving import empty_caches, launch, processes

__all__ = [
    "LINK",
    "OF_THE_CONTAINER",
    "PROC",
    "command",
    "end",
    "engine",
    "lay",
    "listening",
    "master",
    "read",
    "serve_cold",
    "swap",
]

PROC = Path("/proc")
# What a container may not do says nothing about a host: nginx goes on with the limits that it has.
OF_THE_CONTAINER = ("setrlimit(RLIMIT_", "setpriority(", "sched_setaffinity(")
LINK = "/etc/nginx"
_END_SECONDS = 8.0
_COMMAND_SECONDS = 60.0
_LOOKS, _BETWEEN_SECONDS = 5, 0.05
_SOCKET = re.compile(r"^(?P<kind>tcp|udp)\s+\S+\s+\d+\s+\d+\s+(?P<where>\S+)\s")


def engine(name: str) -> Any:
    """A module of the engine: the very code that proves reloads on hosts. It exists in the container only.

    It is there already: whoever seals the agent has imported it.
    """
    return importlib.import_module(f"...engine.{name}", __package__)


def master() -> Any | None:
    """The master of this container."""
    found: Any = engine("host.processes").find_masters(PROC)
    return next(iter(found), None)


def swap(tree: str) -> None:
    """Let ``/etc/nginx`` lead to ``tree``, by one rename, as on hosts."""
    beside = f"{LINK}.next"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(beside)
    os.symlink(tree, beside)
    os.replace(beside, LINK)


def listening() -> dict[str, int]:
    """Count nginx's listening sockets by ``tcp [::]:80``; ``only`` follows where IPv4 is shut out of IPv6.

    That there is none is believed when it was seen several times: on a busy machine ss may miss whose a socket is.
    """
    for _ in range(_LOOKS):
        found = _listening()
        if found:
            return found
        time.sleep(_BETWEEN_SECONDS)
    return {}


def _listening() -> dict[str, int]:
    # /proc/net/tcp6 does not tell whether IPv4 is shut out, and netlink does.
    asked = ["ss", "-Hlntupe"]
    said = subprocess.run(asked, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout.decode()
    found: Counter[str] = Counter()
    for line in said.splitlines():
        socket = _SOCKET.match(line)
        if socket and '"nginx"' in line:
            only = " only" if "v6only:1" in line else ""
            found[f"{socket['kind']} {socket['where']}{only}"] += 1
    return dict(found)


def end() -> None:
    """End nginx at once, and wait until its processes are gone."""
    running = master()
    if running is None:
        left = processes("master")
    else:
        left = [running.pid, *(worker.pid for worker in engine("host.processes").workers_of(PROC, running))]
    for pid in left[:1]:
        os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + _END_SECONDS
    while left:
        # One that is gone or a zombie holds no listener.
        left = [pid for pid in left if _runs(pid)]
        if left and time.monotonic() > until:
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            until += _END_SECONDS
        time.sleep(0.005)


def _runs(pid: int) -> bool:
    try:
        return (PROC / str(pid) / "stat").read_bytes().rpartition(b") ")[2][:1] not in (b"Z", b"X")
    except OSError:
        return False


def serve_cold(tree: str, caches: Iterable[str] = ()) -> None:
    """End nginx and start it from ``tree`` with empty caches.

    Raises ``RuntimeError`` with nginx's words when it does not serve.
    """
    end()
    empty_caches(caches)
    swap(tree)
    code, words = launch()
    if code:
        raise RuntimeError(f"nginx does not start from {tree}: {words}")
    wait_for("a worker of nginx", lambda: bool(processes("worker")))


def command(plan: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Run ``argv`` to its end; tells its exit code and all that it printed."""
    (wanted,) = rows
    done = subprocess.run(
        wanted["argv"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        timeout=_COMMAND_SECONDS,
    )
    return {"code": done.returncode, "output": done.stdout.decode(errors="replace")}


def lay(plan: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Make a ``copy`` (path) of the release, with ``files`` laid over it, as pairs of a path in it and base64."""
    for row in rows:
        run("cp", "-a", plan["tree"], row["copy"])
        for path, data in row["files"]:
            place = Path(row["copy"], path)
            # A link would lead out of the copy.
            place.unlink(missing_ok=True)
            place.write_bytes(base64.b64decode(data))
    return {}


def read(plan: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the text of the file at ``path``; an empty one where there is none."""
    (row,) = rows
    return {"text": read_file(row["path"])}
