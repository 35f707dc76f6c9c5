"""``sluice-pull``: one look at what is published. Its timer starts it, or cron with ``--jitter SECONDS``."""

from __future__ import annotations

import fcntl
import os
import sys
from typing import TYPE_CHECKING

from ...errors import SluiceError
from ...untrusted import printable, whole_number
from ..host.system import System
from ..store import Layout
from .settings import settings_of
from .trial import look

if TYPE_CHECKING:
    from .settings import PullSettings

__all__ = ["main"]

_AGAIN, _JITTER = "--again", "--jitter"
_LONGEST_JITTER = 86400
_WAIT = 60.0


def main(arguments: list[str]) -> int:
    """Return the code to exit with: 0 where the host is where it is to be, or waits for its time."""
    again, rest = _AGAIN in arguments, [each for each in arguments if each != _AGAIN]
    seconds = whole_number(rest[1]) if len(rest) == 2 and rest[0] == _JITTER else None
    if rest and (seconds is None or seconds > _LONGEST_JITTER):
        return _say(f"sluice-pull takes {_AGAIN} and {_JITTER} SECONDS, and nothing else", 2)
    system, layout = System(), Layout()
    try:
        settings = settings_of(layout)
    except SluiceError as error:
        return _say(str(error), 1)
    if settings is None:
        return _say("this host does not pull; run sluice.nginx.pull, or join.py", 1)
    if seconds:
        system.sleep(seconds * int.from_bytes(os.urandom(4), "big") / 0x100000000)
    return _look(system, layout, settings, again=again)


def _look(system: System, layout: Layout, settings: PullSettings, *, again: bool) -> int:
    system.make_directory(layout.runtime, 0o700)
    # Not inherited: what a look leaves behind, as a watchdog without systemd, must not hold it.
    descriptor = os.open(layout.runtime / "pull.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if not _locked(descriptor, system):
        return _say("another look is at work on this host", 0)
    looked = look(system, layout, settings, again=again)
    for words in (*looked.warnings, looked.words):
        _say(words, 0)
    if looked.restart:
        sys.stdout.flush()
        # The lock goes with this process's image.
        os.execv(layout.pull, [str(layout.pull), *([_AGAIN] if again else [])])
    return 0 if looked.good else 1


def _locked(descriptor: int, system: System) -> bool:
    """Wait a while for another look to end, as for the timer's first one on a host that joins."""
    until = system.monotonic() + _WAIT
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if system.monotonic() > until:
                return False
            system.sleep(0.2)


def _say(text: str, code: int) -> int:
    sys.stdout.write(f"{printable(text)}\n")
    return code
