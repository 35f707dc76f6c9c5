"""A connection to a stub, as each protocol gets it."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from typing import Any

from .request_log import RequestLog, ResponseOverride, StubListener, override_of, seen
from .tls import shown

__all__ = ["LIMIT", "Link", "Refused", "granted"]

LIMIT = 1024 * 1024
"""No line and no head may be longer, in bytes."""


class Refused(Exception):
    """What came is not of the protocol, or no answer is wished for: the connection is closed."""


@dataclass(frozen=True)
class Link:
    """A connection, where it came to, and the record of all."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    place: StubListener
    record: RequestLog

    @property
    def tls(self) -> dict[str, Any]:
        """What nginx showed of its TLS, as a part of a row; empty on a plain connection."""
        found: ssl.SSLObject | None = self.writer.get_extra_info("ssl_object")
        if found is None:
            return {}
        return {"tls": shown(found)}

    async def send(self, data: bytes) -> None:
        """Send, and wait while the other side is slow."""
        self.writer.write(data)
        await self.writer.drain()

    def note(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        """Note a request in the record, and return its row."""
        row = seen(self.place, method, path, **more, **self.tls)
        self.record.add(row)
        return row


async def granted(row: dict[str, Any]) -> ResponseOverride:
    """The override of a request, once its delay is over. Raises ``Refused`` where no answer is wished for."""
    override = override_of(row["headers"])
    if override.delay:
        await asyncio.sleep(override.delay)
    if override.close:
        raise Refused
    return override
