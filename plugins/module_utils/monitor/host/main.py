"""The program itself: every few seconds it looks, and writes what it saw for the node exporter to show."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from typing import Callable

from ...engine.host.system import System
from ...engine.session import Session
from ...engine.store import Layout
from ...untrusted import printable
from .check_loop import CheckLoop
from .exposition import Metrics
from .inspect import Looking
from .logs import Logs

__all__ = ["Program", "main"]

# Seconds between two looks at the error logs, which tell nginx's own lines from what visitors put there; it is more
# often for some seconds after something came.
_LOOK, _LOOK_SOON, _BUSY = 0.25, 0.02, 5.0
_ASKS = {"id": "monitor", "who": "the monitor", "from": "this host"}


class Program:
    """Writes ``path`` again and again. ``every`` is in seconds; with ``unsafe`` checks are asked that change things."""

    def __init__(self, path: str, every: float, unsafe: bool, layout: Layout | None = None) -> None:
        self._path, self._every = path, every
        session = Session(System(), layout or Layout(), _ASKS)
        self._looking, self._logs = Looking(session), Logs()
        self.asking = CheckLoop(every, unsafe)
        self._said = ""
        self._busy_until = 0.0

    def run(self) -> None:
        """Go on until the process is ended. What cannot be written ends it, so that it is started anew."""
        while True:
            began = time.monotonic()
            try:
                self.round()
            except Exception as error:
                self._tell_blind(f"{type(error).__name__}: {error}")
            until = max(time.monotonic() + 0.1, began + self._every)
            while time.monotonic() < until:
                is_busy = time.monotonic() < self._busy_until
                time.sleep(min(_LOOK_SOON if is_busy else _LOOK, max(0.0, until - time.monotonic())))
                # What cannot be looked at now is told by the next round.
                with suppress(Exception):
                    if self._logs.look(self._looking.pids):
                        self._busy_until = time.monotonic() + _BUSY

    def round(self) -> None:
        """Look once, and write what was seen. What cannot be seen is told as a problem, and the rest all the same."""
        metrics = Metrics()
        problems = self._looking.look(metrics)

        def tell(part: Callable[[], object]) -> None:
            try:
                found = part()
            except Exception as error:  # the next round may see it again
                problems.append(f"{type(error).__name__}: {error}")
                return
            if isinstance(found, list):
                problems.extend(found)

        tell(lambda: self.asking.take(self._looking.contract))
        tell(self.asking.keep_on)
        tell(lambda: self._logs.read(self._looking.logs, self._looking.pids))
        tell(lambda: self._logs.tell(metrics))
        tell(lambda: self.asking.tell(metrics))
        tell(self.asking.problems)
        metrics.counter("sluice_cpu_seconds_total", "What this program has cost.", time.process_time())
        self._end(metrics, "; ".join(problems))

    def _tell_blind(self, why: str) -> None:
        """Write that nothing could be told: what was told before would look as if it were of now."""
        try:
            self._end(Metrics(), why)
        except Exception:
            with suppress(OSError):
                os.unlink(self._path)
            raise

    def _end(self, metrics: Metrics, problem: str) -> None:
        text = "Whether anything could not be looked at; the unit's journal says what."
        metrics.gauge("sluice_problems", text, bool(problem))
        metrics.gauge("sluice_looked_timestamp_seconds", "When this was written.", time.time())
        if problem and problem != self._said:
            sys.stderr.write(f"{printable(problem)}\n")
        self._said = problem
        self._write(metrics.text())

    def _write(self, text: str) -> None:
        folder, name = os.path.split(self._path)
        # The collector reads what ends in .prom, and nothing else.
        aside = os.path.join(folder, f".{name}.new")
        with suppress(FileNotFoundError):
            os.unlink(aside)
        # The folder may be another user's, who could have a link wait there.
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
