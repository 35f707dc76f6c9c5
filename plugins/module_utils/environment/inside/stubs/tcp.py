"""Plain TCP, as ``stream`` passes it on: a line that says what this is, then an echo. HTTP is answered as HTTP.

Many protocols have the server speak first, so what is silent for a moment gets the line.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

from . import http1
from .connection import LIMIT, Link
from .request_log import EXCERPT, answer

__all__ = ["SILENCE_SECONDS", "FirstReader", "serve"]

SILENCE_SECONDS = 0.4
_HTTP = re.compile(rb"[A-Z]+ \S+ HTTP/[12]")


class FirstReader(asyncio.StreamReader):
    """A reader that tells what comes first, and does not take it. It is waited for ``wait_at_most`` seconds."""

    def __init__(self, wait_at_most: float) -> None:
        super().__init__(LIMIT)
        self.wait_at_most = wait_at_most
        self.first: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def feed_data(self, data: Any) -> None:
        """Take what came from the other side."""
        super().feed_data(data)
        self._tell(bytes(data))

    def feed_eof(self) -> None:
        """Take that nothing more will come."""
        super().feed_eof()
        self._tell(b"")

    def _tell(self, data: bytes) -> None:
        if not self.first.done():
            self.first.set_result(data)


async def serve(link: Link) -> None:
    """Say what this is as soon as something comes, or nothing; echo what comes."""
    first = None
    if isinstance(link.reader, FirstReader):
        first = link.reader.first
        done, _ = await asyncio.wait([first], timeout=link.reader.wait_at_most)
        if done and _HTTP.match(first.result()):
            await http1.serve(link)
            return
    row = link.note("", "", body=first.result()[:EXCERPT] if first is not None and first.done() else b"")
    line = answer({**row, "body": "", "size": 0})
    await link.send(line)
    while data := await link.reader.read(LIMIT):
        await link.send(data)
