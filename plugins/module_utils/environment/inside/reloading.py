"""Takes nginx in its container from release to release: cold, and by reloads that are proved as on hosts."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from typing import Any

from .running import LINK, OF_THE_CONTAINER, PROC, engine, listening, master, serve_cold, swap

__all__ = ["cold", "reload", "restore", "serve", "served"]

_POLL_SECONDS = 0.007
_DRAIN_SECONDS = 5.0
_FINALIZED_SECONDS = 0.1
_SEVERE = frozenset({"emerg", "alert", "crit"})


def serve(plan: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Serve ``tree``, the release's own where none is named, from a cold start and with empty ``caches`` (paths)."""
    (wanted,) = rows
    serve_cold(wanted.get("tree", plan["tree"]), wanted.get("caches", ()))
    return {}


def cold(plan: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Serve ``tree`` from a cold start, unless it is being served; tells its ``sockets``, or the ``problem``."""
    (wanted,) = rows
    try:
        if not _serves(wanted["tree"]):
            serve_cold(wanted["tree"])
    except RuntimeError as error:
        return {"problem": str(error), "sockets": {}}
    return {"problem": "", "sockets": listening()}


def served(plan: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the ``sockets`` of nginx where it serves ``tree`` right now; none where it does not."""
    (wanted,) = rows
    return {"sockets": listening() if _serves(wanted["tree"]) else {}}


def restore(plan: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Serve the tree of this container again, from a cold start unless all ``went_well``; tells the ``problem``."""
    (wanted,) = rows
    try:
        if not (wanted["went_well"] and _serves(plan["tree"])):
            serve_cold(plan["tree"])
    except RuntimeError as error:
        return {"problem": str(error)}
    return {"problem": ""}


def _serves(tree: str) -> bool:
    return os.readlink(LINK) == tree and master() is not None


def reload(plan: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Swap to the tree of ``to``, signal and prove.

    ``seconds`` is what a start takes, and ``sockets`` are those of a cold start.
    """
    (wanted,) = rows
    to, logs, seconds = wanted["to"], plan["error_logs"], wanted["seconds"]
    nginx, processes = engine("host.nginx"), engine("host.processes")
    running = master()
    if running is None:
        raise RuntimeError("there is no master process of nginx to tell to reload")
    watched = _Watched([*logs, *processes.open_logs(PROC, running.pid)])
    before = processes.workers_of(PROC, running)
    expected = nginx.expected_workers(running, {"worker_processes": to["workers"]})
    proof = engine("proof").Proof(before, expected)
    began = time.monotonic()
    swap(to["tree"])
    os.kill(running.pid, signal.SIGHUP)
    problem, drained = _prove(running, proof, watched, began + 5.0 + 3 * seconds), True
    if not problem["problem"]:
        drained = _drain({pid for pid, _ in proof.old})
        problem["lines"] += watched.lines(proof.old)
    return {
        "to": to["words"],
        "seconds": round(time.monotonic() - began, 3),
        **problem,
        "drained": drained,
        "sockets": {"cold": wanted["sockets"], "reloaded": {} if problem["problem"] else listening()},
    }


def _prove(running: Any, proof: Any, watched: _Watched, until: float) -> dict[str, Any]:
    """Sample processes and logs until workers of the new configuration, and only they, serve and stay."""
    processes, known = engine("host.processes"), frozenset(pid for pid, _ in proof.old)
    while True:
        workers = processes.workers_of(PROC, running, known)
        known |= {worker.pid for worker in workers}
        alive, lines = processes.is_alive(PROC, running), watched.lines(proof.old)
        now = time.monotonic()
        verdict = proof.feed(engine("proof").Sample(now, alive, tuple(workers), tuple(lines)))
        if verdict.state == "proved":
            return {"problem": "", "lines": []}
        if verdict.state == "failed":
            # What follows at once belongs to the same fault, as the other workers that die.
            time.sleep(_FINALIZED_SECONDS)
            return {"problem": verdict.why, "lines": [*lines, *watched.lines(proof.old)]}
        if now > until:
            return {"problem": f"the reload did not take: {proof.missing() or 'workers did not stay'}", "lines": []}
        time.sleep(_POLL_SECONDS)


def _drain(old: set[int]) -> bool:
    """Wait until the workers of before have ended; not for ever, since what they wait for may be stuck."""
    processes, until = engine("host.processes"), time.monotonic() + _DRAIN_SECONDS
    while any(processes.read_worker(PROC, pid) for pid in old):
        if time.monotonic() > until:
            return False
        time.sleep(_POLL_SECONDS)
    return True


class _Watched:
    """The error logs from now on."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._marks, _ = engine("logs").mark(sorted(set(paths)))

    def lines(self, old: Sequence[tuple[int, int]]) -> list[str]:
        """The severe lines since the last time, but those by or about workers of before."""
        logs, pids = engine("logs"), frozenset(pid for pid, _ in old)
        return [
            line
            for path, at in self._marks.items()
            for line in logs.severe(logs.new_lines(path, at), pids, _SEVERE)
            if not any(words in line for words in OF_THE_CONTAINER)
        ]
