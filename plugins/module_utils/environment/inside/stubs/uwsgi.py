"""uwsgi: one packet of variables, the body behind it, and an answer as of HTTP."""

from __future__ import annotations

import struct

from .connection import Link, Refused
from .http1 import answer_params

__all__ = ["serve"]

_WSGI = 0
# Programs of CGI are 9, PHP is 14; a letter of another protocol is beyond.
_LAST_PLUGIN = 31


async def serve(link: Link) -> None:
    """Answer the one request of the connection."""
    modifier, length = struct.unpack("<BHx", await link.reader.readexactly(4))
    if modifier > _LAST_PLUGIN:
        raise Refused
    packet = await link.reader.readexactly(length)
    words, place = [], 0
    while place < len(packet):
        (size,) = struct.unpack_from("<H", packet, place)
        words.append(packet[place + 2 : place + 2 + size].decode(errors="replace"))
        place += 2 + size
    params = dict(zip(words[::2], words[1::2], strict=True))
    # Which of its plugins is asked for is part of what it is told: a program of CGI, say.
    if modifier != _WSGI:
        params["UWSGI_MODIFIER1"] = str(modifier)
    await answer_params(link, params, "HTTP/1.1", **link.tls)
