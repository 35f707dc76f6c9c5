"""A load of requests, each on a fresh connection, so that a moment in which nobody answers is seen."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from . import quic
from .requests import connect, secured

__all__ = ["Load", "answering", "ask", "load"]

_EVERY_SECONDS = 0.02
_TIMEOUT_SECONDS = 5.0
_KEPT = 20
_QUIC_THREADS = 2
# So long a worker of before has a request: from before the signal to after the proof of the reload.
_HOLD_SECONDS = 1.5
# So long new ones are tried: those that come to that worker keep it as well.
_TRIED_SECONDS = 2.0
# Without a Host header nginx answers by itself, before any rule of the configuration: no limit and no upstream counts.
_REQUEST = b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"
_PROXIED = b"PROXY TCP4 127.0.0.1 127.0.0.1 40000 80\r\n"


def ask(listener: Mapping[str, Any]) -> str:
    """Ask a listener once. Returns what was wrong, in words; nothing when it answered."""
    if listener.get("quic"):
        return quic.ask(listener)
    try:
        with connect(listener["address"], listener["port"], _TIMEOUT_SECONDS) as plain:
            if listener["proxied"]:
                plain.sendall(_PROXIED)
            if not listener["http"]:
                return ""
            with secured(plain, listener["name"]) if listener["tls"] else plain as connection:
                connection.sendall(_REQUEST)
                return "" if connection.recv(1) else "the connection was closed without an answer"
    except TimeoutError:
        return f"no answer within {_TIMEOUT_SECONDS:g} s"
    except OSError as error:
        return str(error.strerror or error)


class Load:
    """Asks each listener every 20 ms, from ``start`` to ``stop``."""

    def __init__(self, listeners: Sequence[Mapping[str, Any]]) -> None:
        self.listeners = list(listeners)
        self.answered = 0
        self.failures: list[dict[str, Any]] = []
        self.step = ""
        self.is_after = False
        self._tried_until = 0.0
        self._holds: quic.Holds | None = None
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to ask."""
        # What gets no answer over QUIC takes long to say so.
        for listener in [each for each in self.listeners for _ in range(_QUIC_THREADS if each.get("quic") else 1)]:
            thread = threading.Thread(target=self._go_on, args=(listener,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def hold(self) -> None:
        """Keep a connection of each QUIC listener for a while, with a request that does not end."""
        self.release()
        self._tried_until = time.monotonic() + _TRIED_SECONDS
        self._holds = quic.Holds([each for each in self.listeners if each.get("quic")], _HOLD_SECONDS)

    def release(self) -> None:
        """Keep none."""
        if self._holds is not None:
            self._holds.end()
            self._holds = None

    def stop(self) -> None:
        """Ask no more, and wait for what was asked."""
        self.release()
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _go_on(self, listener: Mapping[str, Any]) -> None:
        while not self._over.is_set():
            step, is_after, began = self.step, self.is_after, time.monotonic()
            if listener.get("quic") and not is_after and began > self._tried_until:
                self._over.wait(_EVERY_SECONDS)
                continue
            problem = ask(listener)
            with self._lock:
                self.answered += not problem
                if problem and len(self.failures) < _KEPT:
                    seconds = round(time.monotonic() - began, 3)
                    # What begins before a step, or after one, and ends in it is of that step.
                    failure = {"listener": listener["words"], "problem": problem, "step": step or self.step}
                    failure["seconds"] = seconds
                    if listener.get("quic"):
                        failure.update(quic=True, after=is_after and self.is_after and step == self.step)
                    self.failures.append(failure)
            self._over.wait(_EVERY_SECONDS)


_running: list[Load] = []


def answering(plan: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return which of the listeners answer now: what always fails says nothing about a reload.

    Why one for QUIC does not, is told: else nobody would know that it is not watched.
    """
    problems = [ask(listener) for listener in rows]
    unwatched = {
        row["words"]: problem for row, problem in zip(rows, problems, strict=True) if problem and row.get("quic")
    }
    return {
        "listeners": [row for row, problem in zip(rows, problems, strict=True) if not problem],
        "unwatched": unwatched,
    }


def load(plan: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Begin to ask ``listeners``, go on in a new ``step``, or with ``stop`` end and tell how it went.

    ``hold`` keeps QUIC connections from now on, ``after`` says that the step is done and nothing may fail any more.
    """
    (wanted,) = rows
    if "listeners" in wanted:
        _running[:] = [Load(wanted["listeners"])]
        _running[0].start()
    for running in _running:
        running.step = wanted.get("step", running.step)
        running.is_after = wanted.get("after", False)
        if wanted.get("hold"):
            running.hold()
        if wanted.get("stop"):
            running.stop()
            return {"answered": running.answered, "failures": running.failures}
    return {}
