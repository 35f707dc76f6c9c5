"""Runs a command and tells what it took: time, processor, memory, and sessions on a host."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError

__all__ = ["Cost", "below", "measure", "phases", "processor", "sessions"]

_MOST_SECONDS = 1200.0
_BETWEEN_SAMPLES = 0.1
_STARTED = re.compile(r"^(\S+) Starting session: ")


@dataclass(frozen=True)
class Cost:
    """What a command and all that it started took. ``cpu`` are seconds, user and system; memory is in MiB.

    ``largest`` is the resident size of its largest process at that one's peak; ``together`` is the peak of what all
    its processes have together, shared pages counted once (PSS), where it was sampled. ``hosts`` is the processor time
    of all hosts together, where the machine's control groups tell it.
    """

    seconds: float
    cpu: float
    largest: float
    together: float | None = None
    hosts: float | None = None


def measure(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    log: Path,
    *,
    sampled: bool = False,
    most: float = _MOST_SECONDS,
    between: float = _BETWEEN_SAMPLES,
) -> Cost:
    """Run a command to its end, for ``most`` seconds at most. Raises ``SluiceError`` with its last lines when it fails.

    ``between`` are the seconds between two samples of memory. Sampling takes time itself, so what is ``sampled`` should
    not be compared by its seconds.
    """
    peak: list[float] = []
    over = threading.Event()
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as stream:
        began = time.monotonic()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            # Whoever ends the benchmark ends all that it started, by the group.
            start_new_session=True,
        )
        timeout = threading.Timer(most, os.killpg, (process.pid, signal.SIGKILL))
        timeout.start()
        sampler = threading.Thread(target=_sample, args=(process.pid, over, peak, between)) if sampled else None
        try:
            if sampler:
                sampler.start()
            _, status, used = os.wait4(process.pid, 0)
            seconds = time.monotonic() - began
            process.returncode = os.waitstatus_to_exitcode(status)
        finally:
            timeout.cancel()
            over.set()
            if sampler and sampler.ident:
                sampler.join()
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    if process.returncode != 0:
        last = "\n  ".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-25:])
        raise SluiceError(f"{' '.join(command[:3])} … ended with code {process.returncode}; its last lines:\n  {last}")
    return Cost(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, max(peak, default=None))


def _sample(root: int, over: threading.Event, peak: list[float], between: float) -> None:
    while not over.wait(between):
        peak.append(sum(_share(pid) for pid in below(root)) / 1024)


def below(root: int) -> list[int]:
    """The process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                # The name of a process may hold spaces and parentheses.
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def _share(pid: int) -> int:
    """The proportional share of memory that a process has, in KiB; 0 when it is gone."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return int(text.partition("\nPss:")[2].split(maxsplit=1)[0] or 0)


def processor(pid: int, root: Path = Path("/")) -> float | None:
    """The seconds of processor time that the container of a process has had so far, or None where nothing tells it."""
    try:
        lines = (root / f"proc/{pid}/cgroup").read_text().splitlines()
        groups = {name: path for line in lines for names, path in [line.split(":", 2)[1:]] for name in names.split(",")}
        if "cpuacct" in groups:
            return int((root / f"sys/fs/cgroup/cpuacct{groups['cpuacct']}/cpuacct.usage").read_text()) / 1e9
        told = (root / f"sys/fs/cgroup{groups['']}/cpu.stat").read_text()
        return int(told.split()[1]) / 1e6
    except (OSError, KeyError):
        return None


def sessions(log: str) -> list[datetime]:
    """When sshd started a session, which is one execution or file transfer; ``log`` has times at its lines."""
    found = (_STARTED.match(line) for line in log.splitlines())
    return [_moment(match[1]) for match in found if match]


def phases(started: Iterable[datetime], events: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Count sessions by phase. ``events`` are the phases of one host with the times at which they were noted, which is
    when they had ended: a session belongs to the phase that is noted next.
    """
    noted = [(_moment(at), phase) for at, phase in events]
    counted: dict[str, int] = {}
    for moment in started:
        phase = next((phase for at, phase in noted if at >= moment), "afterwards")
        counted[phase] = counted.get(phase, 0) + 1
    return counted


def _moment(text: str) -> datetime:
    # Docker's nanoseconds are more than datetime reads.
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
