"""The terminal while an action works: lines that stay, and below them one line that says what runs now.

Ansible runs an action in a process of its own, without a terminal. What it displays there, Ansible's own process
prints, and that works with each callback, with and without ``ansible.cfg``, in AWX and in a pipe. The line of what runs
is printed so as well, with a carriage return at its end, so that whatever comes next stands in its place.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from typing import Any

from ansible import constants

from ansible_collections.sluice.nginx.plugins.module_utils.redactor.redactor import Redactor
from ansible_collections.sluice.nginx.plugins.module_utils.reports.screen import Tone
from ansible_collections.sluice.nginx.plugins.module_utils.textfmt import cut
from ansible_collections.sluice.nginx.plugins.plugin_utils.showing import in_ci, printable_text, show, show_text

__all__ = ["LiveLine", "is_live"]

_DRAWN_SECONDS = 0.25
# Where no line can be drawn anew, it is said after as long a silence what runs: a CI service ends what says nothing.
_SAID_SECONDS = 15.0
_CLEAR = "\x1b[K"
# Services that keep what is printed, and give the run a terminal that nobody looks at.
_KEPT = ("AWX_ISOLATED_DATA_DIR", "JOB_ID")
_COLORS = {"good": constants.COLOR_OK, "bad": constants.COLOR_ERROR, "unsure": constants.COLOR_WARN}


def is_live() -> bool:
    """Return whether somebody looks at a terminal on which a line can be drawn anew."""
    if in_ci() or any(os.environ.get(name) for name in _KEPT) or os.environ.get("TERM", "dumb") == "dumb":
        return False
    return _columns() > 0


def _columns() -> int:
    """Return how wide the terminal is now; 0 where there is none."""
    with contextlib.suppress(OSError):
        return os.get_terminal_size(1).columns
    # An action's own outputs lead nowhere; those of the process that started it are the run's.
    if multiprocessing.parent_process() is None:
        return 0
    try:
        output = os.open(f"/proc/{os.getppid()}/fd/1", os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:
        return 0
    try:
        return os.get_terminal_size(output).columns
    except OSError:
        return 0
    finally:
        os.close(output)


class LiveLine:
    """Shows what an action says while it works. Use it as a context, which takes the line of what runs away.

    ``now`` returns what runs, in one line or as nothing; it is asked on a thread. What is shown passes ``door``.
    """

    def __init__(self, display: Any, now: Callable[[], str] = str, door: Redactor | None = None) -> None:
        self.now = now
        self._display = display
        self._door = door or Redactor()
        self._live = is_live()
        self._lock = threading.Lock()
        self._drawn = ""
        self._latest = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)

    def line(self, text: str, tone: Tone = "") -> None:
        """Show a line that stays."""
        with self._lock:
            self._clear()
            show(self._display, cut(text, _columns()) if self._live else text, self._door, color=_COLORS.get(tone))

    def text(self, text: str, tone: Tone = "") -> None:
        """Show several lines that stay."""
        with self._lock:
            self._clear()
            show_text(self._display, text, self._door, color=_COLORS.get(tone))

    def goes_on(self, text: str) -> None:
        """Say what is done now and takes long: in the line of what runs, and where there is none in one that stays."""
        if self._live:
            self.now = lambda: text
        else:
            self.line(text)

    def _clear(self) -> None:
        self._latest = time.monotonic()
        if self._drawn:
            self._display.display(f"{_CLEAR}\r", screen_only=True, newline=False)
            self._drawn = ""

    def _run(self) -> None:
        while not self._ended.wait(_DRAWN_SECONDS):
            text = self.now()
            with self._lock:
                if self._ended.is_set():
                    return
                if self._live:
                    self._draw(text)
                elif text and time.monotonic() - self._latest >= _SAID_SECONDS:
                    self._latest = time.monotonic()
                    show(self._display, f"{text} …", self._door)

    def _draw(self, text: str) -> None:
        """Draw the line anew where it is another one. A letter of double width would break it, so it may be short."""
        # One column stays free: a terminal goes on to the next line otherwise.
        line = cut(printable_text(text, self._door).replace("\n", " "), max(1, _columns() - 1))
        if line != self._drawn:
            self._display.display(f"{line}{_CLEAR}\r", screen_only=True, newline=False)
            self._drawn = line

    def __enter__(self) -> LiveLine:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        with self._lock:
            self._clear()
