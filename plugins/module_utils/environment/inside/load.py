"""A load of requests, each on a fresh connection, so that a moment in which nobody answers is seen."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from .requests import connect, secured

__all__ = ["Load", "answering", "ask", "load"]

_EVERY_SECONDS = 0.02
_TIMEOUT_SECONDS = 5.0
_KEPT = 20
# Without a Host header nginx answers by itself, before any rule of the configuration: no limit and no upstream counts.
_REQUEST = b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"
_PROXIED = b"PROXY TCP4 127.0.0.1 127.0.0.1 40000 80\r\n"


def ask(listener: Mapping[str, Any]) -> str:
    """Ask a listener once. Returns what was wrong, in words; nothing when it answered."""
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
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to ask."""
        for listener in self.listeners:
            thread = threading.Thread(target=self._go_on, args=(listener,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Ask no more, and wait for what was asked."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _go_on(self, listener: Mapping[str, Any]) -> None:
        while not self._over.is_set():
            step, began = self.step, time.monotonic()
            problem = ask(listener)
            with self._lock:
                self.answered += not problem
                if problem and len(self.failures) < _KEPT:
                    seconds = round(time.monotonic() - began, 3)
                    failure = {"listener": listener["words"], "problem": problem, "step": step, "seconds": seconds}
                    self.failures.append(failure)
            self._over.wait(_EVERY_SECONDS)


_running: list[Load] = []


def answering(plan: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return which of the listeners answer now: what always fails says nothing about a reload."""
    return {"listeners": [listener for listener in rows if not ask(listener)]}


def load(plan: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Begin to ask ``listeners``, go on in a new ``step``, or with ``stop`` end and tell how it went."""
    (wanted,) = rows
    if "listeners" in wanted:
        _running[:] = [Load(wanted["listeners"])]
        _running[0].start()
    for running in _running:
        running.step = wanted.get("step", running.step)
        if wanted.get("stop"):
            running.stop()
            return {"answered": running.answered, "failures": running.failures}
    return {}
