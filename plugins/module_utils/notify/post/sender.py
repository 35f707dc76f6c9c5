"""Sends notices, in a process of its own: the order comes by standard input, and what became of it goes into the files.

A channel is a process, too: one that hangs is killed, and the others do not wait for it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import multiprocessing
import os
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...outside import printable
from ...record.files import write_text
from ..model import Delivery, Notice
from ..words.inert import BREAK
from .outbox import Kept, clock, rewrite, stamp

if TYPE_CHECKING:
    from apprise import Apprise

__all__ = ["Post", "main", "read_order", "write_order"]

_NICENESS = 10
_LATE = 600.0
"""Seconds after which a message says that it comes late."""

_NO_APPRISE = "the Python package apprise is not installed on the controller: run `make setup`, or pip install apprise"

# Only these parts of what Apprise logs are told: the rest may have parts of a URL.
_STATUS = re.compile(r"error=(\d{3})\b")
_CONNECTION = re.compile(r"connection|timed? ?out", re.IGNORECASE)


@dataclass
class Post:
    """Messages for a channel: the ``letters`` are sent one after the other. ``report`` is where a check of the channel
    itself is written to, which is all that is done where there are no letters.
    """

    audience: str
    channel: str
    url: str
    letters: list[Kept] = field(default_factory=list)


def write_order(posts: Sequence[Post], timeout: float, report: str) -> bytes:
    """Make what the process reads. ``timeout`` is for each message, in seconds; ``report`` is the path of the file that
    tells what is wrong with a channel itself, or empty.
    """
    rows = [
        {
            "audience": post.audience,
            "channel": post.channel,
            "url": post.url,
            "letters": [{"path": str(path), "notice": notice.to_json()} for path, notice in post.letters],
        }
        for post in posts
    ]
    return json.dumps({"posts": rows, "timeout": timeout, "report": report}).encode()


def read_order(data: bytes) -> tuple[list[Post], float, str]:
    """Read what ``write_order`` made."""
    order = json.loads(data)
    posts = [
        Post(
            row["audience"],
            row["channel"],
            row["url"],
            [Kept(Path(each["path"]), Notice.from_json(each["notice"])) for each in row["letters"]],
        )
        for row in order["posts"]
    ]
    return posts, float(order["timeout"]), str(order["report"])


def main() -> int:
    """Send what standard input says."""
    posts, timeout, report = read_order(sys.stdin.buffer.read())
    with contextlib.suppress(OSError):
        os.nice(_NICENESS)
    ledger = _Ledger(posts)
    try:
        _load()
    except ImportError:
        for post in posts:
            ledger.all_failed(post, _NO_APPRISE)
        _write_report(report, {f"{post.audience}: {post.channel}": _NO_APPRISE for post in posts})
        return 1
    wrong = _deliver(posts, timeout, ledger)
    _write_report(report, wrong)
    return 0


def _load() -> Any:
    """Load all that Apprise has, once and not in each channel; tells what schemes it knows."""
    import apprise

    made: Callable[[], Any] = apprise.NotificationManager
    manager = made()
    if not manager:
        manager.load_modules()
    return manager


def _write_report(path: str, wrong: Mapping[str, str]) -> None:
    if path:
        with contextlib.suppress(OSError):
            write_text(Path(path), json.dumps(wrong))


class _Ledger:
    """What became of the notices, also as files. One that cannot be written leaves the notice as it was."""

    def __init__(self, posts: Sequence[Post]) -> None:
        self._kept = {letter.path: letter for post in posts for letter in post.letters}

    def note(self, path: Path, channel: str, why: str) -> None:
        """Write what became of a notice on a channel; without ``why`` it was sent."""
        kept = self._kept[path]
        delivery = Delivery(channel, "failed" if why else "sent", why, stamp())
        self._kept[path] = Kept(path, kept.notice.told(delivery))
        with contextlib.suppress(OSError):
            rewrite(self._kept[path])

    def all_failed(self, post: Post, why: str, since: int = 0) -> None:
        """Note it of all letters of a channel from a number on."""
        for letter in post.letters[since:]:
            self.note(letter.path, post.channel, why)


@dataclass
class _Runner:
    """A channel at work. ``done`` is how many of its letters are; -1 stands for the channel itself."""

    post: Post
    process: BaseProcess
    pipe: Connection
    due: float
    done: int = -1


def _deliver(posts: Sequence[Post], timeout: float, ledger: _Ledger) -> dict[str, str]:
    """Serve all channels at once; tells what is wrong with channels themselves."""
    wrong: dict[str, str] = {}
    # What is imported by now need not be by each.
    context = multiprocessing.get_context("fork")
    running: list[_Runner] = []
    for post in posts:
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_serve, args=(theirs, post), daemon=True)
        process.start()
        theirs.close()
        running.append(_Runner(post, process, ours, time.monotonic() + timeout))
    while running:
        left = max(0.0, min(each.due for each in running) - time.monotonic())
        heard = wait([each.pipe for each in running], left)
        for each in list(running):
            if each.pipe in heard:
                over = _hear(each, ledger, wrong)
                each.due = time.monotonic() + timeout
            elif over := time.monotonic() >= each.due:
                ledger.all_failed(each.post, f"no answer within {timeout:g} s", max(0, each.done))
            if over:
                each.process.kill()
                each.process.join()
                running.remove(each)
    return wrong


def _hear(runner: _Runner, ledger: _Ledger, wrong: dict[str, str]) -> bool:
    """Note what a channel says; tells whether it is at its end."""
    post = runner.post
    try:
        why = runner.pipe.recv()
    except EOFError:
        ledger.all_failed(post, "its sender died", max(0, runner.done))
        return True
    if runner.done < 0:
        runner.done = 0
        if why:
            wrong[f"{post.audience}: {post.channel}"] = why
            ledger.all_failed(post, why)
            return True
    else:
        ledger.note(post.letters[runner.done].path, post.channel, why)
        runner.done += 1
    return runner.done >= len(post.letters)


def _serve(pipe: Connection, post: Post) -> None:
    """Send a channel's letters, in a process of its own, and tell of each; first of all whether the channel is one."""
    from apprise import NotifyFormat, NotifyType

    said = _silence()
    channel, why = _open(post.url, post.channel)
    pipe.send(why)
    for letter in post.letters if not why else ():
        said.clear()
        message = letter.notice.message
        try:
            # Text, so that no service reads marks of its own in a path or a line of nginx.
            sent = channel.notify(
                body=_late(letter.notice.at) + printable(message.body, f"\n\t{BREAK}"),
                # A line end in it would begin another head of a mail.
                title=printable(message.title, BREAK),
                notify_type=NotifyType(message.kind),
                body_format=NotifyFormat.TEXT,
            )
        except Exception as error:
            # Its words may have parts of the URL; its name has none.
            pipe.send(f"Apprise failed with {type(error).__name__}")
        else:
            pipe.send("" if sent else _reason(said))


