"""Hands notices over to the sender, which shares nothing with the run any more: no pipe, no terminal, no group."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, cast

from ..channels import Channel
from ..model import AUDIENCES
from .outbox import Kept
from .sender import Order, Post

__all__ = ["hand_over", "posts"]

_MODULE = f"{__name__.rpartition('.')[0]}.sender"
_ROOT = Path(__file__).absolute().parents[7]


def posts(kept: Sequence[Kept], channels: Mapping[str, Sequence[Channel]], *, check: bool = False) -> list[Post]:
    """Sort what is open by channel. With ``check`` there is also a post for a channel without any letter."""
    found = []
    for audience in AUDIENCES:
        for channel in channels.get(audience, ()):
            letters = [
                each
                for each in kept
                if each.notice.message.audience == audience
                and any(row.channel == channel.name and row.state == "waiting" for row in each.notice.deliveries)
            ]
            if letters or check:
                found.append(Post(audience, channel.name, channel.url, letters))
    return found


def hand_over(orders: Sequence[Post], timeout: float, *, report: Path | None = None, wait_at_most: float = 0.0) -> bool:
    """Start the sender; wait for it ``wait_at_most`` seconds at most, and tell whether it has ended.

    Raises ``OSError`` where no process can be started.
    """
    if not orders:
        return True
    process = subprocess.Popen(
        [sys.executable, "-m", _MODULE],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
    )
    stdin = cast(IO[bytes], process.stdin)
    # A sender that has died has told nothing, and that is seen by its notices.
    with contextlib.suppress(BrokenPipeError), stdin:
        stdin.write(Order(list(orders), timeout, str(report or "")).to_bytes())
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(wait_at_most)
        return True
    return False
