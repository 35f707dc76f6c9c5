"""Which ports of this host are listened on, and by whom."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Tuple

from ...untrusted import whole_number

Port = Tuple[int, str]

__all__ = ["holds", "listening", "owners"]

_LISTEN = "0A"


def listening(proc: Path) -> dict[Port, set[str]]:
    """Read what is listened on: number and protocol of each port, and the inodes of the sockets that hold it."""
    found: dict[Port, set[str]] = {}
    for name in ("tcp", "tcp6", "udp", "udp6"):
        try:
            lines = (proc / "net" / name).read_text().splitlines()[1:]
        except OSError:
            continue
        for cells in (line.split() for line in lines):
            if name.startswith("udp") or cells[3] == _LISTEN:
                port = int(cells[1].rpartition(":")[2], 16)
                found.setdefault((port, name[:3]), set()).add(cells[9])
    return found


def owners(proc: Path, inodes: set[str]) -> list[int]:
    """Find the processes that hold these sockets."""
    wanted = {f"socket:[{inode}]" for inode in inodes}
    pids = map(whole_number, os.listdir(proc))
    return sorted(pid for pid in pids if pid is not None and wanted & _open_in(f"{proc}/{pid}/fd"))


def holds(proc: Path, pid: int) -> set[str]:
    """Return the inodes of the sockets that a process holds."""
    return {name[len("socket:[") : -1] for name in _open_in(f"{proc}/{pid}/fd") if name.startswith("socket:[")}


def _open_in(folder: str) -> set[str]:
    found: set[str] = set()
    try:
        names = os.listdir(folder)
    except OSError:
        return found
    for name in names:
        with suppress(OSError):
            found.add(os.readlink(f"{folder}/{name}"))
    return found
