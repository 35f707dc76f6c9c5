"""How often the kernel held this container to its bounds, on either version of control groups."""

from __future__ import annotations

__all__ = ["hits"]

_ROOT = "/sys/fs/cgroup"
# A file of the first version, one of the second, and the counter in it.
_COUNTERS = {
    "memory": ((f"{_ROOT}/memory/memory.oom_control", f"{_ROOT}/memory.events"), "oom_kill"),
    "processes": ((f"{_ROOT}/pids/pids.events", f"{_ROOT}/pids.events"), "max"),
}


def hits(places: dict[str, tuple[tuple[str, str], str]] = _COUNTERS) -> dict[str, int]:
    """Count the processes that ended for want of ``memory``, and those beyond ``processes``; nothing where none did."""
    found: dict[str, int] = {}
    for bound, (paths, counter) in places.items():
        for path in paths:
            number = _counted(path, counter)
            if number:
                found[bound] = number
    return found


def _counted(path: str, counter: str) -> int:
    try:
        with open(path, encoding="ascii") as lines:
            return next((int(line.split()[1]) for line in lines if line.split()[:1] == [counter]), 0)
    except (OSError, ValueError, IndexError):
        return 0
