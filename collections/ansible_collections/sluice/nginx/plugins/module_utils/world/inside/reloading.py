"""Takes nginx in its container from release to release: cold, and by reloads that are proved as on hosts."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Mapping, Sequence
from typing import Any

from .common import HOME
from .running import OF_THE_CONTAINER, PROC, engine, listening, master, serve_cold, swap
from .trickle import Trickle

__all__ = ["reload", "serve"]

_POLL_SECONDS = 0.007
_DRAIN_SECONDS = 5.0
_SETTLED_SECONDS = 0.1
_SEVERE = frozenset({"emerg", "alert", "crit"})


def _wanted(what: str) -> dict[str, Any]:
    rows = json.loads((HOME / f"{what}.json").read_text(encoding="utf-8"))
    return dict(rows[0])


def serve(plan: dict[str, Any]) -> dict[str, Any]:
    """Serve ``tree``, the release's own where none is named, from a cold start and with empty ``caches`` (paths)."""
    wanted = _wanted("serve")
    serve_cold(wanted.get("tree", plan["tree"]), wanted.get("caches", ()))
    return {}


def reload(plan: dict[str, Any]) -> dict[str, Any]:
    """Reload from the live release's tree into the own one and back, under a trickle of requests to ``listeners``.

    Afterwards nginx serves the own tree from a cold start, whatever happened; ``unrestored`` says why where it could
    not. Where both trees are the same one, nginx reloads into it once.
    """
    wanted = _wanted("reload")
    own, live = {**wanted["own"], "tree": plan["tree"]}, {**wanted["live"], "tree": plan["basis"]}
    trickle = Trickle(wanted["listeners"])
    trickle.keep_answering()
    cold = {own["tree"]: listening()}
    answer: dict[str, Any] = {"steps": [], "unstarted": "", "unrestored": ""}
    try:
        if live["tree"] != own["tree"]:
            serve_cold(live["tree"])
            trickle.keep_answering()
            cold[live["tree"]] = listening()
    except RuntimeError as error:
        answer["unstarted"] = str(error)
    else:
        trickle.start()
        time.sleep(_SETTLED_SECONDS)
        for to in (own, live) if live["tree"] != own["tree"] else (own,):
            trickle.step = to["words"]
            step = _reload_into(to, plan["error_logs"], wanted["seconds"], cold[to["tree"]])
            answer["steps"].append(step)
            if step["problem"] or not step["drained"]:
                break
        trickle.stop()
    finally:
        try:
            serve_cold(own["tree"])
        except RuntimeError as error:
            answer["unrestored"] = str(error)
    asked = [listener["words"] for listener in trickle.listeners]
    return {**answer, "asked": asked, "answered": trickle.answered, "failures": trickle.failures}


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
