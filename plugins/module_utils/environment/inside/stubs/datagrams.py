"""What comes in datagrams: UDP as ``stream`` passes it on, the resolver's questions, and what nginx logs to syslog."""

from __future__ import annotations

import asyncio
import ipaddress
import struct
from collections.abc import Callable, Mapping
from typing import Any, cast

from .request_log import RequestLog, StubListener, answer, seen

__all__ = ["Answering", "dns", "syslog", "udp"]

ANY_NAME = "*"
"""The name in a table of names that stands for every other."""

Answer = Callable[[StubListener, RequestLog, bytes], bytes | None]

_A, _AAAA = 1, 28
_ANSWER, _NO_SUCH_NAME = 0x8180, 0x8183
_TTL_SECONDS = 60


class Answering(asyncio.DatagramProtocol):
    """Answers each datagram by a function; what that cannot read is left without an answer."""

    def __init__(self, place: StubListener, record: RequestLog, answers: Answer) -> None:
        self._place, self._record, self._answers = place, record, answers
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the rollback."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Answer one datagram."""
        try:
            said = self._answers(self._place, self._record, data)
        except (ValueError, IndexError, struct.error):
            return
        if said is not None and self._transport is not None:
            self._transport.sendto(said, addr)


def udp(place: StubListener, record: RequestLog, data: bytes) -> bytes:
    """One datagram is answered with what it was."""
    row = seen(place, "", "", body=data)
    record.add(row)
    return answer(row)


def syslog(place: StubListener, record: RequestLog, data: bytes) -> None:
    """Keep the line; syslog has no answer."""
    record.add(seen(place, "", "", body=data))


def dns(names: Mapping[str, str]) -> Answer:
    """A resolver that knows ``names``; ``*`` there is the address of every other name, else there is none."""
    known = {name.lower().rstrip("."): ipaddress.ip_address(address) for name, address in names.items()}

    def resolve(place: StubListener, record: RequestLog, data: bytes) -> bytes:
        number, _, questions = struct.unpack_from(">HHH", data)
        if questions != 1:
            raise ValueError("a question is one question")
        labels, end = _name(data)
        (kind,) = struct.unpack_from(">H", data, end)
        name = ".".join(labels)
        record.add(seen(place, {_A: "A", _AAAA: "AAAA"}.get(kind, str(kind)), name))
        address = known.get(name.lower(), known.get(ANY_NAME))
        fits = address is not None and kind == {4: _A, 6: _AAAA}[address.version]
        head = struct.pack(">HHHHHH", number, _ANSWER if address else _NO_SUCH_NAME, 1, int(fits), 0, 0)
        asked = data[12 : end + 4]
        if address is None or not fits:
            return head + asked
        packed = address.packed
        return head + asked + struct.pack(">HHHIH", 0xC00C, kind, 1, _TTL_SECONDS, len(packed)) + packed

    return resolve


def _name(data: bytes) -> tuple[list[str], int]:
    """The labels of the name that is asked for, and where it ends."""
    labels, place = [], 12
    while length := data[place]:
        if length > 63:
            raise ValueError("a question has no pointers")
        labels.append(data[place + 1 : place + 1 + length].decode("ascii", "replace"))
        place += 1 + length
    return labels, place + 1
