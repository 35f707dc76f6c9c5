"""Takes nginx in its container from release to release: cold, and by reloads that are proved as on hosts."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping, Sequence
from typing import Any

from .running import LINK, OF_THE_CONTAINER, PROC, engine, listening, master, serve_cold, swap
from .trickle import Trickle

__all__ = ["reload", "serve"]

_POLL_SECONDS = 0.007
_DRAIN_SECONDS = 5.0
_SETTLED_SECONDS = 0.1
_SEVERE = frozenset({"emerg", "alert", "crit"})


def serve(plan: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Serve ``tree``, the release's own where none is named, from a cold start and with empty ``caches`` (paths)."""
    (wanted,) = rows
    serve_cold(wanted.get("tree", plan["tree"]), wanted.get("caches", ()))
    return {}


def reload(plan: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Reload from the tree of ``live`` into that of ``own`` and back, under a trickle of requests to ``listeners``.

    Afterwards nginx serves the tree of this container, whatever happened; ``unrestored`` says why where it could not.
    Where both trees are the same one, nginx reloads into it once.
    """
    (wanted,) = rows
    own, live = wanted["own"], wanted["live"]
    ways = [own, live] if live["tree"] != own["tree"] else [own]
    trickle = Trickle(wanted["listeners"])
    answer: dict[str, Any] = {"steps": [], "unstarted": "", "unrestored": ""}
    try:
        cold = _cold(own["tree"], trickle)
        try:
            cold |= _cold(live["tree"], trickle) if live is ways[-1] else {}
        except RuntimeError as error:
            answer["unstarted"] = str(error)
        else:
            _there_and_back(ways, plan["error_logs"], wanted["seconds"], cold, trickle, answer["steps"])
    finally:
        went_well = len(answer["steps"]) == len(ways) and not any(_is_bad(step) for step in answer["steps"])
        try:
            if not (went_well and not trickle.failures and _serves(plan["tree"])):
                serve_cold(plan["tree"])
        except RuntimeError as error:
            answer["unrestored"] = str(error)
    asked = [listener["words"] for listener in trickle.listeners]
    return {**answer, "asked": asked, "answered": trickle.answered, "failures": trickle.failures}


def _serves(tree: str) -> bool:
    return os.readlink(LINK) == tree and master() is not None


def _cold(tree: str, trickle: Trickle) -> dict[str, dict[str, int]]:
    """Serve a tree from a cold start, unless it is being served; its sockets. Only listeners that answer are kept."""
    if not _serves(tree):
        serve_cold(tree)
    trickle.keep_answering()
    return {tree: listening()}


def _there_and_back(
    ways: Sequence[Mapping[str, Any]],
    logs: Sequence[str],
    seconds: float,
    cold: Mapping[str, Mapping[str, int]],
    trickle: Trickle,
    steps: list[dict[str, Any]],
) -> None:
    trickle.start()
    time.sleep(_SETTLED_SECONDS)
    for to in ways:
        trickle.step = to["words"]
        steps.append(_reload_into(to, logs, seconds, cold[to["tree"]]))
        if _is_bad(steps[-1]):
            break
    trickle.stop()


def _is_bad(step: Mapping[str, Any]) -> bool:
    return bool(step["problem"]) or not step["drained"]


def _reload_into(to: Mapping[str, Any], logs: Sequence[str], seconds: float, cold: Mapping[str, int]) -> dict[str, Any]:
    """Swap, signal and prove. ``seconds`` is what a start takes, and ``cold`` the sockets of a cold start."""
    nginx, processes = engine("host.nginx"), engine("host.processes")
    running = master()
    if running is None:
        raise RuntimeError("there is no master process of nginx to tell to reload")
    watched = _Watched([*logs, *processes.open_logs(PROC, running.pid)])
    before = processes.workers_of(PROC, running)
    expected = nginx.expected_workers(running, {"worker_processes": to["workers"]}, len(before))
    proof = engine("proof").Proof(before, expected)
    began = time.monotonic()
    swap(to["tree"])
    os.kill(running.pid, signal.SIGHUP)
    problem, drained = _prove(running, proof, watched, began + 5.0 + 3 * seconds), True
    if not problem["problem"]:
        drained = _drain(running, {pid for pid, _ in proof.old})
        problem["lines"] += watched.lines(proof.old)
    return {
        "to": to["words"],
        "seconds": round(time.monotonic() - began, 3),
        **problem,
        "drained": drained,
        "sockets": {"cold": dict(cold), "reloaded": {} if problem["problem"] else listening()},
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
            time.sleep(_SETTLED_SECONDS)
            return {"problem": verdict.why, "lines": [*lines, *watched.lines(proof.old)]}
        if now > until:
            return {"problem": f"the reload did not take: {proof.missing() or 'workers did not stay'}", "lines": []}
        time.sleep(_POLL_SECONDS)


def _drain(running: Any, old: set[int]) -> bool:
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
