"""Starts nginx in its container, and reads what it logs."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .common import HOME, read_file, wait_for
from .modules import nginx

__all__ = ["WORDS", "anew", "empty_caches", "error_lines", "launch", "logged", "processes", "start"]

WORDS = HOME / "nginx.words"
_START_SECONDS = 120.0
_NAMED_SECONDS = 3.0
_WORKER_SECONDS = 30.0
_MOST_ERRORS = 2000
_LONGEST = 4000
# What nginx calls its levels and entries: a cache may share its directory with something else.
_OF_CACHE = re.compile(r"[0-9a-f]{1,2}|[0-9a-f]{32}(?:\.\d+)?")


def processes(title: str) -> list[int]:
    """List nginx's processes with a title (``master``, ``worker``), without those that are shutting down.

    With ``master_process off`` one process is both, and has no title.
    """
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                if _is_titled(command, title) or (_is_untitled(command) and _serves(folder)):
                    found.append(int(folder.name))
            except OSError:
                continue
    return sorted(found)


def _is_titled(command: str, title: str) -> bool:
    # Angie has its own name in the titles.
    return command.startswith((f"nginx: {title} process", f"angie: {title} process")) and "shutting down" not in command


def _is_untitled(command: str) -> bool:
    return command.split(" ")[0].rpartition("/")[2] == "nginx" or command.startswith("angie: single process")


def _serves(process: Path) -> bool:
    """Return whether a process waits for events, as only one that serves does.

    While nginx reads its configuration it tries whether it can: then it waits for none.
    """
    waiting = (link for link in (process / "fd").iterdir() if os.readlink(link) == "anon_inode:[eventpoll]")
    return any("tfd:" in read_file(process / "fdinfo" / link.name) for link in waiting)


def error_lines(logs: list[str]) -> list[str]:
    """Read nginx's messages; what a FastCGI program says may go over several lines, which are joined."""
    messages: list[str] = []
    # What goes to the standard channels is in one file; opening /dev/stdout here would be our own.
    paths = [path for path in logs if not path.startswith("/dev/")]
    for path in paths if len(paths) == len(logs) and logs else [*paths, str(WORDS)]:
        for line in read_file(path).splitlines():
            if messages and not line[:4].isdigit():
                messages[-1] += " " + line.strip()
            else:
                messages.append(line)
    return messages


def launch() -> tuple[int, str]:
    """Start nginx from ``/etc/nginx``; tells its exit code and its words. With ``daemon off`` its command goes on."""
    # A file, since nginx keeps it open where the release logs to it, and this process ends.
    with WORDS.open("ab") as file:
        at = file.tell()
        process = subprocess.Popen(
            nginx(), stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True, cwd="/"
        )
    until = time.monotonic() + _START_SECONDS
    while process.poll() is None and not processes("worker") and time.monotonic() < until:
        time.sleep(0.01)
    return process.returncode or 0, read_file(WORDS, at)[:_LONGEST].strip()


def start(plan: dict[str, Any], rows: list[dict[str, Any]], watched: float = 0.5) -> dict[str, Any]:
    """Start nginx cold and see whether its workers stay, for ``watched`` seconds."""
    began = time.monotonic()
    code, words = launch()
    if code == 0:
        _await_worker(plan["error_logs"])
    samples: list[list[int]] = []
    until = time.monotonic() + watched
    # One look at least, however busy the machine is.
    while code == 0 and (not samples or time.monotonic() < until):
        samples.append(processes("worker"))
        time.sleep(0.02)
    # A worker that writes its title at that moment has none: what is gone is gone a little later as well.
    until = time.monotonic() + _NAMED_SECONDS
    while samples and _is_missing(samples):
        time.sleep(0.2)
        samples.append(processes("worker"))
        if time.monotonic() > until or not processes("master"):
            break
    return {
        "code": code,
        "words": words,
        "master": processes("master"),
        "workers": samples[-1] if samples else [],
        "replaced": len(_died(samples)),
        "errors": _shortened(error_lines(plan["error_logs"])),
        "seconds": round(time.monotonic() - began, 3),
    }


def _is_missing(samples: list[list[int]]) -> bool:
    """Return whether there is no worker at last, or one that there was is gone."""
    return not samples[-1] or bool(_died(samples))


def _died(samples: list[list[int]]) -> set[int]:
    """Return the workers that were seen and are no more. What has another title now was none: who manages a cache has
    that of a worker until it calls itself so.
    """
    return {pid for sample in samples for pid in sample if not read_file(f"/proc/{pid}/cmdline").strip("\0")}


def _is_beginning() -> bool:
    """Return whether there is a process of nginx that has not called itself anything yet."""
    return any(
        _is_untitled(read_file(path).replace("\0", " ").strip())
        for path in map(str, Path("/proc").glob("[0-9]*/cmdline"))
    )


def _await_worker(logs: list[str]) -> None:
    """Wait for a worker, which takes its time with many connections on a busy machine, unless the master gave it up."""
    began = time.monotonic()
    # A master that was just made does not call itself one yet.
    while not processes("worker") and (
        processes("master") or _is_beginning() or time.monotonic() < began + _NAMED_SECONDS
    ):
        if time.monotonic() > began + _WORKER_SECONDS:
            return
        if any("cannot be respawned" in line for line in error_lines(logs)):
            return
        time.sleep(0.02)


def anew(plan: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """End nginx and start it with empty ``caches`` (paths), so that what is remembered is the same each time."""
    (wanted,) = rows
    for pid in processes("master"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    wait_for("the end of nginx", lambda: not processes("master") and not processes("worker"))
    empty_caches(wanted["caches"])
    # That the workers stay is for the gate start to see.
    return start(plan, [], watched=0.05)


def empty_caches(paths: Iterable[str]) -> None:
    """Take what nginx remembers out of its caches, while it does not run."""
    for path in paths:
        for entry in Path(path).glob("*"):
            if _OF_CACHE.fullmatch(entry.name):
                shutil.rmtree(entry, ignore_errors=True) if entry.is_dir() else entry.unlink(missing_ok=True)


def logged(plan: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return how many messages nginx has logged, and those after the first ``since``."""
    (wanted,) = rows
    lines = error_lines(plan["error_logs"])
    since = wanted.get("since", len(lines))
    return {"count": len(lines), "errors": _shortened(lines[since:])}


def _shortened(lines: list[str]) -> list[str]:
    return [line[:_LONGEST] for line in lines[:_MOST_ERRORS]]
