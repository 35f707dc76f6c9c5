"""Sends notices, in a process of its own: the order comes by standard input, and what became of it goes into the files.

Each channel has a thread, so none waits for another, and Apprise ends a request by its own timeouts. A channel that
takes longer than a message may is given up.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...packages import msgspec
from ...storage import write_text
from ...textfmt import date_time, now
from ...untrusted import printable
from ..messages.inert import BREAK
from ..model import Delivery, Notice
from .outbox import Kept, rewrite

if TYPE_CHECKING:
    from apprise import Apprise

__all__ = ["Order", "Post", "main"]

_NICENESS = 10
_LATE = 600.0
"""Seconds after which a message says that it comes late."""

_NO_APPRISE = "the Python package apprise is not installed on the controller: run `make setup`, or pip install apprise"

# Only these parts of what Apprise logs are told: the rest may have parts of a URL.
_STATUS = re.compile(r"error=(\d{3})\b")
_CONNECTION = re.compile(r"connection|timed? ?out", re.IGNORECASE)

_LOGGED: ContextVar[list[str]] = ContextVar("logged")
"""What Apprise logged for the message that a channel sends."""


@dataclass
class Post:
    """Messages for a channel: the ``letters`` are sent one after the other. Without letters the channel is checked."""

    audience: str
    channel: str
    url: str
    letters: list[Kept] = field(default_factory=list)


@dataclass
class Order:
    """What the process reads. ``timeout`` is for each message, in seconds; ``report`` is the path of the file that says
    what is wrong with a channel itself, or empty.
    """

    posts: list[Post]
    timeout: float
    report: str = ""

    def to_bytes(self) -> bytes:
        """Return what is written to its standard input."""
        return json.dumps(msgspec.to_builtins(self, enc_hook=str)).encode()

    @classmethod
    def read(cls, data: bytes) -> Order:
        """Return what ``to_bytes`` was called of."""
        return msgspec.convert(json.loads(data), cls, dec_hook=lambda kind, value: kind(value))


def main() -> int:
    """Send what standard input says."""
    order = Order.read(sys.stdin.buffer.read())
    with contextlib.suppress(OSError):
        os.nice(_NICENESS)
    try:
        _load()
    except ImportError:
        wrong = {f"{post.audience}: {post.channel}": _NO_APPRISE for post in order.posts}
    else:
        wrong = {}
        logging.raiseExceptions = False
        logging.getLogger().handlers[:] = [_Keep(level=logging.WARNING)]
    notices = _Notices()
    channels = [_Channel(post, order.timeout, notices, wrong) for post in order.posts]
    for channel in channels:
        channel.start()
    while running := [channel for channel in channels if not channel.is_over()]:
        running[0].join(max(0.0, min(channel.due for channel in running) - time.monotonic()))
    if order.report:
        with contextlib.suppress(OSError):
            write_text(Path(order.report), json.dumps(wrong))
    return 1 if _NO_APPRISE in wrong.values() else 0


def _load() -> Any:
    """Load all that Apprise has, and return what schemes it knows."""
    import apprise

    made: Callable[[], Any] = apprise.NotificationManager
    manager = made()
    if not manager:
        manager.load_modules()
    return manager


class _Keep(logging.Handler):
    """Keeps to ourselves what Apprise and its libraries log, by the channel that it is about."""

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(LookupError):
            _LOGGED.get().append(record.getMessage())


class _Notices:
    """What became of the notices, in their files. One that cannot be written leaves the notice as it was."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._latest: dict[Path, Notice] = {}

    def note(self, letter: Kept, channel: str, why: str) -> None:
        """Write what became of a notice on a channel; without ``why`` it was sent."""
        delivery = Delivery(channel, "failed" if why else "sent", why, now())
        with self._lock, contextlib.suppress(OSError):
            self._latest[letter.path] = self._latest.get(letter.path, letter.notice).with_delivery(delivery)
            rewrite(Kept(letter.path, self._latest[letter.path]))


class _Channel(threading.Thread):
    """A channel at work; ``wrong`` takes what is wrong with the channel itself. A thread that hangs ends with us."""

    def __init__(self, post: Post, timeout: float, notices: _Notices, wrong: dict[str, str]) -> None:
        super().__init__(daemon=True)
        self._post, self._timeout, self._notices, self._wrong = post, timeout, notices, wrong
        self._left = list(post.letters)
        self._lock = threading.Lock()
        self.due = time.monotonic() + timeout

    def run(self) -> None:
        """Check the channel, and send its letters."""
        name = f"{self._post.audience}: {self._post.channel}"
        try:
            channel, why = (None, self._wrong[name]) if name in self._wrong else _open(self._post)
        except Exception as error:
            channel, why = None, f"Apprise failed with {type(error).__name__}"
        if why:
            self._wrong[name] = why
        for letter in self._post.letters:
            self.due = time.monotonic() + self._timeout
            if letter not in self._left:
                return
            self._note(letter, why if channel is None or why else _send(channel, letter.notice))

    def is_over(self) -> bool:
        """Return whether it has ended, or is given up: a message takes longer than it may."""
        is_alive = self.is_alive()
        if is_alive and time.monotonic() < self.due:
            return False
        for letter in list(self._left):
            self._note(letter, f"no answer within {self._timeout:g} s" if is_alive else "its sender died")
        return True

    def _note(self, letter: Kept, why: str) -> None:
        with self._lock:
            if letter in self._left:
                self._left.remove(letter)
                self._notices.note(letter, self._post.channel, why)


def _open(post: Post) -> tuple[Apprise, str]:
    """Return the channel, and what is wrong with it."""
    from apprise import Apprise, AppriseAsset

    # Nothing is written beside what we write ourselves.
    made = Apprise(asset=AppriseAsset(app_id="Sluice", app_desc="Sluice", storage_mode="memory"))
    scheme = post.channel.split(" ")[0]
    if scheme not in _load():
        return made, f"Apprise knows no scheme {scheme!r}; `apprise --details` lists those that it knows"
    if not made.add(post.url):
        return made, "Apprise does not take this URL: a part is missing or wrong; see its page on this scheme"
    return made, ""


def _send(channel: Apprise, notice: Notice) -> str:
    """Send a message; returns why it could not be sent, or nothing."""
    from apprise import NotifyFormat, NotifyType

    logged: list[str] = []
    _LOGGED.set(logged)
    late = f"Sent late: this is of {date_time(notice.at)}.\n\n" if notice.at < now(-_LATE) else ""
    try:
        sent = channel.notify(
            # Text, so that no service reads marks of its own in a path or a line of nginx.
            body=late + printable(notice.message.body, f"\n\t{BREAK}"),
            # A line end in it would begin another head of a mail.
            title=printable(notice.message.title, BREAK),
            notify_type=NotifyType(notice.message.kind),
            body_format=NotifyFormat.TEXT,
        )
    except Exception as error:
        # Its words may have parts of the URL; its name has none.
        return f"Apprise failed with {type(error).__name__}"
    return "" if sent else _reason(logged)


def _reason(logged: Sequence[str]) -> str:
    text = " ".join(logged)
    if status := _STATUS.search(text):
        return f"it answered with the status {status[1]}"
    return "no connection to it" if _CONNECTION.search(text) else "it did not take the message"


if __name__ == "__main__":
    code = main()
    # Neither threads that hang nor what they hold are waited for.
    os._exit(code)
