"""The program itself: every few seconds it looks, and writes what it saw for the node exporter to show."""

from __future__ import annotations

import os
import sys
import time

from ...engine.host.system import System
from ...engine.session import Session
from ...engine.store import Layout
from ...lean import TYPE_CHECKING, suppress
from .asking import Asking
from .exposition import Metrics
from .logs import Logs
from .looking import Looking

if TYPE_CHECKING:
    pass

__all__ = ["Program", "main"]

_ASKS = {"id": "monitor", "who": "the monitor", "from": "this host"}


class Program:
    """Writes ``path`` again and again. ``every`` is in seconds; with ``unsafe`` checks are asked that change things."""

    def __init__(self, path: str, every: float, unsafe: bool, layout: Layout | None = None) -> None:
        self._path, self._every = path, every
        session = Session(System(), layout or Layout(), _ASKS)
        self._looking, self._logs = Looking(session), Logs()
        self.asking = Asking(every, unsafe)
        self._said = ""

    def run(self) -> None:
        """Go on until the process is ended."""
        self.asking.start()
        while True:
            began = time.monotonic()
            self.round()
            time.sleep(max(0.1, self._every - (time.monotonic() - began)))

    def round(self) -> None:
        """Look once, and write what was seen. What cannot be seen is told as a problem, and the rest all the same."""
        metrics = Metrics()
        problem = "; ".join(self._looking.look(metrics))
        self.asking.take(self._looking.contract)
        self._logs.read(self._looking.logs)
        self._logs.tell(metrics)
        self.asking.tell(metrics)
        metrics.gauge(
            "sluice_problems", "Whether anything could not be looked at; the unit's journal says what.", bool(problem)
        )
        metrics.counter("sluice_cpu_seconds_total", "What this program has cost.", time.process_time())
        metrics.gauge("sluice_looked_timestamp_seconds", "When this was written.", time.time())
        if problem and problem != self._said:
            sys.stderr.write(f"{problem}\n")
        self._said = problem
        self._write(metrics.text())

    def _write(self, text: str) -> None:
        folder, name = os.path.split(self._path)
        # The collector reads what ends in .prom, and nothing else.
        aside = os.path.join(folder, f".{name}.new")
        # Others may write to the folder above: what they have put there is neither followed nor written to.
        with suppress(FileNotFoundError):
            os.unlink(aside)
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
        os.replace(aside, self._path)


def main(arguments: list[str]) -> None:
    """``PATH SECONDS [unsafe]``: where to write, and how often."""
    os.environ.update(PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL="C.UTF-8")
    path, every, *more = arguments
    Program(path, float(every), "unsafe" in more).run()