def _late(at: str) -> str:
    return f"Sent late: this is of {clock(at)}.\n\n" if at < stamp(-_LATE) else ""


def _open(url: str, name: str) -> tuple[Apprise, str]:
    """Make the channel, and say what is wrong with it."""
    from apprise import Apprise, AppriseAsset

    # Nothing is written beside what we write ourselves.
    made = Apprise(asset=AppriseAsset(app_id="Sluice", app_desc="Sluice", storage_mode="memory"))
    scheme = name.split(" ")[0]
    if scheme not in _load():
        return made, f"Apprise knows no scheme {scheme!r}; `apprise --details` lists those that it knows"
    if not made.add(url):
        return made, "Apprise does not take this URL: a part is missing or wrong; see its page on this scheme"
    return made, ""


def _silence() -> list[str]:
    """Keep to ourselves what Apprise and its libraries log; tells where it goes."""
    said: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    logging.raiseExceptions = False
    root = logging.getLogger()
    root.handlers[:] = [Keep(level=logging.WARNING)]
    return said


def _reason(said: Sequence[str]) -> str:
    text = " ".join(said)
    if status := _STATUS.search(text):
        return f"it answered with the status {status[1]}"
    return "no connection to it" if _CONNECTION.search(text) else "it did not take the message"


if __name__ == "__main__":
    sys.exit(main())
