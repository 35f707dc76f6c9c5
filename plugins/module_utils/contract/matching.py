"""Regular expressions with a bound: none of them holds up whoever tries it, whatever pattern and text are.

Python's ``re`` lets nothing else run while it looks, and some patterns look for years. So a pattern whose work on a
text is known to be small is tried here; any other one is tried in a child process, which may use so much of a
processor, and no more.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress
from typing import Pattern, Sequence

from .effort import is_quick
from .pattern import GaveUp

__all__ = ["SECONDS", "GaveUp", "search", "search_any"]

SECONDS = 2.0
"""What a pattern may use of a processor."""

# A machine that is busy gives the child little; so many times longer it may take by the clock.
_SLACK = 4
# Beyond what this process has, in bytes: what a pattern remembers grows with the text.
_MEMORY = 256 << 20
_PART = 64 << 10
# No process of ours has more files open.
_MOST_FILES = 4096
_NOT_FOUND, _NO_MEMORY, _WHOLE = b"n", b"m", b"."
# One child at a time: a server that answers what is slow to look through takes one processor, and not all.
_turn = threading.Lock()


def search(pattern: Pattern[str], text: str, seconds: float = SECONDS) -> tuple[str | None, ...] | None:
    """Look for a pattern anywhere in a text, as ``Pattern.search`` does, with ``seconds`` of a processor at most.

    Returns what it matches as a whole and what each of its groups does (None: nothing), or None where it does not.
    Raises ``GaveUp``.
    """
    return _search(pattern, text, seconds, seconds)[0]


def search_any(pattern: Pattern[str], texts: Sequence[str], seconds: float = SECONDS) -> bool:
    """Return whether a pattern is in any of the texts, for all of which it has ``seconds``. Raises ``GaveUp``."""
    left = seconds
    for text in texts:
        found, used = _search(pattern, text, max(left, 0.01), seconds)
        if found is not None:
            return True
        left -= used
    return False


def _search(
    pattern: Pattern[str], text: str, left: float, seconds: float
) -> tuple[tuple[str | None, ...] | None, float]:
    """Return what ``search`` does with what is ``left`` of so many seconds, and what a child has used of them."""
    if is_quick(pattern, text):
        found = pattern.search(text)
        return None if found is None else (found[0], *found.groups()), 0.0
    with _turn:
        said, used = _in_child(pattern, text, left)
    if said == _NOT_FOUND:
        return None, used
    if said == _NO_MEMORY:
        raise GaveUp(f"{_named(pattern)} needs more than {_MEMORY >> 20} MiB for {_size(text)}; {_HINT}")
    if not said:
        raise GaveUp(f"{_named(pattern)} took longer than {seconds:g} s for {_size(text)}; {_HINT}")
    ends = [int(number) for number in said.split()]
    return tuple(text[begin:end] if begin >= 0 else None for begin, end in zip(ends[::2], ends[1::2])), used


_HINT = "write it without `.*` and without repeats within repeats"


def _named(pattern: Pattern[str]) -> str:
    shown = pattern.pattern if len(pattern.pattern) <= 80 else f"{pattern.pattern[:79]}…"
    return f"the pattern /{shown}/"


def _size(text: str) -> str:
    return f"a text of {len(text)} characters"


def _in_child(pattern: Pattern[str], text: str, seconds: float) -> tuple[bytes, float]:
    """Return what a child says of the text, nothing where it has not come to an end, and the seconds that it used."""
    # Before the fork: a child that imports may wait for a lock of a thread that it does not have.
    import resource

    limits = resource.RLIMIT_AS, _used() + _MEMORY
    until = time.monotonic() + _SLACK * seconds
    try:
        take, put = os.pipe()
        try:
            child = os.fork()
        except OSError:
            os.close(take)
            os.close(put)
            raise
    except OSError as error:
        raise GaveUp(f"{_named(pattern)} could not be tried: {error.strerror}") from None
    if not child:
        try:
            # The kernel ends it, whatever it does, and also when nobody is left that waits for it.
            for number in (signal.SIGPROF, signal.SIGALRM):
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGPROF, signal.SIGALRM))
            signal.setitimer(signal.ITIMER_PROF, seconds)
            signal.alarm(int(_SLACK * seconds) + 1)
            # What it has inherited may be a lock, or a pipe whose end somebody waits for.
            os.closerange(0, put)
            os.closerange(put + 1, _MOST_FILES)
            if limits[1] > _MEMORY:
                with suppress(ValueError, OSError):
                    resource.setrlimit(limits[0], (limits[1], limits[1]))
            _say(put, _spans(pattern, text))
        except MemoryError:
            _say(put, _NO_MEMORY)
        finally:
            os._exit(0)
    os.close(put)
    try:
        said = _heard(take, until)
    finally:
        os.close(take)
        used = _end(child)
    # Half of an answer is none.
    return said[:-1] if said[-1:] == _WHOLE else b"", used


def _heard(take: int, until: float) -> bytes:
    """Read to the end of a pipe; what came until then, where the end does not come in time."""
    import select

    said = b""
    poll = select.poll()
    poll.register(take, select.POLLIN)
    while (left := until - time.monotonic()) > 0:
        if poll.poll(left * 1000 + 1):
            part = os.read(take, _PART)
            said += part
            if not part:
                break
    return said


def _spans(pattern: Pattern[str], text: str) -> bytes:
    found = pattern.search(text)
    if found is None:
        return _NOT_FOUND
    return " ".join(f"{begin} {end}" for begin, end in found.regs).encode()


def _say(put: int, answer: bytes) -> None:
    left = answer + _WHOLE
    while left:
        left = left[os.write(put, left) :]


def _end(child: int) -> float:
    """End a child, and return what it has used of a processor, in seconds."""
    # Where whoever started this process has told the kernel to keep no codes, there may be nothing to wait for.
    with suppress(ProcessLookupError, ChildProcessError):
        os.kill(child, 9)
        usage = os.wait4(child, 0)[2]
        return usage.ru_utime + usage.ru_stime
    return 0.0


def _used() -> int:
    """Return how much memory this process may touch, in bytes; 0 where that is not told."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
